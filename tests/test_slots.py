"""Free slots, the pure part: wall-clock hours in, bookable instants out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bookings.slots import Availability, Interval, Spell, free_starts

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


# --- an ordinary day -------------------------------------------------------------------------


def test_a_day_is_stepped_through_until_the_last_call_that_fits() -> None:
    found = starts("Asia/Kolkata", [spell("10:00-12:15")], date(2025, 11, 26))
    assert wall(found, "Asia/Kolkata") == ["10:00+0530", "10:30+0530", "11:00+0530"]


def test_the_step_counts_from_each_spell_and_not_from_the_full_hour() -> None:
    found = starts("Asia/Kolkata", [spell("10:20-12:00"), spell("15:10-16:10")], date(2025, 11, 26))
    assert wall(found, "Asia/Kolkata") == ["10:20+0530", "10:50+0530", "15:10+0530"]


def test_spells_that_overlap_give_each_start_once() -> None:
    found = starts("UTC", [spell("10:00-12:00"), spell("11:00-13:00")], date(2025, 11, 26))
    assert wall(found, "UTC") == [
        f"{h}+0000" for h in ("10:00", "10:30", "11:00", "11:30", "12:00")
    ]


def test_an_end_of_midnight_is_the_end_of_the_day() -> None:
    found = starts("Europe/Berlin", [spell("22:00-00:00")], date(2025, 11, 26))
    assert wall(found, "Europe/Berlin") == ["22:00+0100", "22:30+0100", "23:00+0100"]


def test_midnight_to_midnight_is_the_whole_day() -> None:
    found = starts("Asia/Kolkata", [(MIDNIGHT, MIDNIGHT)], date(2025, 11, 26), step=HOUR)
    assert len(found) == 24


def test_a_call_may_run_over_midnight_where_the_hours_of_both_days_touch() -> None:
    night = [spell("00:00-02:00"), spell("22:00-00:00")]
    found = starts("Asia/Kolkata", night, date(2025, 11, 26))
    assert wall(found, "Asia/Kolkata")[-4:] == [f"{h}+0530" for h in (
        "22:00", "22:30", "23:00", "23:30")]  # fmt: skip
    lonely = starts("Asia/Kolkata", night, date(2025, 11, 26), overrides={date(2025, 11, 27): ()})
    assert wall(lonely, "Asia/Kolkata")[-1] == "23:00+0530"


def test_a_call_may_run_from_one_spell_into_the_next() -> None:
    found = starts("UTC", [spell("09:00-09:45"), spell("09:45-10:30")], date(2025, 11, 26))
    assert wall(found, "UTC") == ["09:00+0000", "09:30+0000"]


def test_a_spell_shorter_than_the_call_gives_nothing() -> None:
    assert starts("UTC", [spell("09:00-09:59")], date(2025, 11, 26)) == []


def test_hours_that_run_backwards_give_nothing() -> None:
    assert starts("UTC", [spell("18:00-09:00")], date(2025, 11, 26)) == []


# --- overrides, calls already there, notice, window ------------------------------------------


def test_an_override_replaces_the_weekday() -> None:
    day = date(2025, 11, 26)
    found = starts("UTC", [spell("09:00-12:00")], day, overrides={day: [spell("15:00-16:00")]})
    assert wall(found, "UTC") == ["15:00+0000"]


def test_an_empty_override_is_a_day_off_and_the_next_day_is_not() -> None:
    day = date(2025, 11, 26)
    found = starts("UTC", [spell("09:00-10:00")], day, days=2, overrides={day: ()})
    assert found == [datetime(2025, 11, 27, 9, tzinfo=UTC)]


def test_the_weekday_is_the_experts_and_not_utcs() -> None:
    """Wednesday 06:00 in Auckland is still Tuesday in UTC."""
    found = starts(
        "Pacific/Auckland", [], date(2025, 11, 24), days=7, weekly={2: [spell("06:00-07:00")]}
    )
    assert found == [datetime(2025, 11, 25, 17, tzinfo=UTC)]


def test_a_call_already_there_blocks_every_start_that_would_run_into_it() -> None:
    taken = (datetime(2025, 11, 26, 10, tzinfo=UTC), datetime(2025, 11, 26, 11, tzinfo=UTC))
    found = starts("UTC", [spell("09:00-13:00")], date(2025, 11, 26), busy=[taken])
    assert wall(found, "UTC") == [f"{h}+0000" for h in ("09:00", "11:00", "11:30", "12:00")]


def test_the_buffer_after_the_call_must_be_free_but_may_lie_outside_the_hours() -> None:
    taken = (datetime(2025, 11, 26, 10, tzinfo=UTC), datetime(2025, 11, 26, 11, tzinfo=UTC))
    found = starts(
        "UTC", [spell("08:30-12:00")], date(2025, 11, 26), busy=[taken], buffer=15 * MINUTE
    )
    assert wall(found, "UTC") == ["08:30+0000", "11:00+0000"]


def test_a_call_that_began_before_the_search_still_blocks() -> None:
    taken = (datetime(2025, 11, 25, 23, tzinfo=UTC), datetime(2025, 11, 26, 0, 30, tzinfo=UTC))
    found = starts("UTC", [spell("00:00-02:00")], date(2025, 11, 26), busy=[taken])
    assert wall(found, "UTC") == ["00:30+0000", "01:00+0000"]


def test_calls_that_overlap_each_other_block_as_one() -> None:
    nine = datetime(2025, 11, 26, 9, tzinfo=UTC)
    busy = [(nine, nine + 3 * HOUR), (nine + HOUR, nine + 2 * HOUR)]
    found = starts("UTC", [spell("09:00-13:00")], date(2025, 11, 26), busy=busy)
    assert wall(found, "UTC") == ["12:00+0000"]


def test_broken_minutes_of_a_call_already_there_block_the_whole_minute() -> None:
    nine = datetime(2025, 11, 26, 9, tzinfo=UTC)
    busy = [(nine + timedelta(seconds=3659), nine + timedelta(seconds=3661))]
    found = starts("UTC", [spell("09:00-12:00")], date(2025, 11, 26), busy=busy, step=HOUR)
    assert wall(found, "UTC") == ["09:00+0000", "11:00+0000"]


def test_notice_is_kept_to_the_second_and_the_window_is_open_at_its_end() -> None:
    ten = datetime(2025, 11, 26, 10, tzinfo=UTC)
    found = starts(
        "UTC", [spell("09:00-13:00")], date(2025, 11, 26),
        earliest=ten + timedelta(seconds=1), latest=ten + HOUR + timedelta(seconds=1),
    )  # fmt: skip
    assert wall(found, "UTC") == ["10:30+0000", "11:00+0000"]
    assert ten in starts("UTC", [spell("09:00-13:00")], date(2025, 11, 26), earliest=ten)
    assert ten not in starts("UTC", [spell("09:00-13:00")], date(2025, 11, 26), latest=ten)


def test_an_empty_window_gives_nothing() -> None:
    ten = datetime(2025, 11, 26, 10, tzinfo=UTC)
    assert (
        starts("UTC", [spell("09:00-13:00")], date(2025, 11, 26), earliest=ten, latest=ten - DAY)
        == []
    )


# --- days on which the clocks change ---------------------------------------------------------

# fmt: off
FORWARD = [
    # zone, day, hours over the change, starts of 60-minute calls every 30 minutes
    ("America/New_York", date(2025, 3, 9), "01:00-04:00",
     ["01:00-0500", "01:30-0500", "03:00-0400"]),
    ("Europe/Berlin", date(2025, 3, 30), "01:00-04:00",
     ["01:00+0100", "01:30+0100", "03:00+0200"]),
    ("Australia/Lord_Howe", date(2025, 10, 5), "01:00-03:30",
     ["01:00+1030", "01:30+1030", "02:30+1100"]),
    ("Pacific/Auckland", date(2025, 9, 28), "01:00-04:00",
     ["01:00+1200", "01:30+1200", "03:00+1300"]),
    ("America/Santiago", date(2025, 9, 7), "00:00-02:30",
     ["01:00-0300", "01:30-0300"]),
]
# fmt: on
BACK = [
    (
        "America/New_York",
        date(2025, 11, 2),
        "00:30-02:30",
        ["00:30-0400", "01:00-0400", "01:30-0400", "01:00-0500", "01:30-0500"],
    ),
    (
        "Europe/Berlin",
        date(2025, 10, 26),
        "01:30-03:30",
        ["01:30+0200", "02:00+0200", "02:30+0200", "02:00+0100", "02:30+0100"],
    ),
    (
        "Australia/Lord_Howe",
        date(2026, 4, 5),
        "01:00-02:30",
        ["01:00+1100", "01:30+1100", "01:30+1030"],
    ),
    (
        "Pacific/Auckland",
        date(2026, 4, 5),
        "01:30-03:30",
        ["01:30+1300", "02:00+1300", "02:30+1300", "02:00+1200", "02:30+1200"],
    ),
    (
        "America/Santiago",
        date(2026, 4, 4),
        "22:30-00:00",
        ["22:30-0300", "23:00-0300", "23:30-0300", "23:00-0400"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "day", "hours", "expected"), FORWARD)
def test_no_call_starts_or_ends_in_an_hour_that_the_clocks_skip(
    zone: str, day: date, hours: str, expected: list[str]
) -> None:
    assert wall(starts(zone, [spell(hours)], day), zone) == expected


@pytest.mark.parametrize(("zone", "day", "hours", "expected"), BACK)
def test_an_hour_that_happens_twice_is_offered_twice(
    zone: str, day: date, hours: str, expected: list[str]
) -> None:
    assert wall(starts(zone, [spell(hours)], day), zone) == expected


@pytest.mark.parametrize(("zone", "day"), [(z, d) for z, d, *_ in (*FORWARD, *BACK)])
def test_office_hours_are_the_same_wall_times_on_the_day_of_the_change(
    zone: str, day: date
) -> None:
    tz = ZoneInfo(zone)
    for one in (day - DAY, day, day + DAY):
        found = starts(zone, [spell("09:00-17:00")], one, step=HOUR)
        assert [start.astimezone(tz).hour for start in found] == list(range(9, 17))
        assert {start.astimezone(tz).minute for start in found} == {0}


def test_hours_that_lie_wholly_in_the_skipped_hour_give_nothing() -> None:
    day = date(2025, 3, 30)
    assert starts("Europe/Berlin", [spell("02:00-03:00")], day, duration=15 * MINUTE) == []


def test_hours_that_end_in_the_skipped_hour_end_when_the_clocks_jump() -> None:
    found = starts("Europe/Berlin", [spell("01:00-02:30")], date(2025, 3, 30), duration=30 * MINUTE)
    assert wall(found, "Europe/Berlin") == ["01:00+0100", "01:30+0100"]


def test_no_call_lies_in_the_repeated_hour_outside_of_the_hours() -> None:
    """Open until 02:00: at 02:30 before the change nobody is there, though 02:00 comes again."""
    found = starts(
        "Europe/Berlin", [spell("01:00-02:00")], date(2025, 10, 26), duration=30 * MINUTE
    )
    assert wall(found, "Europe/Berlin") == ["01:00+0200", "01:30+0200"]


def test_a_call_does_not_run_through_a_repeated_hour_that_is_closed() -> None:
    """Open from 02:30: the second 02:00 to 02:30 is closed, so no hour-long call from 02:30."""
    found = starts("Europe/Berlin", [spell("02:30-04:30")], date(2025, 10, 26))
    assert wall(found, "Europe/Berlin") == ["02:30+0100", "03:00+0100", "03:30+0100"]


def test_midnight_that_is_repeated_does_not_lengthen_the_day_before() -> None:
    """On the Azores 00:00 to 01:00 happens twice; Saturday still ends at the first midnight."""
    saturday = {5: [spell("22:00-00:00")]}
    found = starts("Atlantic/Azores", [], date(2025, 10, 25), days=2, weekly=saturday)
    assert wall(found, "Atlantic/Azores") == ["22:00+0000", "22:30+0000", "23:00+0000"]


def test_midnight_that_is_skipped_ends_the_day_before_and_starts_the_next() -> None:
    day = date(2025, 9, 6)
    found = starts(
        "America/Santiago", [spell("23:00-00:00"), spell("00:00-02:00")], day, days=2,
        duration=30 * MINUTE,
    )  # fmt: skip
    assert wall(found, "America/Santiago") == [
        "00:00-0400", "00:30-0400", "01:00-0400", "01:30-0400", "23:00-0400", "23:30-0400",
        "01:00-0300", "01:30-0300", "23:00-0300", "23:30-0300",
    ]  # fmt: skip


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Asia/Kathmandu", "Australia/Eucla"])
def test_offsets_of_half_and_quarter_hours_keep_whole_local_times(zone: str) -> None:
    found = starts(zone, [spell("09:00-11:00")], date(2025, 11, 26))
    assert [reading[:5] for reading in wall(found, zone)] == ["09:00", "09:30", "10:00"]


def test_a_day_that_a_country_left_out_has_no_slots() -> None:
    """Samoa had no 30 December 2011."""
    assert starts("Pacific/Apia", [spell("09:00-17:00")], date(2011, 12, 30), latest=datetime(
        2011, 12, 30, 10, tzinfo=UTC)) == []  # fmt: skip


# --- against a naive oracle ------------------------------------------------------------------

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
    minute = earliest.astimezone(UTC).replace(second=0, microsecond=0) - 2 * DAY
    readings: dict[datetime, datetime] = {}
    while minute < latest.astimezone(UTC) + 3 * DAY:
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


@settings(max_examples=150, deadline=None)
@given(cases())
def test_every_slot_agrees_with_asking_the_wall_clock_minute_by_minute(
    case: tuple[Availability, dict[str, object]],
) -> None:
    availability, rest = case
    assert free_starts(availability, **rest) == naive_starts(availability, **rest)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
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


@settings(max_examples=60, deadline=None)
@given(cases())
def test_more_calls_never_make_more_free_time(
    case: tuple[Availability, dict[str, object]],
) -> None:
    availability, rest = case
    with_calls = free_starts(availability, **rest)  # type: ignore[arg-type]
    without = free_starts(availability, **{**rest, "busy": []})  # type: ignore[arg-type]
    assert set(with_calls) <= set(without)
