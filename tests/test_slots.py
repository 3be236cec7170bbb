"""Free slots, the pure part: wall-clock hours in, bookable instants out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from tests.slot_days import DAY, HOUR, MIDNIGHT, MINUTE, spell, starts, wall

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
