"""The calendar a follower picks a new time from: days as links, times as radio buttons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Protocol
from urllib.parse import urlencode

from django.utils.safestring import SafeString

from bookings import formats
from bookings.models import Expert
from bookings.presenters import slot_table, zones
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


Slot = tuple[str, str, bool]
"""Its value, its label, whether it is chosen."""


@dataclass(frozen=True, slots=True)
class Part:
    label: str
    slots: list[Slot]


@dataclass(frozen=True, slots=True)
class Summary:
    """The time that is chosen, in both zones."""

    when: str
    places: str


@dataclass(frozen=True, slots=True)
class Picker:
    choice: Choice
    days: SafeString
    """The rows of the table."""
    day_iso: str
    day_name: str
    parts: list[Part]
    zones: list[zones.ZoneOption]
    all_zones_url: str
    """For readers without scripts: the same page, with every zone in its list."""
    hint: str
    reach: str
    summary: Summary | None
    earlier_url: str
    later_url: str


def picker(
    call: Call,
    starts: Sequence[datetime],
    choice: Choice,
    *,
    now: datetime,
    near: Sequence[str] = (),
    is_listed: bool = False,
) -> Picker:
    """`starts` are the free instants, sorted; there is at least one."""
    by_day = _by_day(starts, choice.zone)
    day = _chosen_day(by_day, choice)
    around = slot_table.pages(list(by_day), day)
    at = choice.slot if choice.slot in by_day[day] else None
    expert, view = call.expert, choice.view
    return Picker(
        choice=choice,
        days=slot_table.rows(
            around.shown, by_day, chosen=day, today=_today(now, choice.zone), view=view
        ),
        day_iso=day.isoformat(),
        day_name=formats.long_day(by_day[day][0], choice.zone, now),
        parts=_parts(by_day[day], choice),
        zones=zones.likely(near, chosen=choice.zone, clock=choice.clock, now=now),
        all_zones_url=f"?day={day}&{view}&zones=all",
        hint=zones.ahead_of_reader(
            expert.first_name, expert.time_zone, choice.zone, by_day[day][0]
        ),
        reach=reach(call, is_listed=is_listed),
        summary=_summary(call, at, choice, now) if at else None,
        earlier_url=f"?day={around.earlier}&{view}" if around.earlier else "",
        later_url=f"?day={around.later}&{view}" if around.later else "",
    )


def _by_day(starts: Sequence[datetime], zone: str) -> dict[date, list[datetime]]:
    days = groupby(starts, key=lambda start: formats.local(start, zone).date())
    return {day: list(group) for day, group in days}


def _today(now: datetime, zone: str) -> date:
    return formats.local(now, zone).date()


def _chosen_day(by_day: dict[date, list[datetime]], choice: Choice) -> date:
    """The day of the chosen time, else the chosen day, else the first with a free time."""
    if choice.slot:
        for day, starts in by_day.items():
            if choice.slot in starts:
                return day
    return choice.day if choice.day in by_day else next(iter(by_day))


def _parts(starts: list[datetime], choice: Choice) -> list[Part]:
    slots = [(_part_of(start, choice.zone), _slot(start, choice)) for start in starts]
    return [
        Part(name, [slot for part, slot in slots if part == name])
        for _, name in PARTS
        if any(part == name for part, _ in slots)
    ]


def _part_of(start: datetime, zone: str) -> str:
    hour = formats.local(start, zone).hour
    return next(name for until, name in PARTS if hour < until)


def _slot(start: datetime, choice: Choice) -> Slot:
    label = formats.time_of_day(start, choice.zone, choice.clock)
    return slot_value(start), label, start == choice.slot


def slot_value(start: datetime) -> str:
    """How a page names an instant: 2025-11-26T13:30Z."""
    return f"{start.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def reach(call: Call, *, is_listed: bool) -> str:
    if is_listed:
        return f"times {call.expert.first_name} suggests"
    weeks, days = divmod(call.expert.window_days, 7)
    amount, unit = (call.expert.window_days, "day") if days else (weeks, "week")
    return f"next {amount} {unit}s" if amount > 1 else f"next {unit}"


def _summary(call: Call, at: datetime, choice: Choice, now: datetime) -> Summary:
    end = at + timedelta(minutes=call.duration_minutes)
    day = formats.long_day(at, choice.zone, now).split(" ", 1)
    times = " – ".join(formats.time_of_day(i, choice.zone, choice.clock) for i in (at, end))
    return Summary(
        when=f"{day[0][:3]} {day[1]}, {times}",
        places=f"Your time in {formats.zone_place(choice.zone)}{_theirs(call, at, choice, now)}",
    )


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
