"""The lists: Need action, waiting for the follower, Completed calls, Upcoming."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_safe
from django_htmx.http import trigger_client_event

from bookings import database_time, lists
from bookings.access import (
    ExpertRequest,
    expert_required,
    own_booking,
    quiet_when_signed_out,
)
from bookings.forms.filters import PastFilterForm, SearchForm
from bookings.presenters import groups, rows
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
    context = {
        **answers.counters_of(request.expert, now=database_time.now(), source=source),
        **_list_context(request, found, form, source=source),
        "limits_hours": groups.answer_time(),
    }
    return answers.shown(request, "bookings/need_action.html", _partial(form), context)


@expert_required
@require_safe
def completed_calls(request: ExpertRequest) -> HttpResponse:
    form = PastFilterForm(request.GET)
    wanted = form.wanted(request.expert)
    found = lists.past(
        request.expert, now=database_time.now(), wanted=wanted, after=form.value("after")
    )
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
        request.expert, now=database_time.now(), search=form.value("q"), after=form.value("after")
    )
    context = _list_context(request, found, form, source="upcoming")
    return answers.shown(request, "bookings/upcoming.html", _partial(form), context)


def _partial(form: SearchForm) -> str:
    """Further rows are put below; a new search replaces the list."""
    return "more" if form.value("after") else "list"


def _list_context(
    request: ExpertRequest, found: lists.Page, form: SearchForm, *, source: str
) -> dict[str, Any]:
    reader = Reader.of(request.expert, now=database_time.now())
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
    """The badge, asked for once a minute; it never speaks and never moves the focus.

    Above a list of calls with a deadline everything that counts them comes with it, and for the
    script the codes of the calls that belong there now: the list itself is left alone.
    """
    expert, now, source = request.expert, database_time.now(), answers.source_of(request)
    if source not in rows.WITH_DEADLINE:
        count = lists.need_count(expert)
        nav = navigation(expert, section="", count=count, now=now)
        return render(request, "bookings/count_answer.html", {"nav": nav})
    context = answers.counters_of(expert, now=now, source=source)
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
    """One row as it is now, for a countdown that has run out."""
    own_booking(request.expert, code)
    source = answers.source_of(request)
    return answers.fresh_row(request, code, source, now=database_time.now())
