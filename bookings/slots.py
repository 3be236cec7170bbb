"""Free slots. The arithmetic is pure: UTC in and out, whole minutes inside.

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

from bookings import clocks
from bookings.models import Booking, Checkout, Expert, Offer, Service
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
    if offer is not None and offer.mode == Offer.Mode.LISTED:
        listed = [slot.starts_at for slot in offer.slots.all() if slot.starts_at > now]
        return _without_own(booking, still_free(booking, listed))
    found = _free(expert, duration, now=now, until=until, apart_from=booking.pk)
    return _without_own(booking, found)


def free_of(service: Service, *, now: datetime) -> list[datetime]:
    """Starts at which somebody may buy a call of this kind now, in UTC, sorted."""
    duration = timedelta(minutes=service.duration_minutes)
    return _free(service.expert, duration, now=now)


def _free(
    expert: Expert,
    duration: timedelta,
    *,
    now: datetime,
    until: datetime | None = None,
    apart_from: int | None = None,
) -> list[datetime]:
    buffer = timedelta(minutes=expert.buffer_minutes)
    earliest = clocks.after(now, timedelta(minutes=expert.min_notice_minutes))
    latest = clocks.after(now, timedelta(days=expert.window_days))
    if until is not None:
        latest = min(latest, until)
    end = latest + duration + buffer
    return free_starts(
        availability_of(expert),
        busy=[
            *_busy(expert.pk, earliest, end, apart_from=apart_from),
            *_held(expert, earliest, end, now=now),
        ],
        duration=duration,
        buffer=buffer,
        earliest=earliest,
        latest=latest,
    )


def _without_own(booking: Booking, starts: list[datetime]) -> list[datetime]:
    """The time a booking already has is not a new time."""
    return [start for start in starts if start != booking.starts_at]


def still_free(booking: Booking, starts: Sequence[datetime]) -> list[datetime]:
    """Those of `starts` at which no other call of the expert lies."""
    if not starts:
        return []
    length = timedelta(minutes=booking.duration_minutes + booking.expert.buffer_minutes)
    busy = list(_busy(booking.expert_id, min(starts), max(starts) + length, apart_from=booking.pk))
    return sorted(
        {
            start
            for start in starts
            if not any(begin < start + length and start < end for begin, end in busy)
        }
    )


def _busy(
    expert_id: int, earliest: datetime, latest: datetime, *, apart_from: int | None
) -> Iterable[Interval]:
    """Times of the expert's live calls. A call that is moved does not stand in its own way."""
    return (
        Booking.objects.filter(
            expert_id=expert_id,
            state__in=HOLDS_A_SLOT,
            busy_until__gt=earliest,
            starts_at__lt=latest,
        )
        .exclude(pk=apart_from or 0)
        .values_list("starts_at", "busy_until")
    )


def _held(
    expert: Expert, earliest: datetime, latest: datetime, *, now: datetime
) -> Iterable[Interval]:
    """Times that somebody is paying for at this moment."""
    buffer = timedelta(minutes=expert.buffer_minutes)
    held = Checkout.objects.holding(now).filter(
        expert=expert, ends_at__gt=earliest - buffer, starts_at__lt=latest
    )
    for starts_at, ends_at in held.values_list("starts_at", "ends_at"):
        yield starts_at, ends_at + buffer
