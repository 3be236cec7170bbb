"""Thirty days of free times: the arithmetic alone, and against trying every slot on every call."""

from __future__ import annotations

import time as clock
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from benchmarks.measure import Goal, Series, milliseconds, table, take_turns
from bookings.free_times import Availability, Interval, free_starts

DAYS = 30
DURATION = timedelta(minutes=30)
BUSY = 100
MOST_MS = 1
SPELLS = ((time(9), time(12)), (time(13), time(18)))
PLACES = {  # both change their clocks in these thirty days
    "Europe/Berlin": datetime(2026, 10, 5, tzinfo=UTC),
    "America/New_York": datetime(2026, 10, 12, tzinfo=UTC),
}
BLOCK = 50


def run(*, rounds: int) -> list[Goal]:
    rivals = {}
    for name, first in PLACES.items():
        availability = Availability(ZoneInfo(name), dict.fromkeys(range(7), SPELLS))
        busy = [(start, start + DURATION) for start in _calls(first)]
        expected = _naive(availability, busy, first)

        def fast(
            availability: Availability = availability,
            busy: list[Interval] = busy,
            first: datetime = first,
            expected: list[datetime] = expected,
        ) -> float:
            began = clock.thread_time()
            found = free_starts(
                availability,
                busy=busy,
                duration=DURATION,
                buffer=timedelta(0),
                earliest=first,
                latest=first + timedelta(days=DAYS),
            )
            seconds = clock.thread_time() - began
            if found != expected:
                raise SystemExit("The free times are not those of the naive way.")
            return seconds

        def naive(
            availability: Availability = availability,
            busy: list[Interval] = busy,
            first: datetime = first,
        ) -> float:
            began = clock.thread_time()
            _naive(availability, busy, first)
            return clock.thread_time() - began

        rivals[f"{name}, every slot against every call"] = naive
        rivals[name] = fast
    series = take_turns(rivals, rounds=rounds, block=BLOCK)
    rows = [[name, *map(milliseconds, (s.p50, s.p95))] for name, s in series.items()]
    print(table([f"{DAYS} days, {BUSY} calls, CPU", "p50 ms", "p95 ms"], rows))
    return [_goal(name, series[name]) for name in PLACES]


def _goal(name: str, series: Series) -> Goal:
    return Goal(f"{DAYS} days of free times, {name}, CPU ms", series.p50 * 1000, MOST_MS)


def _calls(first: datetime) -> list[datetime]:
    """Spread over the days and the hours, some of them outside the expert's hours."""
    return [first + timedelta(hours=7 * number) for number in range(BUSY)]


def _naive(availability: Availability, busy: list[Interval], first: datetime) -> list[datetime]:
    """Step through each spell in aware datetimes and look at every call for every slot."""
    found = []
    for number in range(DAYS + 2):
        day = (first.astimezone(availability.zone) + timedelta(days=number)).date()
        for starts, ends in availability.weekly[day.weekday()]:
            at = datetime.combine(day, starts, availability.zone).astimezone(UTC)
            closes = datetime.combine(day, ends, availability.zone).astimezone(UTC)
            while at + DURATION <= closes:
                is_free = all(at + DURATION <= begin or at >= end for begin, end in busy)
                if is_free and first <= at < first + timedelta(days=DAYS):
                    found.append(at)
                at += availability.step
    return sorted(found)
