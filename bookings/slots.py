"""Free slots. The arithmetic is pure: UTC in and out, whole minutes inside.

A spell of local wall time becomes UTC first and is then stepped through in UTC, so that a day on
which the clocks change has exactly the slots that exist.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bookings import clocks
from bookings.models import Booking, Expert, Offer
from bookings.states import HOLDS_A_SLOT

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
    found: list[int] = []
    for start, stop, spell_is_odd in _spells(availability, earliest, latest):
        for minute in range(start, stop - length + 1, step):
            if not first <= minute < end:
                continue
            at = bisect_right(block_starts, minute)
            if at and blocked[at - 1][1] > minute:
                continue
            if at < len(blocked) and blocked[at][0] < minute + kept:
                continue
            if spell_is_odd and not _is_inside_hours(availability, minute, length):
                continue
            found.append(minute)
    return [_EPOCH + timedelta(minutes=minute) for minute in sorted(set(found))]


def _spells(
    availability: Availability, earliest: datetime, latest: datetime
) -> Iterable[tuple[int, int, bool]]:
    """UTC minutes of each spell; True where the clocks change within its day."""
    day = earliest.astimezone(availability.zone).date() - timedelta(days=1)
    last = latest.astimezone(availability.zone).date()
    while day <= last:
        for starts, ends in _spells_of(availability, day):
            start = _boundary(day, starts, availability.zone, fold=0)
            end_day = day + timedelta(days=1) if ends == time(0) else day
            stop = _boundary(end_day, ends, availability.zone, fold=1)
            is_odd = _offset(day, availability.zone) != _offset(
                day + timedelta(days=1), availability.zone
            )
            yield start, stop, is_odd
        day += timedelta(days=1)


def _spells_of(availability: Availability, day: date) -> Sequence[Spell]:
    if day in availability.overrides:
        return availability.overrides[day]
    return availability.weekly.get(day.weekday(), ())


def _offset(day: date, zone: ZoneInfo) -> timedelta | None:
    return datetime.combine(day, time(0), zone).utcoffset()


def _boundary(day: date, wall: time, zone: ZoneInfo, *, fold: int) -> int:
    """UTC minute of a wall time; one that the clocks skip is the instant they skip at."""
    local = datetime.combine(day, wall, zone).replace(fold=fold)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return _minute_of(instant)
    before, after = sorted(local.replace(fold=f).astimezone(UTC) for f in (0, 1))
    low, high = _minute_of(before), _minute_of(after)
    old = before.astimezone(zone).utcoffset()
    while high - low > 1:  # the first minute with the new offset
        middle = (low + high) // 2
        if (_EPOCH + timedelta(minutes=middle)).astimezone(zone).utcoffset() == old:
            low = middle
        else:
            high = middle
    return high


def _is_inside_hours(availability: Availability, minute: int, length: int) -> bool:
    """On a day with a change of clocks: does the wall clock agree that the hours are kept?"""
    start = (_EPOCH + timedelta(minutes=minute)).astimezone(availability.zone)
    stop = (_EPOCH + timedelta(minutes=minute + length)).astimezone(availability.zone)
    for starts, ends in _spells_of(availability, start.date()):
        is_before_end = (
            stop.date() == start.date() + timedelta(days=1) and stop.time() == time(0)
            if ends == time(0) and stop.date() > start.date()
            else ends == time(0) or stop.time() <= ends
        )
        if start.time() >= starts and is_before_end:
            return True
    return False


def _merged(busy: Iterable[Interval]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(
        (_minute_of(start), _minute_of(end, round_up=True)) for start, end in busy
    ):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _minutes(duration: timedelta) -> int:
    return int(duration.total_seconds() // 60)


def _minute_of(instant: datetime, *, round_up: bool = False) -> int:
    minutes, rest = divmod(instant - _EPOCH, timedelta(minutes=1))
    return minutes + 1 if round_up and rest else minutes


# --- from the database ---------------------------------------------------------------------


def availability_of(expert: Expert) -> Availability:
    weekly: dict[int, list[Spell]] = {}
    for hours in expert.weekly_hours.all():
        weekly.setdefault(hours.weekday, []).append((hours.starts_local, hours.ends_local))
    overrides: dict[date, list[Spell]] = {}
    for override in expert.date_overrides.all():
        spells = overrides.setdefault(override.date, [])
        if override.starts_local is not None and override.ends_local is not None:
            spells.append((override.starts_local, override.ends_local))
    return Availability(
        zone=ZoneInfo(expert.time_zone),
        weekly=weekly,
        overrides=overrides,
        step=timedelta(minutes=expert.step_minutes),
    )


def free_for(
    booking: Booking, *, now: datetime, until: datetime | None = None, offer: Offer | None = None
) -> list[datetime]:
    """Starts the follower of `booking` may pick now, in UTC, sorted.

    `until` ends the search earlier than the expert's booking window. With a listed `offer` only
    its slots count, and minimum notice does not: the expert named those times.
    """
    expert = booking.expert
    duration = timedelta(minutes=booking.duration_minutes)
    buffer = timedelta(minutes=expert.buffer_minutes)
    if offer is not None and offer.mode == Offer.Mode.LISTED:
        listed = [slot.starts_at for slot in offer.slots.all() if slot.starts_at > now]
        return _without_own(booking, still_free(booking, listed))
    earliest = clocks.after(now, timedelta(minutes=expert.min_notice_minutes))
    latest = clocks.after(now, timedelta(days=expert.window_days))
    if until is not None:
        latest = min(latest, until)
    found = free_starts(
        availability_of(expert),
        busy=_busy(booking, earliest, latest + duration + buffer),
        duration=duration,
        buffer=buffer,
        earliest=earliest,
        latest=latest,
    )
    return _without_own(booking, found)


def _without_own(booking: Booking, starts: list[datetime]) -> list[datetime]:
    """The time a booking already has is not a new time."""
    return [start for start in starts if start != booking.starts_at]


def still_free(booking: Booking, starts: Sequence[datetime]) -> list[datetime]:
    """Those of `starts` at which no other call of the expert lies."""
    if not starts:
        return []
    length = timedelta(minutes=booking.duration_minutes + booking.expert.buffer_minutes)
    busy = list(_busy(booking, min(starts), max(starts) + length))
    return sorted(
        {
            start
            for start in starts
            if not any(begin < start + length and start < end for begin, end in busy)
        }
    )


def _busy(booking: Booking, earliest: datetime, latest: datetime) -> Iterable[Interval]:
    """Times of the expert's other live calls: this booking's own time moves with it."""
    return (
        Booking.objects.filter(
            expert_id=booking.expert_id,
            state__in=HOLDS_A_SLOT,
            busy_until__gt=earliest,
            starts_at__lt=latest,
        )
        .exclude(pk=booking.pk)
        .values_list("starts_at", "busy_until")
    )
