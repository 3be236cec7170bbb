"""The lists: Need action, waiting for the follower, Completed calls, Upcoming."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_safe

from bookings import lists
from bookings.access import (
    ExpertRequest,
    expert_required,
    own_booking,
    quiet_when_signed_out,
)
from bookings.forms.filters import PastFilterForm, SearchForm
from bookings.presenters import counters, groups, rows
from bookings.presenters.countdown import USUALLY_OVER
from bookings.presenters.navigation import navigation
from bookings.presenters.reader import Reader
from bookings.views.expert import answers


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
    now = timezone.now()
    stakes, waiting = lists.open_calls(request.expert, now=now)
    shown = counters.counters(stakes, waiting, Reader.of(request.expert, now=now))
    context = {
        "counters": shown,
        "need_count": shown.need_count,
        **_list_context(request, found, form, source=source),
        "limits_hours": groups.answer_time(),
    }
    return answers.shown(request, "bookings/need_action.html", _partial(form), context)


@expert_required
@require_safe
def completed_calls(request: ExpertRequest) -> HttpResponse:
    form = PastFilterForm(request.GET)
    wanted = form.wanted(request.expert)
    found = lists.past(request.expert, now=timezone.now(), wanted=wanted, after=form.value("after"))
    context = {
        **_list_context(request, found, form, source="completed_calls"),
        "filters": groups.outcome_links(form.kept(), wanted.outcome),
        "outcome": wanted.outcome,
        "is_narrowed": form.is_narrowed(),
    }
    return answers.shown(request, "bookings/completed_calls.html", _partial(form), context)


@expert_required
@require_safe
def upcoming(request: ExpertRequest) -> HttpResponse:
    form = SearchForm(request.GET)
    found = lists.upcoming(
        request.expert, now=timezone.now(), search=form.value("q"), after=form.value("after")
    )
    context = _list_context(request, found, form, source="upcoming")
    return answers.shown(request, "bookings/upcoming.html", _partial(form), context)


def _partial(form: SearchForm) -> str:
    """Further rows are put below; a new search replaces the list."""
    return "more" if form.value("after") else "list"


def _list_context(
    request: ExpertRequest, found: lists.Page, form: SearchForm, *, source: str
) -> dict[str, Any]:
    reader = Reader.of(request.expert, now=timezone.now())
    shown = [rows.row(booking, reader, source=source) for booking in found.bookings]
    already = form.shown_before()
    return {
        "groups": groups.grouped(
            found.bookings,
            shown,
            reader,
            source=source,
            csrf_token=SimpleLazyObject(lambda: get_token(request)),
        ),
        "count": already + len(shown),
        "more_url": form.next_url(found.after, already + len(shown)) if found.after else "",
        "looked_through": f"{lists.SEARCHED_AT_ONCE:,}" if found.is_cut_short else "",
        "is_continued": bool(form.value("after")),
        "q": form.value("q"),
        "form": form,
        "source": source,
        "usually_over": USUALLY_OVER,
        "problems": form.problems(),
        "announced": groups.announcement(
            len(shown), form.value("q"), has_more=bool(found.after), problems=form.problems()
        ),
    }


@quiet_when_signed_out
@expert_required
@require_safe
def need_count(request: ExpertRequest) -> HttpResponse:
    """The badge, asked for once a minute; it never speaks and never moves the focus."""
    count = lists.need_count(request.expert)
    nav = navigation(request.expert, section="", count=count, now=timezone.now())
    return render(request, "bookings/count_answer.html", {"nav": nav})


@quiet_when_signed_out
@expert_required
@require_safe
def row(request: ExpertRequest, code: str) -> HttpResponse:
    """One row as it is now, for a countdown that has run out."""
    own_booking(request.expert, code)
    source = answers.source_of(request)
    return answers.fresh_row(request, code, source, now=timezone.now())
