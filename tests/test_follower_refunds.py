"""Where a refund stands, in words that never say more than is known."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from bookings import lifecycle, refunds
from bookings.models import Booking, Payment, Refund, RefundState
from bookings.states import State
from tests.builders import (
    NOW,
    expert_of,
    make_booking,
    make_in_state,
    report,
    staff,
)
from tests.follower_pages import LATER, address, status, unanswered

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _at_the_moment() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def refund_of(booking: Booking, **changes: Any) -> Refund:
    refund = Refund.objects.get(booking=booking)
    Refund.objects.filter(pk=refund.pk).update(**changes)
    refund.refresh_from_db()
    return refund


def steps(client: Client, booking: Booking) -> list[tuple[str, str]]:
    """Each step of the refund: done, now or next, and its label."""
    body = client.get(address(booking, "status")).content.decode()
    list_of_steps = body[body.index('<ol class="steps"') : body.index("</ol>")]
    items = re.findall(r'<li(?: class="is-(\w+)")?[^>]*>.*?<b>(.*?)</b>', list_of_steps)
    return [(place or "done", label) for place, label in items]


@pytest.mark.parametrize("state", [RefundState.DUE, RefundState.SENDING, RefundState.UNKNOWN])
def test_until_the_provider_has_taken_it_a_refund_is_approved_and_no_more(
    state: str, client: Client
) -> None:
    booking = unanswered()
    refund_of(booking, state=state)
    text = status(client, booking)
    assert "Refund approved" in text
    assert "We are sending ₹2,400 back to Visa ending 4242." in text
    assert "Refunded" not in text
    assert "with your bank" not in text
    assert steps(client, booking) == [
        ("done", "No-show reported"), ("now", "Refund approved"),
        ("next", "Sent to your bank"), ("next", "In your account"),
    ]  # fmt: skip


def test_a_refund_the_provider_has_taken_is_with_the_bank(client: Client) -> None:
    booking = unanswered()
    refund_of(booking, state=RefundState.ACCEPTED, accepted_at=LATER)
    with time_machine.travel(LATER, tick=False):
        text = status(client, booking)
    assert "Your refund is with your bank" in text
    assert "We sent ₹2,400 back to Visa ending 4242 on Thursday 26 November." in text
    assert "usually take 5 to 10 working days" in text
    assert "Refunded" not in text
    assert steps(client, booking)[2:] == [("now", "Sent to your bank"), ("next", "In your account")]
    with time_machine.travel(LATER + timedelta(days=17), tick=False):
        assert "It should be there by now." in status(client, booking)


def test_a_confirmed_refund_has_its_day_and_the_banks_reference(client: Client) -> None:
    booking = unanswered()
    refund_of(
        booking, state=RefundState.SUCCEEDED, accepted_at=LATER, finished_at=LATER + MINUTE,
        reference="7420 5015 3312 8841",
    )  # fmt: skip
    page = client.get(address(booking, "status")).content.decode()
    text = status(client, booking)
    assert "₹2,400 went back to Visa ending 4242 on Thursday 26 November." in text
    assert 'data-copy="#reference"' in page
    assert "7420 5015 3312 8841" in text
    assert {place for place, _ in steps(client, booking)} == {"done"}
    assert "Maya did not answer your report within 72 hours" in text


@pytest.mark.parametrize("state", [RefundState.SENDING, RefundState.UNKNOWN])
def test_without_an_answer_for_long_it_is_delayed_and_our_team_knows(
    state: str, client: Client
) -> None:
    booking = unanswered()
    refund_of(booking, state=state, alerted_at=LATER)
    text = status(client, booking)
    assert "Your refund is delayed" in text
    assert (
        "The payment provider has not confirmed your refund of ₹2,400 yet. Our team has been told"
        in text
    )
    assert "We are sending" not in text


def test_a_declined_refund_is_delayed_and_not_lost(client: Client) -> None:
    booking = unanswered()
    refund_of(booking, state=RefundState.DECLINED, finished_at=LATER)
    text = status(client, booking)
    assert "Your refund is delayed" in text
    assert "Our team has been told" in text
    assert "Refunded" not in text
    assert steps(client, booking)[1:] == [
        ("done", "Refund approved"), ("failed", "Did not go through"), ("next", "In your account"),
    ]  # fmt: skip
    assert "mailto:" not in client.get(address(booking, "status")).content.decode()


def test_a_refund_that_came_back_asks_where_to_send_it(client: Client) -> None:
    booking = unanswered()
    refund_of(booking, state=RefundState.REVERSED, accepted_at=LATER, finished_at=LATER)
    text = status(client, booking)
    assert "Your bank sent the refund back" in text
    assert "Tell us where to send it" in text
    assert steps(client, booking)[2:] == [("done", "Sent to your bank"), ("failed", "Sent back")]


@pytest.mark.parametrize(
    ("staff_addresses", "address_used"),
    [
        ([], "bookings@localhost"),
        (["Desk <desk@example.org>", "b@example.org"], "desk@example.org"),
    ],
)
def test_who_is_asked_where_to_send_it_has_a_button_to_say_so(
    staff_addresses: list[str], address_used: str, client: Client, settings: Any
) -> None:
    settings.STAFF_EMAIL = staff_addresses
    booking = unanswered()
    refund_of(booking, state=RefundState.REVERSED, accepted_at=LATER, finished_at=LATER)
    page = client.get(address(booking, "status")).content.decode()
    subject = f"The%20refund%20for%20booking%20{booking.code}%20came%20back"
    assert f'href="mailto:{address_used}?subject={subject}"' in page


def test_a_held_refund_says_so(client: Client) -> None:
    booking = unanswered()
    refund = refund_of(booking)
    refunds.hold(refund.pk, actor=staff(), now=LATER, reason="Looks like fraud, call the police")
    text = status(client, booking)
    assert "Your refund is delayed" in text
    assert "police" not in text
    assert steps(client, booking)[1] == ("now", "Refund approved")


def test_a_disputed_payment_is_explained(client: Client) -> None:
    booking = report(make_booking())
    Payment.objects.filter(booking=booking).update(is_disputed=True)
    lifecycle.run_deadline(booking.pk, state="no_show_reported", now=LATER)
    assert "Your bank is looking into this payment" in status(client, booking)


def test_a_refund_paid_by_hand_is_on_its_way_until_it_is_paid(client: Client) -> None:
    booking = unanswered(provider="manual")
    text = status(client, booking)
    assert "Our team sends you ₹2,400 by hand." in text
    refund = Refund.objects.get(booking=booking)
    refunds.record_paid_by_hand(
        refund.pk, actor=staff(), now=LATER, reference="UTR 99881", reason="paid"
    )
    text = status(client, booking)
    assert "UTR 99881" in text
    assert {place for place, _ in steps(client, booking)} == {"done"}


def test_a_free_call_that_ends_has_nothing_to_refund(client: Client) -> None:
    booking = unanswered(price_minor=0)
    text = status(client, booking)
    assert "The call was free, so there is nothing to refund." in text
    assert "₹" not in text


def test_a_part_that_staff_refunds_is_the_amount_shown(client: Client) -> None:
    booking = make_in_state(State.CONTESTED)
    lifecycle.decide(
        booking.pk, actor=staff(), now=NOW, decision="refunded",
        reason="Half the call was held.", amount_minor=120000,
    )  # fmt: skip
    text = status(client, booking)
    assert "We are sending ₹1,200 back" in text
    assert "Our team decided to refund this call: Half the call was held." in text
    assert steps(client, booking)[0] == ("done", "You told us it was not right")


def test_an_undone_refund_is_not_shown(client: Client) -> None:
    booking = make_booking()
    lifecycle.refund_now(booking.pk, actor=expert_of(booking), now=NOW)
    lifecycle.undo(booking.pk, actor=expert_of(booking), now=NOW + timedelta(seconds=5))
    text = status(client, booking)
    assert "Refund approved" not in text
    assert "Your call with Maya was on" in text


def test_the_real_provider_path_is_told_step_by_step(client: Client) -> None:
    booking = unanswered()
    refund = Refund.objects.get(booking=booking)
    refunds.drive([refund.pk], now=LATER)
    assert "Your refund is with your bank" in status(client, booking)
    refunds.drive([refund.pk], now=LATER + MINUTE)
    text = status(client, booking)
    assert "went back to Visa ending 4242" in text
    assert "SBX0" in text
