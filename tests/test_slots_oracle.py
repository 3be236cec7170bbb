"""Free slots against asking the wall clock about every single minute."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bookings.free_times import Availability, Interval, Spell, free_starts
from tests.effort import effort
from tests.slot_days import DAY, MIDNIGHT, MINUTE, starts

CHANGES = [
    ("America/New_York", date(2026, 3, 8)), ("America/New_York", date(2026, 11, 1)),
    ("Europe/Berlin", date(2026, 3, 29)), ("Europe/Berlin", date(2026, 10, 25)),
    ("Asia/Kolkata", date(2026, 6, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)), ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Santiago", date(2026, 4, 4)), ("America/Santiago", date(2026, 9, 5)),
    ("Pacific/Auckland", date(2026, 4, 5)), ("Pacific/Auckland", date(2026, 9, 27)),
    ("Atlantic/Azores", date(2026, 3, 29)), ("Atlantic/Azores", date(2026, 10, 25)),
    ("America/Havana", date(2026, 3, 8)), ("America/Havana", date(2026, 11, 1)),
]  # fmt: skip


def naive_starts(
    availability: Availability,
    *,
    busy: Sequence[Interval],
    duration: timedelta,
    buffer: timedelta,
    earliest: datetime,
    latest: datetime,
) -> list[datetime]:
    """Asks the wall clock about each single minute. Slow, and hard to get wrong."""
    minute = earliest.astimezone(UTC).replace(second=0, microsecond=0) - 26 * 60 * MINUTE
    readings: dict[datetime, datetime] = {}
    while minute < latest.astimezone(UTC) + duration:
        readings[minute] = minute.astimezone(availability.zone)
        minute += MINUTE

    def is_open(reading: datetime, hours: Spell) -> bool:
        at, (opens, closes) = reading.time(), hours
        return opens <= at and (closes == MIDNIGHT or at < closes)

    def hours_of(reading: datetime) -> Sequence[Spell]:
        day = reading.date()
        if day in availability.overrides:
            return availability.overrides[day]
        return availability.weekly.get(day.weekday(), ())

    candidates: set[datetime] = set()
    all_open: set[datetime] = set()
    for hours in {hours for reading in readings.values() for hours in hours_of(reading)}:
        run_start: datetime | None = None
        previous: datetime | None = None
        for at, reading in readings.items():
            is_inside = hours in hours_of(reading) and is_open(reading, hours)
            is_new_day = previous is not None and previous.date() != reading.date()
            if not is_inside:
                run_start = None
            else:
                all_open.add(at)
                if run_start is None or is_new_day:
                    run_start = at
                if (at - run_start) % availability.step == timedelta(0):
                    candidates.add(at)
            previous = reading

    def is_free(start: datetime) -> bool:
        return (
            earliest <= start < latest
            and all(start + n * MINUTE in all_open for n in range(duration // MINUTE))
            and not any(a < start + duration + buffer and start < b for a, b in busy)
        )

    return sorted(start for start in candidates if is_free(start))


quarter_hours = st.one_of(st.integers(0, 20), st.integers(84, 95), st.integers(0, 95)).map(
    lambda n: time(n // 4, n % 4 * 15)
)
spells = st.tuples(quarter_hours, quarter_hours).filter(lambda s: s[1] == MIDNIGHT or s[0] < s[1])


@st.composite
def cases(draw: st.DrawFn) -> tuple[Availability, dict[str, object]]:
    zone, day = draw(st.sampled_from(CHANGES))
    tz = ZoneInfo(zone)
    weekly = dict(enumerate(draw(st.lists(st.lists(spells, max_size=3), min_size=7, max_size=7))))
    dates = st.integers(-1, 2).map(lambda n: day + n * DAY)
    overrides = draw(st.dictionaries(dates, st.lists(spells, max_size=2), max_size=2))
    step = draw(st.sampled_from([10, 15, 20, 30, 45, 60, 90])) * MINUTE
    begin = datetime.combine(day - DAY, MIDNIGHT, tz).astimezone(UTC)
    offsets = st.integers(0, 3 * 24 * 60).map(lambda n: n * MINUTE)
    busy = [
        (begin + at, begin + at + length * MINUTE)
        for at, length in draw(st.lists(st.tuples(offsets, st.integers(1, 240)), max_size=5))
    ]
    return Availability(zone=tz, weekly=weekly, overrides=overrides, step=step), {
        "busy": busy,
        "duration": draw(st.sampled_from([15, 30, 45, 60, 120, 480])) * MINUTE,
        "buffer": draw(st.sampled_from([0, 5, 15, 60])) * MINUTE,
        "earliest": begin + draw(st.integers(0, 2880)) * MINUTE / 2,
        "latest": begin + DAY + draw(st.integers(0, 2 * 1440)) * MINUTE,
    }  # fmt: skip


@settings(max_examples=effort(40), deadline=None)
@given(cases())
def test_every_slot_agrees_with_asking_the_wall_clock_minute_by_minute(
    case: tuple[Availability, dict[str, object]],
) -> None:
    availability, rest = case
    assert free_starts(availability, **rest) == naive_starts(availability, **rest)  # type: ignore[arg-type]


@settings(max_examples=effort(25), deadline=None)
@given(
    st.sampled_from(CHANGES),
    st.lists(spells, min_size=1, max_size=2),
    st.sampled_from([15, 30, 60, 90]),
)
@example(("Europe/Berlin", date(2026, 10, 25)), [(time(1), time(2))], 30)
def test_every_slot_is_a_real_time_whose_call_stays_inside_the_hours(
    change: tuple[str, date], hours: list[Spell], minutes: int
) -> None:
    zone, day = change
    tz = ZoneInfo(zone)
    found = starts(zone, hours, day - DAY, days=3, duration=minutes * MINUTE)
    assert len(found) == len(set(found))
    for start in found:
        for n in range(minutes):
            reading = (start + n * MINUTE).astimezone(tz).time()
            assert any(a <= reading and (b == MIDNIGHT or reading < b) for a, b in hours)


@settings(max_examples=effort(25), deadline=None)
@given(cases())
def test_more_calls_never_make_more_free_time(
    case: tuple[Availability, dict[str, object]],
) -> None:
    availability, rest = case
    with_calls = free_starts(availability, **rest)  # type: ignore[arg-type]
    without = free_starts(availability, **{**rest, "busy": []})  # type: ignore[arg-type]
    assert set(with_calls) <= set(without)
