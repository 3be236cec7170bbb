"""Who reads: their audience, their zone, their clock, and the moment they read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from bookings import formats, zones
from bookings.models import BookedFollower, Clock, Expert, OutboxEmail

Audience = OutboxEmail.Audience
WEEKDAY_IS_ENOUGH = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Reader:
    zone: str
    clock: str
    now: datetime
    audience: str = Audience.EXPERT.value
    tz: ZoneInfo = field(init=False, repr=False, compare=False)
    here: datetime = field(init=False, repr=False, compare=False)
    """`now` on the reader's wall; to read, never to count with"""

    @classmethod
    def of(cls, person: Expert | BookedFollower, *, now: datetime) -> Reader:
        audience = Audience.EXPERT if isinstance(person, Expert) else Audience.FOLLOWER
        return cls(person.time_zone, person.clock, now, audience.value)

    @classmethod
    def staff(cls, *, now: datetime) -> Reader:
        """Staff reads UTC."""
        return cls("UTC", Clock.TWENTY_FOUR, now, Audience.STAFF.value)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tz", zones.zone_info(self.zone))
        object.__setattr__(self, "here", self.now.astimezone(self.tz))

    def local(self, instant: datetime) -> datetime:
        """For what several of the methods below shall read: it is converted once."""
        return instant.astimezone(self.tz)

    def date(self, instant: datetime) -> date:
        return instant.astimezone(self.tz).date()

    def days_from_now(self, instant: datetime) -> int:
        """Midnights between now and then on the reader's wall calendar."""
        return (self.date(instant) - self.here.date()).days

    def day(self, instant: datetime) -> str:
        return formats.day(instant, self.zone, self.here)

    def time(self, instant: datetime) -> str:
        return formats.time_of_day(instant, self.zone, self.clock)

    def moment(self, instant: datetime) -> str:
        return formats.moment(instant, self.zone, self.clock, self.here)

    def span(self, starts_at: datetime, ends_at: datetime) -> str:
        return formats.span(starts_at, ends_at, self.zone, self.clock, self.here)

    def near(self, instant: datetime) -> str:
        """As in “today, 6:40 pm” and “Mon, 8:05 pm”; further away it has the date."""
        at = self.local(instant)
        days = (at.date() - self.here.date()).days
        if days in (-1, 0, 1):
            return f"{('yesterday', 'today', 'tomorrow')[days + 1]}, {self.time(at)}"
        if timedelta(0) < instant - self.now < WEEKDAY_IS_ENOUGH:
            return f"{at:%a}, {self.time(at)}"
        return self.moment(at)

    def until(self, deadline_at: datetime) -> str:
        """As in “until today, 6:40 pm”; afterwards it says that the time is up."""
        return f"until {self.near(deadline_at)}" if deadline_at > self.now else "time is up"

    def distance(self, instant: datetime) -> str:
        """As in “yesterday”, “in 3 days” and “2 weeks ago”."""
        days = self.days_from_now(instant)
        if days in (-1, 0, 1):
            return ("yesterday", "today", "tomorrow")[days + 1]
        amount = _about(abs(days))
        return f"in {amount}" if days > 0 else f"{amount} ago"


def _about(days: int) -> str:
    for unit, length in (("year", 365), ("month", 30), ("week", 7)):
        if days >= 2 * length:
            return f"{days // length} {unit}s"
    return f"{days} days"
