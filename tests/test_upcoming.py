"""Upcoming: future calls, to be moved or cancelled."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from bookings.models import Expert
from bookings.states import State
from tests.builders import DAY, make_booking, make_in_state, offer

pytestmark = pytest.mark.django_db
URL = "/upcoming/"


def test_the_next_call_comes_first_with_both_buttons(desk: Client, maya: Expert) -> None:
    now = timezone.now()
    later = make_booking(maya, now=now, starts_at=now + 5 * DAY)
    sooner = make_booking(maya, now=now, starts_at=now + DAY)
    html = desk.get(URL).content.decode()
    assert html.index(sooner.code) < html.index(later.code)
    assert f"/bookings/{sooner.code}/reschedule/" in html
    assert f"/bookings/{sooner.code}/cancel/" in html


def test_past_calls_are_not_here(desk: Client, maya: Expert) -> None:
    assert make_booking(maya, now=timezone.now()).code not in desk.get(URL).content.decode()


def test_an_offered_call_keeps_its_time_and_cannot_be_offered_twice(
    desk: Client, maya: Expert
) -> None:
    now = timezone.now()
    booking = offer(make_booking(maya, now=now, starts_at=now + DAY), now=now - DAY)
    html = desk.get(URL).content.decode()
    assert "Waiting for Priya" in html
    assert f"/bookings/{booking.code}/reschedule/" not in html


def test_a_cancelled_call_stays_visible_without_buttons(desk: Client, maya: Expert) -> None:
    booking = make_in_state(State.CANCELLED, now=timezone.now() - DAY / 2, expert=maya)
    html = desk.get(URL).content.decode()
    assert "Cancelled" in html
    assert f"/bookings/{booking.code}/cancel/" not in html


def test_queries_do_not_grow_with_rows(
    desk: Client, maya: Expert, django_assert_max_num_queries: object
) -> None:
    now = timezone.now()
    for days in range(1, 13):
        make_booking(maya, now=now, starts_at=now + days * DAY)
    with django_assert_max_num_queries(6):  # type: ignore[operator]
        response = desk.get(URL)
    assert response.content.decode().count("<li id=call-") == 12
