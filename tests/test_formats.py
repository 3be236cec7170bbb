"""Money and times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings import formats
from bookings.plain_text import one_line

INSTANT = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (240000, "INR", "₹2,400"),
        (12345678, "INR", "₹1,23,456.78"),
        (5950, "EUR", "€59.50"),
        (6000, "EUR", "€60"),
        (5000, "JPY", "¥5,000"),
        (1234567, "USD", "$12,345.67"),
        (1500, "KWD", "KWD\u00a01.500"),
        (10000, "CHF", "CHF\u00a0100"),
        (1, "USD", "$0.01"),
        (0, "INR", "₹0"),
        (-5950, "EUR", "-€59.50"),
    ],
)
def test_money(minor: int, currency: str, text: str) -> None:
    assert formats.money(minor, currency) == text


@given(st.integers(0, 10**17), st.sampled_from(["INR", "EUR", "USD"]))
def test_money_loses_no_cent(minor: int, currency: str) -> None:
    digits = "".join(c for c in formats.money(minor, currency) if c.isdigit())
    assert int(digits) == (minor if minor % 100 else minor // 100)


@pytest.mark.parametrize(
    ("zone", "clock", "text"),
    [
        ("Asia/Kolkata", "12", "Fri 20 Nov, 6:00 pm"),
        ("Europe/Berlin", "24", "Fri 20 Nov, 13:30"),
        ("Pacific/Auckland", "12", "Sat 21 Nov, 1:30 am"),
        ("Australia/Lord_Howe", "24", "Fri 20 Nov, 23:30"),
    ],
)
def test_a_moment(zone: str, clock: str, text: str) -> None:
    assert formats.moment(INSTANT, zone, clock) == text


def test_noon_and_midnight() -> None:
    noon = datetime(2026, 1, 5, 12, 5, tzinfo=UTC)
    assert formats.time_of_day(noon, "UTC", "12") == "12:05 pm"
    assert formats.time_of_day(noon - timedelta(hours=12), "UTC", "12") == "12:05 am"


def test_the_year_is_named_only_when_it_is_another_one() -> None:
    assert formats.day(INSTANT, "UTC", INSTANT) == "Fri 20 Nov"
    assert formats.day(INSTANT, "UTC", INSTANT - timedelta(days=365)) == "Fri 20 Nov 2026"


def test_a_span_names_the_day_of_its_end_when_it_is_another_one() -> None:
    end = INSTANT + timedelta(hours=8)
    assert formats.span(INSTANT, end, "UTC", "24") == "Fri 20 Nov, 12:30 to 20:30"
    assert formats.span(INSTANT, end, "Asia/Kolkata", "12") == (
        "Fri 20 Nov, 6:00 pm to Sat 21 Nov, 2:00 am"
    )


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
def test_an_attribute_names_the_instant_in_utc(zone: str) -> None:
    instant = INSTANT.replace(microsecond=999_999).astimezone(ZoneInfo(zone))
    assert formats.utc_iso(instant) == "2026-11-20T12:30:00Z"


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (57, "2 d 9 h"), (48, "2 d"), (47.5, "1 d 23 h"), (28, "1 d 4 h"), (24, "1 d"),
        (18.07, "18 h 4 min"), (6.37, "6 h 22 min"), (1, "1 h"), (0.7, "42 min"),
        (1 / 60, "1 min"), (0.016, "less than a minute"), (0, "less than a minute"),
        (-3, "less than a minute"),
    ],
)  # fmt: skip
def test_time_left(hours: float, text: str) -> None:
    assert formats.left(timedelta(hours=hours)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (72 * 3600, "72 hours"), (14 * 86400, "14 days"), (7 * 86400, "7 days"),
        (90, "90 seconds"), (900, "15 minutes"), (3600, "1 hour"), (60, "1 minute"),
        (86400, "24 hours"), (5400, "90 minutes"),
    ],
)  # fmt: skip
def test_a_limit_in_words(seconds: int, text: str) -> None:
    assert formats.spelled(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("zone", "place", "abbreviation"),
    [
        ("Asia/Kolkata", "Kolkata", "IST"),
        ("America/Argentina/Buenos_Aires", "Buenos Aires", "UTC-03:00"),
        ("Australia/Lord_Howe", "Lord Howe", "UTC+11:00"),
        ("UTC", "UTC", "UTC"),
    ],
)
def test_zones(zone: str, place: str, abbreviation: str) -> None:
    assert formats.zone_place(zone) == place
    assert formats.zone_abbreviation(INSTANT, zone) == abbreviation


@given(st.text())
def test_one_line_is_one_printable_line(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert line == line.strip()
    assert one_line(line) == line


@pytest.mark.parametrize("name", ["Zoë Müller", "山田 太郎", "প্রিয়া", "👩‍👩‍👧 Family", "O’Neil-Çağ"])
def test_real_names_stay_as_they_are(name: str) -> None:
    assert one_line(name) == name
