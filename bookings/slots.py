"""Free slots of an expert: their hours, less the calls and the times that are being paid for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from bookings import clocks
from bookings.free_times import Availability, Interval, Spell, free_starts
from bookings.models import Booking, Checkout, Expert, Offer, Service
from bookings.states import HOLDS_A_SLOT

LONGEST_BUFFER = timedelta(minutes=2**15 - 1)
"""What the column of an expert's buffer can hold."""


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
    """Times of the expert's live calls. A call that is moved does not stand in its own way.

    An index knows when calls end, not until when the expert is busy: without the bound on
    `ends_at` all calls of a life would be looked through.
    """
    return (
        Booking.objects.filter(
            expert_id=expert_id,
            state__in=HOLDS_A_SLOT,
            ends_at__gt=earliest - LONGEST_BUFFER,
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
