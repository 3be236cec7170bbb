"""Rows under their headings, what is counted above them, and the words around a list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.utils.safestring import SafeString

from bookings import clocks, formats
from bookings.lists import COUNTED_UP_TO, OUTCOMES, CurrencyTotal
from bookings.models import Booking
from bookings.presenters import row_html
from bookings.presenters.row import WITH_DEADLINE, Row, row
from bookings.wording.reader import Reader


@dataclass(frozen=True, slots=True)
class Group:
    key: str
    title: str
    rows: list[Row]
    html: SafeString
    until: str
    """When one of the rows is out of date by itself. Empty where the rows look again themselves."""


def grouped(
    bookings: Sequence[Booking],
    reader: Reader,
    *,
    source: str,
    csrf_token: row_html.LateText,
) -> list[Group]:
    """In the order of the bookings."""
    found = []
    for title, members in groupby(bookings, key=lambda booking: _title(booking, reader, source)):
        theirs = list(members)
        rows = [row(booking, reader, source=source) for booking in theirs]
        html = row_html.html(rows, source=source, csrf_token=csrf_token)
        until = "" if source in WITH_DEADLINE else _until(theirs, reader)
        found.append(Group(f"g-{theirs[0].code}", title, rows, html, until))
    return found


def _until(bookings: Iterable[Booking], reader: Reader) -> str:
    changes = (clocks.next_change_at(booking, reader.now) for booking in bookings)
    return formats.utc_iso(min(filter(None, changes), default=None))


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


def outcome_links(kept: Mapping[str, str], current: str) -> list[dict[str, Any]]:
    """All first; each link keeps the search and the dates."""
    found = []
    for value, label in [("", "All"), *OUTCOMES.items()]:
        narrowed = {**kept, "outcome": value}.items()
        query = urlencode([(name, wanted) for name, wanted in narrowed if wanted])
        found.append({"label": label, "url": f"?{query}", "is_current": value == current})
    return found


def announcement(count: int, search: str, *, has_more: bool, problems: Sequence[str] = ()) -> str:
    """What the live region says after a search."""
    found = f"{'more than ' if has_more else ''}{count} {'call' if count == 1 else 'calls'}"
    return " ".join([*problems, f"{found} for “{search}”" if search else found])


# --- counted above a list of calls with deadlines -------------------------------------------------


YOUR_TURN = (
    "These followers say the call did not happen. Offer a new time, or mark it as completed.",
    "These followers say the call did not happen. The time to answer has ended.",
    "Next deadline",
    "Refunded if you do nothing",
)
THEIR_TURN = (
    "You offered these followers a new time. They have not picked one yet.",
    "You offered these followers a new time. They did not pick one, and their links have ended.",
    "Next link ends in",
    "Refunded if nobody picks",
)


def counters(
    totals: Sequence[CurrencyTotal], others: int, reader: Reader, *, are_waiting: bool = False
) -> dict[str, Any]:
    """`totals` are of the list that is shown, `others` are in the other one. Counts stop where the
    page stops counting."""
    count = sum(total.calls for total in totals)
    need, waiting = (others, count) if are_waiting else (count, others)
    lead, late_lead, next_label, money_label = THEIR_TURN if are_waiting else YOUR_TURN
    deadlines = [total.next_deadline_at for total in totals if total.next_deadline_at]
    first = min(deadlines, default=None)
    sums = [formats.money(total.minor, total.currency) for total in totals if total.minor]
    at_least = "at least " if count >= COUNTED_UP_TO else ""
    return {
        "need_count": need,
        "need": bounded(need),
        "waiting": bounded(waiting),
        "lead": "" if not count else lead if first else late_lead,
        "next_label": next_label,
        "next_iso": formats.utc_iso(first),
        "next_left": formats.left(first - reader.now) if first else "",
        "money_label": money_label,
        "money": at_least + " + ".join(sums) if sums else "",
    }


def bounded(count: int) -> str:
    """4, and 99+ for a count that reached the limit."""
    return f"{COUNTED_UP_TO - 1}+" if count >= COUNTED_UP_TO else str(count)
