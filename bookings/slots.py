"""Free slots of an expert: their hours, less the calls and the times that are being paid for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from django.db.models import Q, QuerySet

from bookings import clocks, zones
from bookings.database.kept_statements import KeptQuery
from bookings.free_times import Availability, Interval, Spell, free_starts
from bookings.models import (
    Booking,
    Checkout,
    DateOverride,
    Expert,
    Offer,
    Service,
    WeeklyHours,
)
from bookings.states import HOLDS_A_SLOT, State

KEEPS_THE_EXPERT_BUSY = HOLDS_A_SLOT | {State.COMPLETED, State.CONTESTED}
"""A call that was held has its buffer after it, whatever was written down about it since."""
LONGEST_BUFFER = timedelta(minutes=2**15 - 1)
"""What the column of an expert's buffer can hold."""
NO_ROW = 0
"""No row has this id."""


_WEEKLY = KeptQuery(
    lambda expert_id: (
        WeeklyHours.objects.filter(expert_id=expert_id)
        .order_by()
        .values_list("weekday", "starts_local", "ends_local")
    ),
    1,
)
_DAYS = KeptQuery(
    lambda expert_id, since: (
        DateOverride.objects.filter(expert_id=expert_id, date__gte=since)
        .order_by()
        .values_list("date", "starts_local", "ends_local")
    ),
    1,
    date.max,
)


def availability_of(expert: Expert, *, since: date = date.min) -> Availability:
    """Their hours; days of their own from `since` on. No hours at all where their zone is not
    known: nobody can say when their nine o'clock is."""
    weekly: dict[int, list[Spell]] = {}
    overrides: dict[date, list[Spell]] = {}
    is_known = zones.is_known(expert.time_zone)
    for weekday, starts, ends in _WEEKLY(expert.pk) if is_known else ():
        weekly.setdefault(weekday, []).append((starts, ends))
    for day, opens, closes in _DAYS(expert.pk, since) if is_known else ():
        spells = overrides.setdefault(day, [])
        if opens is not None and closes is not None:
            spells.append((opens, closes))
    return Availability(
        zone=zones.zone_info(expert.time_zone),
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
        return _without_own(booking, still_free(booking, listed, now=now))
    found = _free(expert, duration, now=now, until=until, apart_from=booking.pk)
    return _without_own(booking, found)


def free_of(service: Service, *, now: datetime) -> list[datetime]:
    """Starts at which somebody may buy a call of this kind now, in UTC, sorted."""
    duration = timedelta(minutes=service.duration_minutes)
    return _free(service.expert, duration, now=now)


def next_free(expert: Expert, minutes: set[int], *, now: datetime) -> dict[int, datetime]:
    """The first start at which a call of each length can be bought; lengths without one are
    missing. What an expert has and does is read once for all of them."""
    lengths = [timedelta(minutes=length) for length in sorted(minutes)]
    found = zip(sorted(minutes), _free_by_length(expert, lengths, now=now), strict=True)
    return {length: starts[0] for length, starts in found if starts}


def _free(
    expert: Expert,
    duration: timedelta,
    *,
    now: datetime,
    until: datetime | None = None,
    apart_from: int | None = None,
) -> list[datetime]:
    return _free_by_length(expert, [duration], now=now, until=until, apart_from=apart_from)[0]


def _free_by_length(
    expert: Expert,
    durations: Sequence[timedelta],
    *,
    now: datetime,
    until: datetime | None = None,
    apart_from: int | None = None,
) -> list[list[datetime]]:
    buffer = timedelta(minutes=expert.buffer_minutes)
    earliest = clocks.after(now, timedelta(minutes=expert.min_notice_minutes))
    latest = clocks.after(now, timedelta(days=expert.window_days))
    if until is not None:
        latest = min(latest, until)
    hours = availability_of(expert, since=earliest.date() - timedelta(days=1))
    end = latest + max(durations, default=timedelta()) + buffer
    busy = _taken(expert, earliest, end, now=now, apart_from=apart_from)
    return [
        free_starts(
            hours,
            busy=busy,
            duration=duration,
            buffer=buffer,
            earliest=earliest,
            latest=latest,
        )
        for duration in durations
    ]


def _without_own(booking: Booking, starts: list[datetime]) -> list[datetime]:
    """The time a booking already has is not a new time."""
    return [start for start in starts if start != booking.starts_at]


def still_free(booking: Booking, starts: Sequence[datetime], *, now: datetime) -> list[datetime]:
    """Those of `starts` at which no other call of the expert lies, nor one being paid for."""
    if not starts:
        return []
    length = timedelta(minutes=booking.duration_minutes + booking.expert.buffer_minutes)
    end = max(starts) + length
    taken = _taken(booking.expert, min(starts), end, now=now, apart_from=booking.pk)
    return sorted(
        {
            start
            for start in starts
            if not any(begin < start + length and start < end for begin, end in taken)
        }
    )


def _calls(
    expert_id: int, ends_after: datetime, busy_after: datetime, starts_before: datetime
) -> QuerySet[Booking]:
    """An index knows when calls end, not until when the expert is busy: without the bound on
    `ends_at` all calls of a life would be looked through."""
    return Booking.objects.filter(
        expert_id=expert_id,
        ends_at__gt=ends_after,
        busy_until__gt=busy_after,
        starts_at__lt=starts_before,
    )


_DATES = [datetime(2000, 1, day, tzinfo=UTC) for day in (1, 2, 3, 4)]
_BUSY = KeptQuery(
    lambda expert_id, ends_after, busy_after, starts_before, now, apart_from: (
        _calls(expert_id, ends_after, busy_after, starts_before)
        .filter(Q(state__in=KEEPS_THE_EXPERT_BUSY) | Q(undo_until__gt=now))
        .exclude(pk=apart_from)
        .values_list("starts_at", "busy_until")
    ),
    1,
    *_DATES,
    2,
)
"""Times of an expert's calls. A call that was cancelled or refunded keeps its time while that can
be undone. A call that is moved, `apart_from`, does not stand in its own way."""
_HELD = KeptQuery(
    lambda expert_id, ends_after, starts_before, now, apart_from: (
        Checkout.objects.holding(now)
        .filter(expert_id=expert_id, ends_at__gt=ends_after, starts_at__lt=starts_before)
        .exclude(pk=apart_from)
        .values_list("starts_at", "ends_at")
    ),
    1,
    *_DATES[:3],
    2,
)
"""Times that somebody is paying for at this moment."""


def _taken(
    expert: Expert, earliest: datetime, latest: datetime, *, now: datetime, apart_from: int | None
) -> list[Interval]:
    longest_ago = earliest - LONGEST_BUFFER
    return [
        *_BUSY(expert.pk, longest_ago, earliest, latest, now, apart_from or NO_ROW),
        *_held(expert, earliest, latest, now=now),
    ]


def is_taken(checkout: Checkout) -> bool:
    """Whether a call lies where this purchase wants one: the database would refuse it."""
    end = _until(checkout.expert, checkout.ends_at)
    starts = checkout.starts_at
    calls = _calls(checkout.expert_id, starts - LONGEST_BUFFER, starts, end)
    return calls.filter(state__in=HOLDS_A_SLOT).exists()


def is_kept_for_another(wanted: Booking | Checkout, *, now: datetime) -> bool:
    """Whether somebody else is paying for this time at the moment, and was told it is theirs."""
    end = _until(wanted.expert, wanted.ends_at)
    apart_from = wanted.pk if isinstance(wanted, Checkout) else None
    return any(_held(wanted.expert, wanted.starts_at, end, now=now, apart_from=apart_from))


def _until(expert: Expert, ends_at: datetime) -> datetime:
    return clocks.after(ends_at, timedelta(minutes=expert.buffer_minutes))


def _held(
    expert: Expert,
    earliest: datetime,
    latest: datetime,
    *,
    now: datetime,
    apart_from: int | None = None,
) -> list[Interval]:
    """Times that somebody is paying for at this moment, with the buffer after them."""
    buffer = timedelta(minutes=expert.buffer_minutes)
    kept = _HELD(expert.pk, earliest - buffer, latest, now, apart_from or NO_ROW)
    return [(starts_at, ends_at + buffer) for starts_at, ends_at in kept]
