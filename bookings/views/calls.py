"""The lists of an expert's calls: Need action, waiting for the follower, Completed calls, Upcoming;
and what narrows them. A value nobody can mean is left out, which is told, never an error page."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.http import Http404, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_safe
from django_htmx.http import trigger_client_event

from bookings import database_time, formats, lists, shop
from bookings.access import ExpertRequest, expert_required, own_booking, quiet_when_signed_out
from bookings.forms.fields import DayField, LineField
from bookings.models import Expert
from bookings.policy import Policy
from bookings.presenters import groups
from bookings.presenters.row import USUALLY_OVER, WITH_DEADLINE
from bookings.presenters.shell import navigation
from bookings.views import answers
from bookings.wording.reader import Reader
from bookings.zones import zone_info

LONGEST_SEARCH = 80


def _sentences(end: str) -> dict[str, str]:
    return {
        "invalid": f"The {end} day is no date such as 2026-11-26, so it is left out.",
        "past": f"The {end} day is too far in the past, so it is left out.",
        "too_far": f"The {end} day is too far ahead, so it is left out.",
    }


class SearchForm(forms.Form):
    q = LineField(
        required=False,
        max_length=LONGEST_SEARCH,
        error_messages={
            "max_length": "A search has at most %(limit_value)d characters and yours has "
            "%(show_value)d, so it is left out. Search for a name or the code of a booking."
        },
    )
    after = forms.CharField(required=False, max_length=60)
    shown = forms.IntegerField(required=False, min_value=0, max_value=10**9)
    typed: tuple[str, ...] = ("q",)

    def value(self, name: str) -> Any:
        """The cleaned value; empty when it was refused."""
        self.is_valid()
        return self.cleaned_data.get(name) or ""

    def problems(self) -> list[str]:
        """What was typed and cannot be meant, told in sentences. What only links carry is not."""
        return [str(sentence) for name in self.typed for sentence in self.errors.get(name, [])]

    def kept(self) -> dict[str, str]:
        """What narrows the list, as text for a link."""
        names = [name for name in self.fields if name not in ("after", "shown")]
        return {name: str(self.value(name)) for name in names if self.value(name)}


class PastFilterForm(SearchForm):
    outcome = forms.ChoiceField(choices=[*lists.OUTCOMES.items()], required=False)
    date_from = DayField(required=False, error_messages=_sentences("first"))
    date_to = DayField(required=False, error_messages=_sentences("last"))
    typed = ("q", "date_from", "date_to")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        first, last = data.get("date_from"), data.get("date_to")
        if first and last and first > last:
            del data["date_from"]
            self.add_error("date_to", "The last day is before the first, so both are left out.")
        return data

    def wanted(self, expert: Expert) -> lists.PastFilter:
        """Whole days on the expert's calendar; the last one is included."""
        zone = zone_info(expert.time_zone)
        until = self.value("date_to")
        return lists.PastFilter(
            search=self.value("q"),
            outcome=self.value("outcome"),
            starts_from=_midnight(self.value("date_from"), zone),
            starts_before=_midnight(until + timedelta(days=1), zone) if until else None,
        )


def _midnight(day: date | str | None, zone: ZoneInfo) -> datetime | None:
    return datetime.combine(day, time(0), zone) if isinstance(day, date) else None


# --- the lists ------------------------------------------------------------------------------------


@expert_required
@require_safe
def need_action(request: ExpertRequest) -> HttpResponse:
    form = SearchForm(request.GET)
    found = lists.need_action(request.expert, search=form.value("q"), after=form.value("after"))
    return _with_deadlines(request, found, form, source="need_action")


@expert_required
@require_safe
def waiting(request: ExpertRequest) -> HttpResponse:
    form = SearchForm(request.GET)
    found = lists.waiting(request.expert, search=form.value("q"), after=form.value("after"))
    return _with_deadlines(request, found, form, source="waiting")


def _with_deadlines(
    request: ExpertRequest, found: lists.Page, form: SearchForm, *, source: str
) -> HttpResponse:
    now = database_time.now()
    counted = answers.counters_of(request, now=now, source=source)
    limit = formats.duration(Policy.in_force().no_show_window)
    return _page(request, "need_action", found, form, source, now, limits_hours=limit, **counted)


@expert_required
@require_safe
def completed_calls(request: ExpertRequest) -> HttpResponse:
    form, now = PastFilterForm(request.GET), database_time.now()
    wanted = form.wanted(request.expert)
    found = lists.past(request.expert, now=now, wanted=wanted, after=form.value("after"))
    return _page(
        request,
        "completed_calls",
        found,
        form,
        "completed_calls",
        now,
        filters=groups.outcome_links(form.kept(), wanted.outcome),
        outcome=wanted.outcome,
        is_narrowed=bool(form.kept()),
    )


@expert_required
@require_safe
def upcoming(request: ExpertRequest) -> HttpResponse:
    form, now = SearchForm(request.GET), database_time.now()
    found = lists.upcoming(
        request.expert, now=now, search=form.value("q"), after=form.value("after")
    )
    return _page(request, "upcoming", found, form, "upcoming", now)


def _page(
    request: ExpertRequest,
    template: str,
    found: lists.Page,
    form: SearchForm,
    source: str,
    now: datetime,
    **besides: Any,
) -> HttpResponse:
    """The page; for HTMX the list of a new search, or the rows that are put below it."""
    after, search, problems = form.value("after"), form.value("q"), form.problems()
    count = len(found.bookings)
    total = count + int(form.value("shown") or 0) if after else count
    more_url = ""
    if found.after:
        more_url = f"?{urlencode({**form.kept(), 'after': found.after, 'shown': total})}"
    context = {
        "groups": groups.grouped(
            found.bookings,
            Reader.of(request.expert, now=now),
            source=source,
            csrf_token=SimpleLazyObject(lambda: get_token(request)),
        ),
        "count": total,
        "more_url": more_url,
        "looked_through": f"{lists.SEARCHED_AT_ONCE:,}" if found.is_cut_short else "",
        "is_continued": bool(after),
        "q": search,
        "form": form,
        "source": source,
        "usually_over": USUALLY_OVER,
        "problems": problems,
        "announced": groups.announcement(
            count, search, has_more=bool(found.after), problems=problems
        ),
        "first_steps": shop.first_steps(request.expert) if request.expert.is_new else None,
        **besides,
    }
    name = f"bookings/{template}.html"
    if answers.is_fragment(request):
        name += "#more" if after else "#list"
    return answers.shown(request, name, context)


# --- what a list asks by itself -------------------------------------------------------------------


@quiet_when_signed_out
@expert_required
@require_safe
def need_count(request: ExpertRequest) -> HttpResponse:
    """The badge, asked for once a minute; it never speaks and never moves the focus.

    Above a list of calls with a deadline everything that counts them comes with it, and for the
    script the codes of the calls that belong there now: the list itself is left alone.
    """
    expert, now, source = request.expert, database_time.now(), answers.source_of(request)
    if source not in WITH_DEADLINE:
        count = lists.need_count(expert)
        nav = navigation(expert, section="", count=count, now=now)
        return render(request, "bookings/count_answer.html", {"nav": nav})
    context = answers.counters_of(request, now=now, source=source)
    nav = navigation(expert, section="", count=context["need_count"], now=now, source=source)
    response = render(
        request, "bookings/count_answer.html", {**context, "nav": nav, "source": source}
    )
    are_waiting = source == "waiting"
    calls = lists.codes(expert, are_waiting=are_waiting)
    found = context["counters"]
    now_there = {
        "calls": calls,
        "areAll": len(calls) < lists.COUNTED_UP_TO,
        "count": found.waiting if are_waiting else found.need,
    }
    return trigger_client_event(response, "list:now", now_there)


@quiet_when_signed_out
@expert_required
@require_safe
def row(request: ExpertRequest, code: str) -> HttpResponse:
    """One row as it is now, for a countdown that has run out, and what the page counts, which
    changes when its time is up."""
    own_booking(request.expert, code)
    source, now = answers.source_of(request), database_time.now()
    html = answers.row_now(request, code, source, now=now)
    if html is None:
        raise Http404("There is no such row.")
    counted = answers.counters_of(request, now=now, source=source)
    return render(request, "bookings/row_answer.html", {**counted, "row": html, "source": source})


urlpatterns: list[URLPattern] = [
    path("need-action/", need_action, name="need_action"),
    path("need-action/waiting/", waiting, name="waiting"),
    path("need-action/count/", need_count, name="need_count"),
    path("completed-calls/", completed_calls, name="completed_calls"),
    path("upcoming/", upcoming, name="upcoming"),
    path("bookings/<slug:code>/row/", row, name="booking_row"),
]
