"""The page of one booking: the clock, the actions, what happened, and whose it is."""

from __future__ import annotations

import re
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from bookings import lifecycle, slots
from bookings.models import Booking, Expert
from bookings.states import State
from tests.builders import (
    DAY,
    FOLLOWER,
    HOUR,
    contest,
    expert_of,
    make_booking,
    make_expert,
    make_follower,
    make_in_state,
    mark_held_on_zoom,
    offer,
    report,
    staff,
)

pytestmark = pytest.mark.django_db


def html_of(desk: Client, code: str) -> str:
    return desk.get(f"/bookings/{code}/").content.decode()


@pytest.mark.parametrize("state", State)
def test_every_state_has_a_page_in_few_queries(
    desk: Client, maya: Expert, state: State, django_assert_max_num_queries: object
) -> None:
    booking = make_in_state(state, now=timezone.now(), expert=maya)
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        response = desk.get(f"/bookings/{booking.code}/")
    assert response.status_code == 200
    assert booking.code in response.content.decode()


def test_a_reported_booking_says_what_happens_if_nothing_happens(
    desk: Client, maya: Expert
) -> None:
    booking = report(make_booking(maya, now=timezone.now()), now=timezone.now())
    html = html_of(desk, booking.code)
    assert "I waited for 25 minutes." in html
    assert "If you do nothing, Priya gets ₹2,400 back automatically." in html
    assert "If you do nothing, Priya gets ₹2,400 back automatically</" in html
    assert "Priya reported a no-show" in html
    assert "Priya booked and paid ₹2,400" in html


def test_a_free_call_promises_no_money(desk: Client, maya: Expert) -> None:
    booking = make_booking(maya, now=timezone.now(), price_minor=0)
    html = html_of(desk, report(booking, now=timezone.now()).code)
    assert "If you do nothing, the booking is closed." in html
    assert "₹" not in html.split("<main")[1]


def test_a_report_without_words_says_that_there_are_none(desk: Client, maya: Expert) -> None:
    now = timezone.now()
    booking = make_booking(maya, now=now)
    lifecycle.report_no_show(booking.pk, actor=FOLLOWER, now=now, reason="expert_absent")
    assert "Nobody joined the call. Priya gave no details." in html_of(desk, booking.code)


def second_report(maya: Expert, **details: Any) -> Booking:
    now = timezone.now()
    booking = report(make_booking(maya, now=now - DAY, **details), now=now - DAY)
    picked = slots.free_for(offer(booking, now=now - DAY), now=now - DAY, until=now + 5 * DAY)[0]
    lifecycle.pick_time(booking.pk, actor=FOLLOWER, now=now - DAY, starts_at=picked)
    return report(Booking.objects.get(pk=booking.pk), now=picked + 2 * HOUR)


def test_after_a_second_report_a_refund_is_a_button_and_none_is_filled(
    desk: Client, maya: Expert
) -> None:
    booking = second_report(maya)
    with time_machine.travel(booking.starts_at + 3 * HOUR, tick=False):
        html = html_of(desk, booking.code)
    panel = html.split('class="decide__do"')[1].split("</div>")[0]
    assert re.findall(r'<a class="([^"]+)"[^>]*>([^<]+)', panel) == [
        ("btn btn--lg", "Refund ₹2,400"), ("btn btn--lg", "Mark as completed"),
    ]  # fmt: skip
    assert "refund now" not in html


def test_a_second_report_of_a_free_call_offers_to_close_it(desk: Client, maya: Expert) -> None:
    booking = second_report(maya, price_minor=0)
    with time_machine.travel(booking.starts_at + 3 * HOUR, tick=False):
        html = html_of(desk, booking.code)
    assert ">Close the booking</a>" in html


@pytest.mark.parametrize(("attempt", "how_often"), [(2, "once"), (3, "twice"), (5, "4 times")])
def test_how_often_a_call_was_moved_is_said_in_words(
    desk: Client, maya: Expert, attempt: int, how_often: str
) -> None:
    booking = make_booking(maya, now=timezone.now())
    assert "<dt>Moved</dt>" not in html_of(desk, booking.code)
    Booking.objects.filter(pk=booking.pk).update(attempt=attempt)
    assert f"<dt>Moved</dt><dd>{how_often}<" in html_of(desk, booking.code)


def test_both_zones_are_named(desk: Client, maya: Expert) -> None:
    lena = make_follower("Lena Hartmann", time_zone="Europe/Berlin")
    html = html_of(desk, make_booking(maya, lena, now=timezone.now()).code)
    assert "for Lena (Berlin)" in html


def test_the_limits_in_force_are_shown(desk: Client, maya: Expert) -> None:
    html = html_of(desk, make_booking(maya, now=timezone.now()).code)
    assert "You then have 72 hours to answer" in html
    assert "An offer of a new time stays open for 14 days." in html


def test_previous_and_next_follow_the_queue(desk: Client, maya: Expert) -> None:
    now = timezone.now()
    codes = []
    for hours in (30, 20, 10):
        at = now - hours * HOUR
        codes.append(report(make_booking(maya, now=at, minutes=30), now=at).code)
    html = html_of(desk, codes[1])
    assert "2 of 3" in html
    assert f'href="/bookings/{codes[0]}/" aria-label="Previous call"' in html
    assert f'href="/bookings/{codes[2]}/" aria-label="Next call"' in html


def test_support_is_asked_about_this_booking(desk: Client, maya: Expert) -> None:
    booking = make_booking(maya, now=timezone.now())
    assert f"/support/?booking={booking.code}" in html_of(desk, booking.code)


def test_the_words_of_a_contest_are_quoted_once(desk: Client, maya: Expert) -> None:
    now = timezone.now()
    booking = contest(mark_held_on_zoom(make_booking(maya, now=now), now=now), now=now)
    html = html_of(desk, booking.code)
    assert html.count("We never spoke.") == 1
    assert "Our team decides within" in html


def test_undo_is_there_as_long_as_it_works(desk: Client, maya: Expert) -> None:
    now = timezone.now()
    fresh = offer(make_booking(maya, now=now), now=now)
    assert f"/bookings/{fresh.code}/undo/" in html_of(desk, fresh.code)
    old = offer(make_booking(maya, now=now, starts_at=now - 9 * HOUR), now=now - HOUR)
    assert f"/bookings/{old.code}/undo/" not in html_of(desk, old.code)


def test_staff_decided_is_told_with_the_reason(desk: Client, maya: Expert) -> None:
    now = timezone.now()
    booking = contest(mark_held_on_zoom(make_booking(maya, now=now), now=now), now=now)
    lifecycle.decide(
        booking.pk, actor=staff(), now=now, decision="refunded", reason="The log shows one person."
    )
    html = html_of(desk, booking.code)
    assert "Our team decided: the refund of ₹2,400 started" in html
    assert "The log shows one person." in html


def test_what_people_wrote_is_escaped(desk: Client, maya: Expert) -> None:
    now = timezone.now()
    mallory = make_follower("<b>Mallory</b>")
    booking = make_booking(maya, mallory, now=now)
    lifecycle.offer_reschedule(
        booking.pk, actor=expert_of(booking), now=now, note="<script>alert(1)</script>"
    )
    html = html_of(desk, booking.code)
    assert "<script>alert" not in html
    assert "<b>Mallory" not in html


def test_another_experts_booking_does_not_exist(desk: Client) -> None:
    other = make_booking(make_expert("Somebody Else"), now=timezone.now())
    assert desk.get(f"/bookings/{other.code}/").status_code == 404
    assert desk.get(f"/bookings/{other.code}/row/").status_code == 404
    assert desk.get("/bookings/TM-0000000/").status_code == 404


def test_staff_without_an_expert_has_no_page_here(client: Client, maya: Expert) -> None:
    from tests.builders import make_staff

    booking = make_booking(maya, now=timezone.now())
    client.force_login(make_staff())
    assert client.get(f"/bookings/{booking.code}/").status_code == 404


def test_every_verb_of_the_history_has_its_sentence() -> None:
    from bookings.states import Verb
    from bookings.wording.history import LINES

    facts = {
        "booked", "reminder", "link_resent", "refund_accepted", "refund_succeeded",
        "refund_declined", "refund_reversed", "refund_held", "refund_retry",
        "refund_paid_by_hand",
    }  # fmt: skip
    assert {verb.value for verb in Verb} | facts <= set(LINES)
