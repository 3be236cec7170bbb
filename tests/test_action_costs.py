"""What an action costs: its statements, one by one. Never its time."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bookings.models import Booking, Expert
from tests.builders import HOUR, make_booking, report

pytestmark = pytest.mark.django_db


@pytest.fixture
def reported(maya: Expert) -> Booking:
    at = timezone.now() - HOUR
    return report(make_booking(maya, now=at), now=at)


@pytest.fixture(autouse=True)
def _kept_statements_are_checked(desk: Client, maya: Expert) -> None:
    """The first booking that a process looks up is asked for twice, to compare a kept statement
    with the ORM. Another test may have looked up only one that does not exist."""
    at = timezone.now() - 4 * HOUR
    statements(desk, report(make_booking(maya, now=at), now=at), "refund")


def statements(desk: Client, booking: Booking, action: str, **data: Any) -> list[str]:
    """What each statement of the action does to which table, without the savepoints of tests."""
    form = {"request_key": "key-1", "from": "need_action", **data}
    with CaptureQueriesContext(connection) as caught:
        answer = desk.post(
            f"/bookings/{booking.code}/{action}/", form, headers={"HX-Request": "true"}
        )
    assert answer.status_code == 200
    assert booking.code in answer.content.decode()
    found = [
        re.search(r"^(\w+).*?(?:bookings|django)_(\w+)", query["sql"], re.DOTALL)
        for query in caught.captured_queries
    ]
    return [f"{match[1]} {match[2]}" for match in found if match]


def test_marking_a_call_takes_one_statement_for_each_thing_it_writes(
    desk: Client, reported: Booking
) -> None:
    """One look-up, which locks; seven writes; the counts of the answer."""
    details = {"outcome": "held_elsewhere", "channel": "video"}
    held_at = (timezone.now() - 2 * HOUR).strftime("%Y-%m-%dT%H:%M")
    assert statements(desk, reported, "mark-completed", held_at=held_at, **details) == [
        "SELECT session",
        "SELECT user",
        "SELECT booking",
        "UPDATE booking",
        "INSERT timelineevent",
        "UPDATE noshowreport",
        "INSERT completionmark",
        "UPDATE privatelink",
        "INSERT privatelink",
        "INSERT outboxemail",
        "SELECT booking",
    ]


def test_a_form_sent_again_writes_nothing(desk: Client, reported: Booking) -> None:
    """It is refused, found to have acted, and shown what it did."""
    statements(desk, reported, "refund")
    again = statements(desk, reported, "refund")
    assert not [text for text in again if not text.startswith("SELECT")]
    assert len(again) <= 7


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
def test_the_one_look_up_locks_the_booking_and_nothing_else(
    desk: Client, reported: Booking
) -> None:
    with CaptureQueriesContext(connection) as caught:
        desk.post(f"/bookings/{reported.code}/refund/", {"request_key": "key-1"})
    locks = [query["sql"] for query in caught if "FOR NO KEY UPDATE" in query["sql"]]
    assert locks[0].endswith('FOR NO KEY UPDATE OF "bookings_booking"')
    assert reported.code in locks[0]
