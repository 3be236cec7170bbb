"""Where a booking stands, from the follower's side."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from bookings import lifecycle
from bookings.models import Booking, Payment, Refund, RefundState
from bookings.states import State
from tests.builders import (
    NOW,
    expert_of,
    make_booking,
    make_in_state,
    offer,
)
from tests.follower_pages import LATER, address, read, status, unanswered

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_the_moment() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def test_a_call_to_come_has_its_time_place_and_calendar_file(client: Client) -> None:
    booking = make_booking(starts_at=NOW + timedelta(days=2))
    Booking.objects.filter(pk=booking.pk).update(place="https://meet.example.com/maya")
    page = client.get(address(booking, "status"))
    assert "Your call with Maya is on Wed 25 Nov, 11:30" in read(page)
    assert "Where: https://meet.example.com/maya" in read(page)
    assert "call.ics" in page.content.decode()
    assert client.get(address(booking, "status", "status_calendar")).status_code == 200


def test_a_call_that_is_over_has_no_calendar_file(client: Client) -> None:
    booking = make_booking()
    assert client.get(address(booking, "status", "status_calendar")).status_code == 404
    assert "call.ics" not in client.get(address(booking, "status")).content.decode()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State.SCHEDULED, "Did it not happen? You can tell us until Thu 26 Nov, 10:30."),
        (State.NO_SHOW_REPORTED, "Maya has until Thu 26 Nov, 11:30 to answer."),
        (State.RESCHEDULE_OFFERED, "You can choose one until Mon 7 Dec, 11:30."),
        (State.COMPLETED, "Not right? You can tell us until Thu 26 Nov, 11:30."),
        (State.CONTESTED, "You will hear from us by Mon 30 Nov, 11:30."),
        (State.REFUNDED, "Maya refunded this call"),
        (State.CANCELLED, "Maya cancelled the call: I am ill."),
    ],
)
def test_every_state_says_what_comes_next(state: State, words: str, client: Client) -> None:
    assert words in status(client, make_in_state(state))


@pytest.mark.parametrize("state", list(State))
def test_every_state_lists_the_limits_and_what_happened(state: State, client: Client) -> None:
    text = status(client, make_in_state(state))
    assert "You booked the call" in text
    assert "Maya then has 72 hours to answer" in text
    assert "A link to pick a new time is open for 14 days." in text
    assert "All times are in your time zone, Kolkata." in text


def test_a_forwarded_link_shows_no_address_and_no_card_number(client: Client) -> None:
    booking = unanswered()
    text = status(client, booking)
    assert booking.follower.email not in text
    assert "Nair" not in text
    assert Payment.objects.get(booking=booking).provider_ref not in text
    assert "Visa ending 4242" in text


def test_what_was_undone_is_not_told(client: Client) -> None:
    booking = offer(make_booking())
    lifecycle.undo(booking.pk, actor=expert_of(booking), now=NOW + timedelta(seconds=5))
    assert "offered you a new time" not in status(client, booking)


def test_the_page_asks_again_each_minute_until_nothing_can_change(client: Client) -> None:
    booking = unanswered()
    page = client.get(address(booking, "status")).content.decode()
    assert 'hx-trigger="every 60s"' in page
    Refund.objects.update(state=RefundState.SUCCEEDED, finished_at=LATER)
    assert "every 60s" not in client.get(address(booking, "status")).content.decode()
    part = client.get(address(booking, "status"), headers={"HX-Request": "true"})
    assert part.content.decode().lstrip().startswith('<div class="narrow stack" id="standing"')
    assert "HX-Request" in part["Vary"]


def test_the_page_needs_few_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    path = address(unanswered(), "status")
    with django_assert_max_num_queries(9):
        client.get(path)
