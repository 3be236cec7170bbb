"""Instants come out of PostgreSQL as Django would read them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import DataError, connection

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite keeps texts"),
]


def read(text: str) -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [text])
        found: datetime = cursor.fetchone()[0]
    return found


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23 06:00:00+00",
        "2026-11-23 06:00:00.5+00",
        "2026-11-23 06:00:00.000001+00",
        "2026-11-23 11:30:00+05:30",
        "1886-01-01 00:00:00-08:30",
        "0001-01-01 00:00:00+00",
        "9999-12-31 23:59:59.999999+00",
    ],
)
def test_it_is_the_same_instant_in_utc(text: str) -> None:
    sign_and_zone = text if ":" in text[-6:-2] else f"{text}:00"
    expected = datetime.fromisoformat(sign_and_zone).astimezone(UTC)
    found = read(text)
    assert found == expected
    assert found.tzinfo is UTC
    assert found.microsecond == expected.microsecond


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York"])
def test_a_session_in_another_zone_reads_the_same_instant(zone: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone TO %s", [zone])
    assert read("2026-11-23 06:00:00+00") == datetime(2026, 11, 23, 6, tzinfo=UTC)
    assert read("2026-11-23 06:00:00+00").tzinfo is UTC


@pytest.mark.parametrize("text", ["infinity", "10000-01-01", "0044-03-15 BC"])
def test_what_no_datetime_can_hold_is_an_error_in_words(text: str) -> None:
    with pytest.raises(DataError, match="timestamp"):
        read(text)


@pytest.mark.django_db(transaction=True)
def test_new_connections_leave_nothing_behind() -> None:
    """psycopg remembers each class that reads a type, for ever."""
    from psycopg.adapt import AdaptersMap

    connection.close()
    connection.ensure_connection()
    before = len(AdaptersMap._optimised)
    for _ in range(3):
        connection.close()
        connection.ensure_connection()
    assert len(AdaptersMap._optimised) == before
