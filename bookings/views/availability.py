"""The expert's weekly hours, single dates and booking rules, each its own form on one page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from functools import wraps

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST, require_safe

from bookings import database_time, hours
from bookings.access import ExpertRequest, expert_required
from bookings.formats import local
from bookings.forms.availability import (
    BookingRulesForm,
    OverrideForm,
    WeekForm,
    next_times,
    override_rows,
)
from bookings.models import Expert

MAX_OVERRIDES = 300


def back_unless_posted(
    view: Callable[[ExpertRequest], HttpResponse],
) -> Callable[[ExpertRequest], HttpResponse]:
    """A form that was refused is shown at its own address; asking for that again shows the page."""

    @wraps(view)
    def wrapped(request: ExpertRequest) -> HttpResponse:
        return view(request) if request.method == "POST" else redirect("availability")

    return wrapped


@require_safe
@expert_required
def availability(request: ExpertRequest) -> HttpResponse:
    return _page(request, database_time.now())


@expert_required
@back_unless_posted
def save_week(request: ExpertRequest) -> HttpResponse:
    form = WeekForm(request.POST, expert=request.expert)
    if not form.is_valid():
        return _page(request, database_time.now(), week=form)
    hours.replace_week(request.expert, form.spells)
    messages.success(request, "Your weekly hours are saved.")
    return redirect("availability")


@expert_required
@back_unless_posted
def save_rules(request: ExpertRequest) -> HttpResponse:
    form = BookingRulesForm(request.POST, instance=request.expert)
    if not form.is_valid():
        return _page(request, database_time.now(), rules=form)
    form.save()
    messages.success(request, "Your booking rules are saved.")
    return redirect("availability")


@expert_required
@back_unless_posted
def add_override(request: ExpertRequest) -> HttpResponse:
    now, expert = database_time.now(), request.expert
    taken = hours.own_hours_by_date(expert)
    form = OverrideForm(request.POST, today=_today(expert, now), clock=expert.clock, taken=taken)
    if form.is_valid() and expert.date_overrides.count() >= MAX_OVERRIDES:
        form.add_error("day", f"You can keep up to {MAX_OVERRIDES} dates. Remove old ones first.")
    if not form.is_valid():
        return _page(request, now, override=form)
    hours.set_date(expert, form.cleaned_data["day"], form.spell)
    messages.success(request, "The date is saved.")
    return redirect("availability")


@require_POST
@expert_required
def remove_override(request: ExpertRequest, pk: int) -> HttpResponse:
    if not hours.forget_date(request.expert, pk):
        raise Http404("No date of yours.")
    messages.success(request, "The date is removed. Your weekly hours count again.")
    return redirect("availability")


def _today(expert: Expert, now: datetime) -> date:
    return local(now, expert.time_zone).date()


def _page(
    request: ExpertRequest,
    now: datetime,
    *,
    week: WeekForm | None = None,
    rules: BookingRulesForm | None = None,
    override: OverrideForm | None = None,
) -> HttpResponse:
    """The page with the form that was refused, if one was; the others are fresh."""
    expert = Expert.objects.get(pk=request.expert.pk) if rules else request.expert
    today = _today(expert, now)
    refused = week or rules or override
    context = {
        "refused": refused,
        "expert": expert,
        "week": week or WeekForm(expert=expert),
        "rules": rules or BookingRulesForm(instance=expert),
        "override": override or OverrideForm(today=today, clock=expert.clock),
        "overrides": override_rows(expert, today=today, clock=expert.clock),
        "next_times": next_times(expert, now=now),
    }
    return render(request, "accounts/availability.html", context, status=422 if refused else 200)


urlpatterns: list[URLPattern] = [
    path("account/availability/", availability, name="availability"),
    path("account/availability/week/", save_week, name="save_week"),
    path("account/availability/rules/", save_rules, name="save_rules"),
    path("account/availability/dates/", add_override, name="add_override"),
    path("account/availability/dates/<int:pk>/remove/", remove_override, name="remove_override"),
]
