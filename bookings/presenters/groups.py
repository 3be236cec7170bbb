"""Rows under their headings, and the words around a list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter
from urllib.parse import urlencode

from django.utils.safestring import SafeString

from bookings import clocks, formats
from bookings.lists import OUTCOMES
from bookings.models import Booking
from bookings.policy import Policy
from bookings.presenters import markup
from bookings.presenters.rows import WITH_DEADLINE, Row
from bookings.wording.reader import Reader


@dataclass(frozen=True, slots=True)
class Group:
    key: str
    title: str
    rows: list[Row]
    html: SafeString
    until: str
    """When one of the rows is out of date by itself. Empty where the rows look again themselves."""


@dataclass(frozen=True, slots=True)
class FilterLink:
    label: str
    url: str
    is_current: bool


def grouped(
    bookings: Sequence[Booking],
    rows: Sequence[Row],
    reader: Reader,
    *,
    source: str,
    csrf_token: markup.LateText,
) -> list[Group]:
    """In the order of the rows."""
    titles = (_title(booking, reader, source) for booking in bookings)
    found: list[Group] = []
    for title, triples in groupby(zip(titles, rows, bookings, strict=True), key=itemgetter(0)):
        _, members, theirs = zip(*triples, strict=True)
        html = markup.html(members, source=source, csrf_token=csrf_token)
        until = "" if source in WITH_DEADLINE else _until(theirs, reader)
        found.append(Group(f"g-{members[0].code}", title, list(members), html, until))
    return found


def _until(bookings: Iterable[Booking], reader: Reader) -> str:
    changes = (clocks.next_change_at(booking, reader.now) for booking in bookings)
    first = min(filter(None, changes), default=None)
    return formats.utc_iso(first) if first else ""


def _title(booking: Booking, reader: Reader, source: str) -> str:
    if source == "need_action" and booking.deadline_at is not None:
        return "Due today" if reader.days_from_now(booking.deadline_at) <= 0 else "Later"
    if source == "waiting":
        return "Waiting for an answer"
    if source == "upcoming":
        return _day(reader.date(booking.starts_at), reader.date(reader.now))
    return _week(reader.date(booking.ends_at), reader.date(reader.now))


def _day(day: date, today: date) -> str:
    ahead = (day - today).days
    if ahead <= 0:
        return "Today"
    if ahead == 1:
        return "Tomorrow"
    return "Next 7 days" if ahead < 8 else "Later"


def _week(day: date, today: date) -> str:
    """By weeks from Monday on the expert's calendar."""
    monday = day - timedelta(days=day.weekday())
    weeks = (today - timedelta(days=today.weekday()) - monday).days // 7
    if weeks <= 1:
        return "Last week" if weeks == 1 else "This week"
    year = f" {monday.year}" if monday.year != today.year else ""
    return f"Week of {monday.day} {monday.strftime('%b')}{year}"


def outcome_links(kept: Mapping[str, str], current: str) -> list[FilterLink]:
    """All first; each link keeps the search and the dates."""
    return [
        FilterLink(label, _query({**kept, "outcome": value}), value == current)
        for value, label in [("", "All"), *OUTCOMES.items()]
    ]


def _query(values: Mapping[str, str]) -> str:
    return f"?{urlencode({name: value for name, value in values.items() if value})}"


def announcement(count: int, search: str, *, has_more: bool, problems: Sequence[str] = ()) -> str:
    """What the live region says after a search."""
    found = f"{'more than ' if has_more else ''}{count} {'call' if count == 1 else 'calls'}"
    return " ".join([*problems, f"{found} for “{search}”" if search else found])


def answer_time() -> str:
    """72 hours, as new bookings get it."""
    return formats.duration(Policy.in_force().no_show_window)
