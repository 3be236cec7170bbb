"""The arithmetic of free times, without queries: UTC in and out, whole minutes inside.

A spell of local wall time becomes UTC first and is then stepped through in UTC, so that a day on
which the clocks change has exactly the slots that exist: every minute of an offered call is a
minute at which the expert's wall clock is inside the hours.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Spell = tuple[time, time]
"""Local start and end; an end of 00:00 is midnight at the end of the day."""
Interval = tuple[datetime, datetime]
"""Half open, aware."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Availability:
    """When an expert can be booked, in local wall time, without the calls already there."""

    zone: ZoneInfo
    weekly: Mapping[int, Sequence[Spell]]
    """weekday (Monday 0) to its spells"""
    overrides: Mapping[date, Sequence[Spell]] = field(default_factory=dict)
    """replaces the weekday; an empty sequence is a day off"""
    step: timedelta = timedelta(minutes=30)


def free_starts(
    availability: Availability,
    *,
    busy: Iterable[Interval],
    duration: timedelta,
    buffer: timedelta,
    earliest: datetime,
    latest: datetime,
) -> list[datetime]:
    """Starts in [earliest, latest) with `duration` + `buffer` free, sorted, unique, in UTC."""
    blocked = _merged(busy)
    block_starts = [start for start, _ in blocked]
    length, kept = _minutes(duration), _minutes(duration + buffer)
    step = max(1, _minutes(availability.step))
    first, end = _minute_of(earliest, round_up=True), _minute_of(latest, round_up=True)
    found: set[int] = set()
    for start, stop, closes in _open_hours(availability, earliest, latest):
        for minute in range(start, min(stop, closes - length + 1), step):
            if not first <= minute < end:
                continue
            at = bisect_right(block_starts, minute)
            if at and blocked[at - 1][1] > minute:
                continue
            if at < len(blocked) and blocked[at][0] < minute + kept:
                continue
            found.add(minute)
    return [_EPOCH + timedelta(minutes=minute) for minute in sorted(found)]


def _open_hours(
    availability: Availability, earliest: datetime, latest: datetime
) -> Iterable[tuple[int, int, int]]:
    """UTC minutes of each spell, and when the hours that touch it close.

    A call may run from one spell into the next: 20:00 to midnight and midnight to 02:00 are one
    evening to the person who wrote them down.
    """
    zone = availability.zone
    day = earliest.astimezone(zone).date()
    last = latest.astimezone(zone).date() + timedelta(days=1)
    spells: list[tuple[int, int]] = []
    while day <= last:
        for starts, ends in _spells_of(availability, day):
            spells += _minutes_between(day, starts, ends, zone)
        day += timedelta(days=1)
    spells.sort()
    closes = dict(_joined(spells))
    chain_starts = sorted(closes)
    for start, stop in spells:
        yield start, stop, closes[chain_starts[bisect_right(chain_starts, start) - 1]]


def _spells_of(availability: Availability, day: date) -> Sequence[Spell]:
    if day in availability.overrides:
        return availability.overrides[day]
    return availability.weekly.get(day.weekday(), ())


def _minutes_between(day: date, starts: time, ends: time, zone: ZoneInfo) -> list[tuple[int, int]]:
    """When the wall clock of `day` reads from `starts` to `ends`, in UTC minutes.

    One piece; none where the clocks skip it; two where they go back into it or out of it.
    """
    day_starts, day_ends = _day_start(day, zone), _day_start(day + timedelta(days=1), zone)
    changes = _change(day_starts, day_ends, zone)
    midnight = _minute_of(datetime.combine(day, time(0), UTC))
    pieces: list[tuple[int, int]] = []
    for low, high in ((day_starts, changes), (changes, day_ends)):
        shift = midnight - _offset(low, zone)
        start = max(low, shift + starts.hour * 60 + starts.minute)
        stop = min(high, shift + (ends.hour * 60 + ends.minute or 24 * 60))
        if start < stop:
            pieces.append((start, stop))
    return _joined(pieces)


def _day_start(day: date, zone: ZoneInfo) -> int:
    """The first minute of a local day: a midnight that the clocks skip is when they skip it."""
    local = datetime.combine(day, time(0), zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return _minute_of(instant)
    before, after = sorted(_minute_of(local.replace(fold=f).astimezone(UTC)) for f in (0, 1))
    return _change(before, after, zone)


def _change(low: int, high: int, zone: ZoneInfo) -> int:
    """The first minute after `low` with another offset; `high` if that has the same one."""
    old = _offset(low, zone)
    if _offset(high, zone) == old:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(middle, zone) == old else (low, middle)
    return high


def _offset(minute: int, zone: ZoneInfo) -> int:
    """Minutes east of UTC."""
    offset = (_EPOCH + timedelta(minutes=minute)).astimezone(zone).utcoffset()
    return _minutes(offset or timedelta(0))


def _joined(spells: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted spells, with those that touch or overlap made one."""
    joined: list[tuple[int, int]] = []
    for start, stop in spells:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], stop))
        else:
            joined.append((start, stop))
    return joined


def _merged(busy: Iterable[Interval]) -> list[tuple[int, int]]:
    return _joined(
        sorted((_minute_of(start), _minute_of(end, round_up=True)) for start, end in busy)
    )


def _minutes(duration: timedelta) -> int:
    return int(duration.total_seconds() // 60)


def _minute_of(instant: datetime, *, round_up: bool = False) -> int:
    minutes, rest = divmod(instant - _EPOCH, timedelta(minutes=1))
    return minutes + 1 if round_up and rest else minutes
