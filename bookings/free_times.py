"""The arithmetic of free times, without queries: UTC in and out, whole minutes inside.

A spell of local wall time becomes UTC first and is then stepped through in UTC, so that a day on
which the clocks change has exactly the slots that exist: every minute of an offered call is a
minute at which the expert's wall clock is inside the hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

Spell = tuple[time, time]
"""Local start and end; an end of 00:00 is midnight at the end of the day."""
Interval = tuple[datetime, datetime]
"""Half open, aware."""

Span = tuple[int, int]
"""Half open, in minutes of UTC since 1970."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_MINUTE, _ONE_DAY = timedelta(minutes=1), timedelta(days=1)
_MINUTES_OF_A_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Availability:
    """When an expert can be booked, in local wall time, without the calls already there."""

    zone: ZoneInfo
    weekly: Mapping[int, Sequence[Spell]]
    """The spells of each weekday; Monday is 0."""
    overrides: Mapping[date, Sequence[Spell]] = field(default_factory=dict)
    """Each replaces its weekday. An empty sequence is a day off."""
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
    asked = _minute_after(earliest), _minute_after(latest)
    gaps = _gaps(_merged(busy), asked, keeps=_minutes(duration + buffer))
    offered = _offered(_open_hours(availability, earliest, latest), length=_minutes(duration))
    found = set(_starts(offered, gaps, step=max(1, _minutes(availability.step))))
    return [_EPOCH + minute * _MINUTE for minute in sorted(found)]


def _gaps(calls: Iterable[Span], asked: Span, *, keeps: int) -> list[Span]:
    """When something of `keeps` minutes may start between the calls, within what is asked."""
    free_from, last = asked
    gaps: list[Span] = []
    for begins, ends in calls:
        if free_from <= begins - keeps:
            gaps.append((free_from, min(last, begins - keeps + 1)))
        free_from = max(free_from, ends)
    gaps.append((free_from, last))
    return gaps


def _offered(spells: Sequence[Span], *, length: int) -> Iterator[Span]:
    """When a call may start in each spell so that it ends before the hours that touch it close.

    A call may run from one spell into the next: 20:00 to midnight and midnight to 02:00 are one
    evening to the person who wrote them down.
    """
    closings = (closes for _, closes in _joined(spells))
    closes = next(closings, 0)
    for start, stop in spells:
        if start > closes:
            closes = next(closings)
        yield start, min(stop, closes - length + 1)


def _starts(offered: Iterable[Span], gaps: Sequence[Span], *, step: int) -> Iterator[int]:
    """Every `step` minutes of what is offered, where that lies in a gap. Both are sorted."""
    passed = 0
    for first, last in offered:
        while passed < len(gaps) and gaps[passed][1] <= first:
            passed += 1
        for low, high in islice(gaps, passed, None):
            if low >= last:
                break
            late = max(0, low - first)
            yield from range(first + late + -late % step, min(high, last), step)


def _open_hours(availability: Availability, earliest: datetime, latest: datetime) -> list[Span]:
    """The spells of each local day that is asked for, sorted."""
    zone = availability.zone
    day = earliest.astimezone(zone).date()
    last = latest.astimezone(zone).date() + _ONE_DAY
    spells: list[Span] = []
    begins = _day_start(day, zone)
    while day <= last:
        ends = _day_start(day + _ONE_DAY, zone)
        stretches = _stretches(day, begins, ends, zone)
        for hours in _spells_of(availability, day):
            spells += _when(hours, stretches)
        day, begins = day + _ONE_DAY, ends
    spells.sort()
    return spells


def _spells_of(availability: Availability, day: date) -> Sequence[Spell]:
    if day in availability.overrides:
        return availability.overrides[day]
    return availability.weekly.get(day.weekday(), ())


class _Moment(NamedTuple):
    minute: int
    offset: int
    """The minutes that the wall clock is ahead of UTC from here on."""


class _Stretch(NamedTuple):
    """A part of a local day in which the clocks do not change: nearly always all of it."""

    begins: int
    ends: int
    midnight: int
    """When the clock showed, or would have shown, 00:00."""


def _stretches(day: date, begins: _Moment, ends: _Moment, zone: ZoneInfo) -> list[_Stretch]:
    midnight = _wall_midnight(day)
    whole = _Stretch(begins.minute, ends.minute, midnight - begins.offset)
    if begins.offset == ends.offset:
        return [whole]
    changes = _change(begins.minute, ends.minute, zone)
    return [
        whole._replace(ends=changes),
        _Stretch(changes, ends.minute, midnight - ends.offset),
    ]


def _when(hours: Spell, stretches: Iterable[_Stretch]) -> list[Span]:
    """When the wall clock of a day reads from one time to the other.

    One piece; none where the clocks skip it; two where they go back into it or out of it.
    """
    starts, stops = hours
    opens = starts.hour * 60 + starts.minute
    closes = stops.hour * 60 + stops.minute or _MINUTES_OF_A_DAY
    pieces: list[Span] = []
    for begins, ends, midnight in stretches:
        start, stop = max(begins, midnight + opens), min(ends, midnight + closes)
        if start < stop:
            pieces.append((start, stop))
    return _joined(pieces)


def _wall_midnight(day: date) -> int:
    """In minutes of the wall clock since 1970."""
    return (day.toordinal() - _EPOCH_DAY) * _MINUTES_OF_A_DAY


def _day_start(day: date, zone: ZoneInfo) -> _Moment:
    """The first minute of a local day: a midnight that the clocks skip is when they skip it."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    once, again = _ahead(midnight), _ahead(midnight.replace(fold=1))
    minute = _wall_midnight(day) - once
    if once == again:
        return _Moment(minute, once)
    if _offset(minute, zone) != once:  # skipped: `once` is what was ahead before
        minute = _change(_wall_midnight(day) - again, minute, zone)
    return _Moment(minute, _offset(minute, zone))


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
    return _ahead((_EPOCH + minute * _MINUTE).astimezone(zone))


def _ahead(local: datetime) -> int:
    """Minutes east of UTC."""
    return _minutes(local.utcoffset() or timedelta(0))


def _joined(spells: Iterable[Span]) -> list[Span]:
    """Sorted spells, with those that touch or overlap made one."""
    joined: list[Span] = []
    for start, stop in spells:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], stop))
        else:
            joined.append((start, stop))
    return joined


def _merged(busy: Iterable[Interval]) -> list[Span]:
    return _joined(sorted((_minute_of(start), _minute_after(end)) for start, end in busy))


def _minutes(duration: timedelta) -> int:
    return duration // _MINUTE


def _minute_of(instant: datetime) -> int:
    return (instant - _EPOCH) // _MINUTE


def _minute_after(instant: datetime) -> int:
    """The one at `instant`, or the next that begins."""
    return -((_EPOCH - instant) // _MINUTE)
