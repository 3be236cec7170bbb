"""The follower picks a new time, loses it to somebody faster, or takes the money instead."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from bookings.states import State
from tests.builders import (
    make_booking,
    make_service,
    offer,
)
from tests.follower_pages import MOMENT, address, offered, read, value, values_on

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_the_moment() -> Any:
    with time_machine.travel(MOMENT, tick=False):
        yield


# --- picking ---------------------------------------------------------------------------------


def test_picking_moves_the_same_booking_and_keeps_zone_and_clock(client: Client) -> None:
    booking = offered()
    answer = client.post(
        address(booking, "pick"),
        {"slot": "2025-11-26T11:30Z", "tz": "America/New_York", "clock": "12"},
        follow=True,
    )
    text = read(answer)
    assert answer.status_code == 200
    assert "Your new time is set. Wednesday 26 November, 6:30 am (New York)." in text
    assert "Your call with Maya is on Wed 26 Nov, 6:30 am" in text
    booking.refresh_from_db()
    assert (booking.state, booking.attempt) == (State.SCHEDULED, 2)
    assert booking.starts_at == datetime(2025, 11, 26, 11, 30, tzinfo=UTC)
    booking.follower.refresh_from_db()
    assert (booking.follower.time_zone, booking.follower.clock) == ("America/New_York", "12")


def test_the_calendar_file_names_the_new_time(client: Client) -> None:
    booking = offered()
    answer = client.post(address(booking, "pick"), {"slot": "2025-11-26T11:30Z"}, follow=True)
    found = re.search(r'href="(/status/[^"]+/call.ics)"', answer.content.decode())
    assert found
    file = client.get(found[1])
    assert file["Content-Type"].startswith("text/calendar")
    assert b"DTSTART:20251126T113000Z" in file.content
    assert f"UID:{booking.code}@".encode() in file.content


def test_the_same_form_with_another_time_says_which_one_was_picked(client: Client) -> None:
    """Loading was stopped, and another time chosen: nobody is left to believe that it counts."""
    booking = offered()
    page = address(booking, "pick")
    key = {"request_key": "one-and-the-same-form"}
    client.post(page, {"slot": "2025-11-26T11:30Z", **key})
    answer = client.post(page, {"slot": "2025-11-27T11:30Z", **key}, follow=True)
    assert "You had already picked a time: Wednesday 26 November" in read(answer)
    assert "It was not changed again." in read(answer)
    assert "Your new time is set. Thursday" not in read(answer)
    booking.refresh_from_db()
    assert (booking.attempt, booking.starts_at.day) == (2, 26)


def test_the_same_form_twice_moves_once_and_shows_the_result(client: Client) -> None:
    booking = offered()
    path = address(booking, "pick")
    data = {"slot": "2025-11-26T11:30Z", "request_key": "one-and-the-same-form"}
    first, second = client.post(path, data), client.post(path, data)
    assert first["Location"] == second["Location"]
    booking.refresh_from_db()
    assert booking.attempt == 2


def test_a_time_just_taken_shows_fresh_ones_and_keeps_the_other_choices(client: Client) -> None:
    booking = offered()
    path = address(booking, "pick")
    taken = datetime(2025, 11, 26, 11, 30, tzinfo=UTC)
    service = make_service(booking.expert)
    make_booking(booking.expert, now=MOMENT, starts_at=taken, service=service)
    answer = client.post(
        path, {"slot": value(taken), "day": "2025-11-26", "tz": "Asia/Tokyo", "clock": "12"}
    )
    assert answer.status_code == 409
    text = read(answer)
    assert (
        "8:30 pm has just been taken. Please pick another time. "
        "Your other choices are still here." in text
    )
    assert "Tokyo (JST), now 6:58 pm" in text
    assert "Wednesday 26 November" in text
    assert value(taken) not in values_on(answer)
    booking.refresh_from_db()
    assert booking.state == State.RESCHEDULE_OFFERED


@pytest.mark.parametrize(
    ("slot", "sentence"),
    [
        ("", "Choose a time."), ("tomorrow", "Choose one of the times below."),
        ("2025-11-26T12:30", "Choose one of the times below."),
        ("2025-11-26T24:30Z", "Choose one of the times below."),
        ("9999-12-31T23:59Z", "Choose one of the times below."),
        ("0001-01-01T00:00Z", "Choose one of the times below."),
    ],
)  # fmt: skip
def test_no_time_or_a_broken_one_is_asked_for_again(
    slot: str, sentence: str, client: Client
) -> None:
    booking = offered()
    answer = client.post(address(booking, "pick"), {"slot": slot})
    assert answer.status_code == 422
    assert sentence in read(answer)


@pytest.mark.parametrize(
    "slot", ["2025-11-26T12:31Z", "2025-11-22T10:30Z", "2020-01-01T00:00Z", "2026-11-26T11:30Z"]
)
def test_a_time_that_was_never_offered_is_not_given(slot: str, client: Client) -> None:
    booking = offered()
    assert client.post(address(booking, "pick"), {"slot": slot}).status_code == 409
    booking.refresh_from_db()
    assert booking.state == State.RESCHEDULE_OFFERED


def test_an_offer_that_has_lapsed_takes_no_pick(client: Client) -> None:
    booking = offered()
    path = address(booking, "pick")
    with time_machine.travel(MOMENT + timedelta(days=14, minutes=2), tick=False):
        answer = client.post(path, {"slot": "2025-12-08T11:30Z"})
        assert answer.status_code == 409
        assert "The deadline has passed." in read(answer)
        assert "The time to choose one is over." in read(client.get(path))


def test_without_free_times_there_is_still_a_way_on(client: Client) -> None:
    booking = offered()
    booking.expert.weekly_hours.all().delete()
    text = read(client.get(address(booking, "pick")))
    assert "Maya has no free times" in text
    assert "Get a refund instead" in text


# --- the money instead -----------------------------------------------------------------------


def test_the_refund_is_asked_for_once_more_before_it_counts(client: Client) -> None:
    booking = offered()
    path = address(booking, "pick", "refund_instead")
    text = read(client.get(path))
    assert "Get a refund instead?" in text
    assert "You get ₹2,400 back to Visa ending 4242" in text
    booking.refresh_from_db()
    assert booking.state == State.RESCHEDULE_OFFERED
    answer = client.post(path, follow=True)
    assert "Refund approved" in read(answer)
    booking.refresh_from_db()
    assert booking.state == State.REFUNDED


def test_without_a_report_there_is_no_refund_to_take(client: Client) -> None:
    booking = offer(make_booking(now=MOMENT), now=MOMENT)
    answer = client.post(address(booking, "pick", "refund_instead"))
    assert answer.status_code == 409
    assert "Nobody has reported a no-show" in read(answer)
    booking.refresh_from_db()
    assert booking.state == State.RESCHEDULE_OFFERED


def test_without_a_refund_to_take_a_live_link_has_not_ended_and_leads_to_the_calendar(
    client: Client,
) -> None:
    booking = offer(make_booking(now=MOMENT), now=MOMENT)
    path, calendar = address(booking, "pick", "refund_instead"), address(booking, "pick")
    for answer in (client.get(path), client.post(path)):
        assert "You can choose one until" in read(answer)
        assert "has ended" not in read(answer)
        assert f'href="{calendar}"' in answer.content.decode()
        assert "E-mail me the link" not in read(answer)
    with time_machine.travel(MOMENT + timedelta(days=14, minutes=2), tick=False):
        assert calendar not in client.get(path).content.decode().replace(path, "")


def test_the_calendar_needs_few_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    path = address(offered(), "pick")
    with django_assert_max_num_queries(16):
        client.get(path)
