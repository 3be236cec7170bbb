"""Free slots of local days: what the tests of slots share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bookings.free_times import Availability, Interval, Spell, free_starts

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MIDNIGHT = time(0)


def starts(
    zone: str,
    hours: Sequence[Spell],
    day: date,
    *,
    days: int = 1,
    duration: timedelta = HOUR,
    step: timedelta = 30 * MINUTE,
    buffer: timedelta = timedelta(0),
    busy: Sequence[Interval] = (),
    overrides: dict[date, Sequence[Spell]] | None = None,
    weekly: dict[int, Sequence[Spell]] | None = None,
    earliest: datetime | None = None,
    latest: datetime | None = None,
) -> list[datetime]:
    """Free starts on local `day` (and the ones after it), as instants in UTC."""
    tz = ZoneInfo(zone)
    availability = Availability(
        zone=tz,
        weekly=weekly if weekly is not None else dict.fromkeys(range(7), tuple(hours)),
        overrides=overrides or {},
        step=step,
    )
    return free_starts(
        availability,
        busy=busy,
        duration=duration,
        buffer=buffer,
        earliest=earliest or datetime.combine(day, MIDNIGHT, tz),
        latest=latest or datetime.combine(day + days * DAY, MIDNIGHT, tz),
    )


def wall(found: Sequence[datetime], zone: str) -> list[str]:
    """Local reading with the offset, so that a repeated hour is told apart."""
    return [f"{start.astimezone(ZoneInfo(zone)):%H:%M%z}" for start in found]


def spell(text: str) -> Spell:
    first, _, last = text.partition("-")
    return time.fromisoformat(first), time.fromisoformat(last)
