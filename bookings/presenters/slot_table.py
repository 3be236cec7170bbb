"""The table of days to pick from: whole weeks of links, and which weeks come before and after.

Its cells are most of the page, so they are written here and not one by one by the template.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
WEEKS_AT_ONCE = 5
ONE_DAY = timedelta(days=1)

_FREE = (
    '<td><a id="day-{}" href="?day={}&amp;{}"{}{}>'
    '<span aria-hidden="true">{}{}</span><span class="vh">{}</span></a></td>'
)
_NOT_FREE = (
    "<td><span{}>"
    '<span aria-hidden="true">{}{}</span><span class="vh">{}, no free times</span></span></td>'
)
_MONTH = '<span class="mon">{}</span>'
_WITH_MONTH, _TODAY = SafeString(' class="has-mon"'), SafeString(' class="today"')
_CHOSEN = SafeString(' aria-current="date"')


@dataclass(frozen=True, slots=True)
class Pages:
    """The free days of the same few weeks as the chosen one, and one day of the weeks around."""

    shown: list[date]
    earlier: date | None
    later: date | None


def pages(days: list[date], chosen: date) -> Pages:
    first_monday = _monday(days[0])

    def page(day: date) -> int:
        return (_monday(day) - first_monday).days // (7 * WEEKS_AT_ONCE)

    before = [day for day in days if page(day) < page(chosen)]
    after = [day for day in days if page(day) > page(chosen)]
    shown = [day for day in days if page(day) == page(chosen)]
    return Pages(shown, before[-1] if before else None, after[0] if after else None)


def rows(
    shown: list[date], free: Container[date], *, chosen: date, today: date, view: str
) -> SafeString:
    """Whole weeks, Monday first, from the first free day shown to the last.

    `view` is the rest of a day's address: the zone and the clock.
    """
    first = _monday(shown[0])
    weeks = (_monday(shown[-1]) - first).days // 7 + 1

    def cell(number: int) -> SafeString:
        day = first + number * ONE_DAY
        month, iso = MONTHS[day.month - 1], day.isoformat()
        name = f"{WEEKDAYS[number % 7]} {day.day} {month}"
        mark = format_html(_MONTH, month[:3]) if number == 0 or day.day == 1 else ""
        if day not in free:
            return format_html(_NOT_FREE, _WITH_MONTH if mark else "", mark, day.day, name)
        looks = _WITH_MONTH if mark else _TODAY if day == today else ""
        current = _CHOSEN if day == chosen else ""
        return format_html(_FREE, iso, iso, view, looks, current, mark, day.day, name)

    return format_html_join(
        "",
        "<tr>{}{}{}{}{}{}{}</tr>",
        (map(cell, range(7 * week, 7 * week + 7)) for week in range(weeks)),
    )


def _monday(day: date) -> date:
    return day - day.weekday() * ONE_DAY
