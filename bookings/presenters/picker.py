"""The calendar a follower picks a time from: days as links, times as radio buttons, and the zone
and the clock they are shown in."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Any, Protocol
from urllib.parse import urlencode

from babel import Locale
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation.trans_real import parse_accept_lang_header

from bookings import formats, zones
from bookings.models import Clock, Expert
from bookings.zones import is_known

PARTS = ((6, "Night"), (12, "Morning"), (17, "Afternoon"), (24, "Evening"))
"""Each lasts until this hour of the reader's day, and has this name."""


class Call(Protocol):
    """What a time is picked for: a booking that moves, or a service that is bought."""

    @property
    def expert(self) -> Expert: ...
    @property
    def duration_minutes(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Choice:
    """What the follower has chosen so far. Day and time may be missing, or gone by now."""

    zone: str
    clock: str
    day: date | None = None
    slot: datetime | None = None

    @property
    def view(self) -> str:
        """What an address of the same page says besides the day."""
        return urlencode({"tz": self.zone, "clock": self.clock})


def picker(
    call: Call,
    starts: Sequence[datetime],
    choice: Choice,
    *,
    now: datetime,
    near: Sequence[str] = (),
    is_listed: bool = False,
) -> dict[str, Any]:
    """`starts` are the free instants, sorted; there is at least one."""
    by_day = _by_day(starts, choice.zone)
    day = _chosen_day(by_day, choice)
    shown, earlier, later = pages(list(by_day), day)
    at = choice.slot if choice.slot in by_day[day] else None
    expert, view = call.expert, choice.view
    return {
        "choice": choice,
        # The rows of the table.
        "days": rows(
            shown,
            by_day,
            chosen=day,
            today=formats.local(now, choice.zone).date(),
            view=view,
        ),
        "day_iso": day.isoformat(),
        "day_name": formats.long_day(by_day[day][0], choice.zone, now),
        "parts": _parts(by_day[day], choice),
        "zones": likely(near, chosen=choice.zone, clock=choice.clock, now=now),
        # For readers without scripts: the page with every zone in its list.
        "all_zones_url": f"?day={day}&{view}&zones=all",
        "hint": ahead_of_reader(expert.first_name, expert.time_zone, choice.zone, by_day[day][0]),
        "reach": reach(call, is_listed=is_listed),
        "summary": _summary(call, at, choice, now) if at else None,
        "earlier_url": f"?day={earlier}&{view}" if earlier else "",
        "later_url": f"?day={later}&{view}" if later else "",
    }


def _chosen_day(by_day: dict[date, list[datetime]], choice: Choice) -> date:
    """The day of the chosen time, else the chosen day, else the first with a free time."""
    if choice.slot:
        for day, starts in by_day.items():
            if choice.slot in starts:
                return day
    return choice.day if choice.day in by_day else next(iter(by_day))


def _by_day(starts: Iterable[datetime], zone: str) -> dict[date, list[datetime]]:
    """The local day is worked out once for each day, not for each of its hundreds of times."""
    found: dict[date, list[datetime]] = {}
    day, ends = date.min, datetime.min.replace(tzinfo=UTC)
    for start in starts:
        if start >= ends:
            day = formats.local(start, zone).date()
            midnight = datetime.combine(day + ONE_DAY, time(), zones.zone_info(zone))
            ends = midnight.astimezone(UTC)
        found.setdefault(day, []).append(start)
    return found


def _parts(starts: list[datetime], choice: Choice) -> list[dict[str, Any]]:
    """The parts of the day that have a free time, each with its value, its label and whether it
    is chosen."""

    def part(start: datetime) -> str:
        hour = formats.local(start, choice.zone).hour
        return next(name for until, name in PARTS if hour < until)

    return [
        {
            "label": label,
            "slots": [
                (
                    slot_value(start),
                    formats.time_of_day(start, choice.zone, choice.clock),
                    start == choice.slot,
                )
                for start in members
            ],
        }
        for label, members in groupby(starts, key=part)
    ]


def slot_value(start: datetime) -> str:
    """How a page names an instant: 2025-11-26T13:30Z."""
    return f"{start.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def reach(call: Call, *, is_listed: bool) -> str:
    if is_listed:
        return f"times {call.expert.first_name} suggests"
    weeks, days = divmod(call.expert.window_days, 7)
    amount, unit = (call.expert.window_days, "day") if days else (weeks, "week")
    return f"next {amount} {unit}s" if amount > 1 else f"next {unit}"


def _summary(call: Call, at: datetime, choice: Choice, now: datetime) -> dict[str, Any]:
    end = at + timedelta(minutes=call.duration_minutes)
    day = formats.long_day(at, choice.zone, now).split(" ", 1)
    times = " – ".join(formats.time_of_day(i, choice.zone, choice.clock) for i in (at, end))
    return {
        "when": f"{day[0][:3]} {day[1]}, {times}",
        "places": f"Your time in {formats.zone_place(choice.zone)}{_theirs(call, at, choice, now)}",
    }


def _theirs(call: Call, at: datetime, choice: Choice, now: datetime) -> str:
    """The same moment for the expert, with the day where it is another one."""
    expert = call.expert
    if not is_known(expert.time_zone):
        return ""
    theirs = formats.time_of_day(at, expert.time_zone, choice.clock)
    if formats.local(at, expert.time_zone).date() != formats.local(at, choice.zone).date():
        theirs = f"{formats.day(at, expert.time_zone, now)}, {theirs}"
    return f" · {theirs} for {expert.first_name}"


def why_not_free(
    call: Call, start: datetime, choice: Choice, *, now: datetime, is_listed: bool = False
) -> str:
    """Why a time cannot be had though nobody took it: a page that was open for long still shows it.

    Empty when only another call can be in its way. Times the expert listed need no notice.
    """
    expert, at = call.expert, formats.moment(start, choice.zone, choice.clock, now)
    if start <= now:
        return f"{at} is in the past. Choose another time."
    if is_listed:
        return ""
    notice = timedelta(minutes=expert.min_notice_minutes)
    if start < now + notice:
        return (
            f"{at} is too soon: {expert.first_name} can be booked until {formats.duration(notice)} "
            "before a call. Choose another time."
        )
    if start >= now + timedelta(days=expert.window_days):
        return (
            f"{at} is too far ahead: {expert.first_name} can be booked for the "
            f"{reach(call, is_listed=False)}. Choose another time."
        )
    return ""


# --- the table of days ----------------------------------------------------------------------------
# Whole weeks of links, and which weeks come before and after. Its cells are most of the page, so
# they are written here and not one by one by the template.

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
_WITH_MONTH, _TODAY = ' class="has-mon"', ' class="today"'
_CHOSEN = ' aria-current="date"'


def pages(days: list[date], chosen: date) -> tuple[list[date], date | None, date | None]:
    """The free days of the same few weeks as the chosen one, and one day of the weeks before and
    after."""
    first_monday = _monday(days[0])

    def page(day: date) -> int:
        return (_monday(day) - first_monday).days // (7 * WEEKS_AT_ONCE)

    before = [day for day in days if page(day) < page(chosen)]
    after = [day for day in days if page(day) > page(chosen)]
    shown = [day for day in days if page(day) == page(chosen)]
    return shown, (before[-1] if before else None), (after[0] if after else None)


def rows(
    shown: list[date], free: Container[date], *, chosen: date, today: date, view: str
) -> SafeString:
    """Whole weeks, Monday first, from the first free day shown to the last.

    `view` is the rest of a day's address: the zone and the clock.
    """
    first = _monday(shown[0])
    weeks = (_monday(shown[-1]) - first).days // 7 + 1
    view = escape(view)  # all else is digits and names of days and months

    def cell(number: int) -> str:
        day = first + number * ONE_DAY
        month, iso = formats.MONTHS[day.month - 1], day.isoformat()
        name = f"{formats.WEEKDAYS[number % 7]} {day.day} {month}"
        mark = _MONTH.format(month[:3]) if number == 0 or day.day == 1 else ""
        if day not in free:
            return _NOT_FREE.format(_WITH_MONTH if mark else "", mark, day.day, name)
        looks = _WITH_MONTH if mark else _TODAY if day == today else ""
        current = _CHOSEN if day == chosen else ""
        return _FREE.format(iso, iso, view, looks, current, mark, day.day, name)

    lines = ("".join(map(cell, range(7 * week, 7 * week + 7))) for week in range(weeks))
    return mark_safe("".join(f"<tr>{line}</tr>" for line in lines))


def _monday(day: date) -> date:
    return day - day.weekday() * ONE_DAY


# --- the zone and the clock -----------------------------------------------------------------------


def likely(near: Iterable[str], *, chosen: str, clock: str, now: datetime) -> list[dict[str, Any]]:
    """The zones that are probably right, the chosen one first."""
    known = (zones.todays_name(name) for name in near if zones.is_known(name))
    names = dict.fromkeys([chosen, *known])
    return [
        {"name": name, "label": now_in(name, clock, now), "is_chosen": name == chosen}
        for name in names
    ]


def now_in(zone: str, clock: str, now: datetime) -> str:
    """Berlin (CET), now 10:58."""
    abbreviation = formats.zone_abbreviation(now, zone)
    place = formats.zone_place(zone)
    suffix = "" if abbreviation == place else f" ({abbreviation})"
    return f"{place}{suffix}, now {formats.time_of_day(now, zone, clock)}"


def ahead_of_reader(name: str, their_zone: str, own_zone: str, at: datetime) -> str:
    """Maya is in India, 4 h 30 min ahead of you. `at` decides about summer time."""
    if not zones.is_known(their_zone):
        return f"We do not know the time zone {name} is in."
    where = f"{name} is in {country(their_zone) or formats.zone_place(their_zone)}"
    difference = _offset(their_zone, at) - _offset(own_zone, at)
    if not difference:
        return f"{where}, where the clocks show the same time as yours."
    way = "ahead of" if difference > timedelta(0) else "behind"
    return f"{where}, {formats.left(abs(difference))} {way} you."


def country(zone: str) -> str:
    """India for Asia/Kolkata; empty where the list of zones names no country."""
    code = zones.countries().get(zone, "")
    return str(Locale("en").territories.get(code, "")) if code else ""


def _offset(zone: str, at: datetime) -> timedelta:
    return formats.local(at, zone).utcoffset() or timedelta(0)


# Whether 6:00 pm or 18:00 is how somebody reads time, after Unicode CLDR, for the languages and
# regions that browsers name. As a table, because the data of every language that somebody could
# ask for would fill the memory of a process.

_LANGUAGES = """
    aa ak am ar as bn ceb ckb dz ee el en fil gu haw hi km kn ko kok ks mai mi ml mr ms om or pa qu
    sa sd so sq ta te ti to ur yue
"""
"""Languages that have a 12-hour clock where no region is named."""
_REGIONS = """
    419 AE AG AL AR AS AU BB BD BH BM BN BO BS BT CA CO CR CU CY DJ DM DO DZ EC EG EH ER ET FJ FM
    GD GH GM GR GT GU GY HK HN IN IQ JM JO KH KI KN KP KR KW KY LB LC LR LS LY MH MO MP MR MW MX
    MY NA NI NZ OM PA PE PG PH PK PR PS PW PY QA SA SB SD SG SL SO SS SV SY SZ TC TD TN TO TT TW
    UM US UY VC VE VG VI VU WS YE ZM
"""
"""Regions that have a 12-hour clock in most of their languages."""
_OF_TWELVE_HOURS = frozenset(_LANGUAGES.split()) | frozenset(_REGIONS.split())
_OTHERWISE = {("fr", "CA"): Clock.TWENTY_FOUR, ("es", "CL"): Clock.TWELVE}
"""Languages that differ from their region."""


def usual_clock(accept_language: str) -> str:
    """The clock of the language somebody likes best; 24 hours where we cannot tell."""
    accepted = parse_accept_lang_header(accept_language)
    languages = [tag for tag, quality in accepted if tag != "*" and quality > 0]
    if not languages:
        return Clock.TWENTY_FOUR
    language, *subtags = languages[0].split("-")
    region = next((tag.upper() for tag in subtags if _is_region(tag)), "")
    if (language, region) in _OTHERWISE:
        return _OTHERWISE[language, region]
    return Clock.TWELVE if (region or language) in _OF_TWELVE_HOURS else Clock.TWENTY_FOUR


def _is_region(tag: str) -> bool:
    is_world = tag == "001"
    return (len(tag) == 2 and tag.isalpha()) or (len(tag) == 3 and tag.isdigit() and not is_world)
