"""An expert's hours as the editor shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from bookings import slots
from bookings.formats import day, hours, time_of_day
from bookings.models import DateOverride, Expert

NEXT_SHOWN = 6


@dataclass(frozen=True, slots=True)
class OverrideRow:
    pk: int
    iso: str
    day: str
    hours: str


@dataclass(frozen=True, slots=True)
class NextTimes:
    """The next starts a follower could pick for a service."""

    service: str
    starts: list[tuple[str, str]]
    """Day and time of each, in the expert's zone."""


def override_rows(expert: Expert, *, today: date, clock: str) -> list[OverrideRow]:
    return [_override_row(override, clock) for override in expert.date_overrides.all()
            if override.date >= today]  # fmt: skip


def _override_row(override: DateOverride, clock: str) -> OverrideRow:
    starts, ends = override.starts_local, override.ends_local
    when = "Day off" if starts is None or ends is None else hours(starts, ends, clock)
    at = override.date
    return OverrideRow(override.pk, at.isoformat(), f"{at:%a} {at.day} {at:%b %Y}", when)


def next_times(expert: Expert, *, now: datetime) -> NextTimes | None:
    """None for an expert who sells nothing yet."""
    service = expert.services.filter(is_active=True).order_by("id").first()
    if service is None:
        return None
    starts = slots.free_of(service, now=now)[:NEXT_SHOWN]
    zone, clock = expert.time_zone, expert.clock
    return NextTimes(
        service.title,
        [(day(at, zone, now), time_of_day(at, zone, clock)) for at in starts],
    )
