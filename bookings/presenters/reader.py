"""Who reads the page: their zone, their clock, and the moment they read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from bookings import formats
from bookings.models import BookedFollower, Expert

WEEKDAY_IS_ENOUGH = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Reader:
    zone: str
    clock: str
    now: datetime
    here: datetime = field(init=False, repr=False, compare=False)
    """`now` on the reader's wall; to read, never to count with"""

    @classmethod
    def of(cls, person: Expert | BookedFollower, *, now: datetime) -> Reader:
        return cls(zone=person.time_zone, clock=person.clock, now=now)

    def __post_init__(self) -> None:
        object.__setattr__(self, "here", self.local(self.now))

    def local(self, instant: datetime) -> datetime:
        """For what several of the methods below shall read: it is converted once."""
        return formats.local(instant, self.zone)

    def date(self, instant: datetime) -> date:
        return formats.local(instant, self.zone).date()

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
        """today, 6:40 pm; Mon, 8:05 pm; further away with the date."""
        at = self.local(instant)
        days = self.days_from_now(at)
        if days in (-1, 0, 1):
            return f"{('yesterday', 'today', 'tomorrow')[days + 1]}, {self.time(at)}"
        if timedelta(0) < instant - self.now < WEEKDAY_IS_ENOUGH:
            return f"{at:%a}, {self.time(at)}"
        return self.moment(at)

    def until(self, deadline_at: datetime) -> str:
        """until today, 6:40 pm; afterwards that the time is up."""
        return f"until {self.near(deadline_at)}" if deadline_at > self.now else "time is up"

    def distance(self, instant: datetime) -> str:
        """yesterday, in 3 days, 2 weeks ago."""
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


def words(duration: timedelta) -> str:
    """72 hours, 14 days, 90 seconds: the largest unit that is exact, days from four on."""
    seconds = int(duration.total_seconds())
    units = (("day", 86400, 4), ("hour", 3600, 1), ("minute", 60, 2), ("second", 1, 0))
    for unit, length, at_least in units:
        if seconds % length == 0 and seconds >= at_least * length:
            amount = seconds // length
            return f"{amount} {unit}" if amount == 1 else f"{amount} {unit}s"
    raise AssertionError("unreachable")


def adjective(duration: timedelta) -> str:
    """72-hour, as in the 72-hour clock."""
    return words(duration).removesuffix("s").replace(" ", "-")
