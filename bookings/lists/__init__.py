"""The bookings of an expert's lists: one query for a page, however many there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bookings.lists.sql import (
    HISTORY,
    REPORT,
    Statement,
    aware,
    read_bookings,
    read_position,
    written,
)
from bookings.models import Booking, Expert, as_code
from bookings.policy import Policy

PAGE = 25
COUNTED_UP_TO = 100
SEARCHED_AT_ONCE = 5000
"""So many calls are looked through for a search; then the page offers to look further."""
OUTCOMES = {
    "not_confirmed": "Not confirmed",
    "completed": "Completed",
    "no_show_reported": "No-show reported",
    "waiting": "Waiting",
    "contested": "Contested",
    "refunded": "Refunded",
    "cancelled": "Cancelled",
}
"""What Completed calls can be narrowed to, and the words for it."""
LONGEST_CALL = timedelta(minutes=2**15 - 1)
"""What the column of a service's length can hold."""

NEED_ACTION = "b.state = 'no_show_reported'"
WAITING = "b.state = 'reschedule_offered'"


@dataclass(frozen=True, slots=True)
class Page:
    bookings: list[Booking]
    after: str
    """Where the next page starts; empty on the last one."""
    is_cut_short: bool = False
    """The search has stopped at SEARCHED_AT_ONCE; `after` goes on from there."""


@dataclass(frozen=True, slots=True)
class PastFilter:
    """What Completed calls are narrowed to; an empty one hides nothing."""

    search: str = ""
    outcome: str = ""
    starts_from: datetime | None = None
    starts_before: datetime | None = None


def need_action(expert: Expert, *, search: str = "", after: str = "") -> Page:
    return _page(_by_deadline(expert, NEED_ACTION), search, after)


def waiting(expert: Expert, *, search: str = "", after: str = "") -> Page:
    return _page(_by_deadline(expert, WAITING), search, after)


def upcoming(expert: Expert, *, now: datetime, search: str = "", after: str = "") -> Page:
    calls = Statement(expert, "ends_at", (HISTORY,))
    calls.begin_at(now + timedelta.resolution)
    return _page(calls, search, after)


def past(expert: Expert, *, now: datetime, wanted: PastFilter, after: str = "") -> Page:
    calls = Statement(expert, "ends_at", (HISTORY,), newest_first=True)
    calls.begin_at(now)
    if wanted.outcome:
        _narrow(calls, wanted.outcome, now)
    if wanted.starts_from:
        calls.where("b.starts_at >= %s AND b.ends_at > %s", *[wanted.starts_from] * 2)
    if before := wanted.starts_before:
        calls.where("b.starts_at < %s", before)
        calls.begin_at(before + LONGEST_CALL)
    return _page(calls, wanted.search, after)


def row(expert: Expert, code: str) -> Booking | None:
    """One booking with everything that any list shows of it."""
    call = Statement(expert, "ends_at", (REPORT, HISTORY))
    call.where("b.code = %s", code)
    return next(read_bookings(call.rows(1), call), None)


def several(expert: Expert, codes: list[str]) -> list[Booking]:
    """Those of `codes` that need action, the next deadline first."""
    chosen = Booking.objects.of_expert(expert).needing_action().filter(code__in=codes)
    found = list(chosen.select_related("follower", "payment"))
    for booking in found:
        booking.expert = expert
    return found


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    """The calls of a list that were paid in one currency, counted and added up."""

    currency: str
    calls: int
    next_deadline_at: datetime | None
    """The first deadline among those whose time is not up."""
    minor: int
    """What goes back of those if nothing is done."""


def open_calls(
    expert: Expert, *, now: datetime, are_waiting: bool = False
) -> tuple[list[CurrencyTotal], int]:
    """What the next COUNTED_UP_TO calls that need action are about, and how many wait for the
    follower; or the other way round."""
    need, waiting = _by_deadline(expert, NEED_ACTION), _by_deadline(expert, WAITING)
    calls, others = (waiting, need) if are_waiting else (need, waiting)
    found = calls.sums(now, COUNTED_UP_TO, beside=others)
    totals = [
        CurrencyTotal(currency, count, aware(deadline_at) if deadline_at else None, int(minor))
        for currency, count, deadline_at, minor in found
        if currency is not None
    ]
    return totals, next(count for currency, count, _, _ in found if currency is None)


def codes(expert: Expert, *, are_waiting: bool = False) -> list[str]:
    """Of the calls that need action, or wait for the follower; the next deadline first."""
    return _by_deadline(expert, WAITING if are_waiting else NEED_ACTION).codes(COUNTED_UP_TO)


def need_count(expert: Expert) -> int:
    """Counts no further than is shown: an exact count gets slower with every call."""
    return _by_deadline(expert, NEED_ACTION).count(COUNTED_UP_TO)


def _by_deadline(expert: Expert, state: str) -> Statement:
    calls = Statement(expert, "deadline_at", (REPORT,))
    calls.where(state)
    return calls


def _narrow(calls: Statement, outcome: str, now: datetime) -> None:
    """By the limits in force, as an index can answer it."""
    reportable_since = now - Policy.in_force().report_window
    if outcome == "not_confirmed":
        calls.where("b.state = 'scheduled' AND b.ends_at > %s", reportable_since)
    elif outcome == "completed":
        calls.where(
            "(b.state = 'completed' OR b.state = 'scheduled' AND b.ends_at <= %s)",
            reportable_since,
        )
    else:
        calls.where(_OUTCOME[outcome])


_OUTCOME = {
    "no_show_reported": "b.state = 'no_show_reported' AND NOT b.state = 'scheduled'",
    "waiting": "b.state = 'reschedule_offered' AND NOT b.state = 'scheduled'",
    "contested": "b.state = 'contested' AND NOT b.state = 'scheduled'",
    "refunded": "b.state = 'refunded' AND NOT b.state = 'scheduled'",
    "cancelled": "b.state = 'cancelled' AND NOT b.state = 'scheduled'",
}
"""Both say the same; SQLite takes the index of these only where its own condition is repeated."""


def _page(calls: Statement, search: str, after: str) -> Page:
    """By keyset: page 4000 costs what page 1 costs, and a new row shifts nothing."""
    if (position := read_position(after)) is not None:
        calls.after(position)
    if code := as_code(search):
        calls.where("b.code = %s", code)
        search = ""
    end = None
    if search:
        if end := calls.position_at(SEARCHED_AT_ONCE):
            calls.up_to(end)
        found = calls.matching(search, PAGE + 1)
    else:
        found = calls.rows(PAGE + 1)
    shown = list(read_bookings(found[:PAGE], calls))
    if len(found) > PAGE:
        last = shown[-1]
        return Page(shown, written(getattr(last, calls.order), last.pk))
    if end is not None:
        return Page(shown, written(*end), is_cut_short=True)
    return Page(shown, "")
