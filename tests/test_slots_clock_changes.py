"""Free slots on days on which the clocks change: nothing skipped is offered, nothing twice is lost."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.slot_days import DAY, HOUR, MINUTE, spell, starts, wall

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


def test_a_day_begins_when_the_clocks_jump_over_its_midnight() -> None:
    """Toronto went from 23:30 to 00:30 on 30 March 1919."""
    monday = {0: [spell("00:00-02:00")]}
    found = starts("America/Toronto", [], date(1919, 3, 30), days=2, weekly=monday)
    assert wall(found, "America/Toronto") == ["00:30-0400", "01:00-0400"]
