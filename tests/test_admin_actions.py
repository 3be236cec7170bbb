"""Staff acts through the verbs, with a reason, and gets a report for each row."""

from __future__ import annotations

import re

import pytest
from django import forms
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bookings.forms.actions import to_minor
from bookings.models import (
    OutboxEmail,
    OutboxState,
    Refund,
    RefundState,
    User,
)
from bookings.states import State
from tests.builders import (
    DAY,
    make_booking,
    make_expert,
    make_in_state,
    make_user,
)
from tests.staff_pages import act, declined, fresh, url

pytestmark = pytest.mark.django_db


# --- actions --------------------------------------------------------------------------------


def test_opening_the_page_of_an_action_changes_nothing(client: Client, staff: User) -> None:
    booking = make_in_state(State.NO_SHOW_REPORTED, now=timezone.now())
    address = reverse("admin:bookings_booking_act", args=["refund"])
    page = client.get(f"{address}?ids={booking.pk}")
    assert "Refund now" in page.content.decode()
    assert fresh(booking).version == booking.version


def test_a_refund_needs_a_reason_and_keeps_it(client: Client, staff: User) -> None:
    booking = make_in_state(State.NO_SHOW_REPORTED, now=timezone.now())
    assert "Give a reason." in act(client, [booking], "refund", reason="  ")
    assert fresh(booking).state == State.NO_SHOW_REPORTED

    said = act(client, [booking], "refund", reason="The expert is in hospital.")
    assert f"{booking.code}: Refunded." in said
    assert fresh(booking).state == State.REFUNDED
    event = booking.events.get(verb="refund_now")
    assert (event.actor, event.actor_kind) == (staff, "staff")
    assert event.note == "The expert is in hospital."
    assert Refund.objects.get(booking=booking).amount_minor == 240000
    assert "hospital" in LogEntry.objects.get().change_message


def test_staff_may_refund_a_part_in_major_units(client: Client, staff: User) -> None:
    booking = make_in_state(State.COMPLETED, now=timezone.now())
    assert "₹1,200.50 goes back." in act(client, [booking], "refund", amount="1,200.50")
    assert Refund.objects.get(booking=booking).amount_minor == 120050


def test_more_than_was_paid_is_refused_with_a_sentence(client: Client, staff: User) -> None:
    booking = make_in_state(State.COMPLETED, now=timezone.now())
    said = act(client, [booking], "refund", amount="2400.01")
    assert f"{booking.code}: The amount must be more than zero" in said
    assert fresh(booking).state == State.COMPLETED
    assert not Refund.objects.exists()


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [("15", "INR", 1500), ("15.5", "EUR", 1550), ("9,000", "JPY", 9000), ("1.234", "KWD", 1234)],
)
def test_amounts_are_read_in_the_currencys_own_units(text: str, currency: str, minor: int) -> None:
    assert to_minor(text, currency) == minor


@pytest.mark.parametrize(
    "text", ["", "abc", "0", "-5", "1.005", "NaN", "Infinity", "1e309", "1e999999999", "١٫٥", "--1"]
)
def test_amounts_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(forms.ValidationError):
        to_minor(text, "INR")


def test_each_row_gets_its_own_report_and_one_refusal_stops_no_other(
    client: Client, staff: User
) -> None:
    now = timezone.now()
    future = make_booking(now=now, starts_at=now + DAY)
    past = make_booking(now=now)
    said = act(client, [future, past], "cancel", reason="The site moves.")
    assert f"{future.code}: Cancelled. Everything that was paid goes back." in said
    assert f"{past.code}: A call that has started cannot be cancelled." in said
    assert (fresh(future).state, fresh(past).state) == (State.CANCELLED, State.SCHEDULED)


def test_chosen_rows_lead_to_the_page_that_asks_for_the_reason(client: Client, staff: User) -> None:
    bookings = [make_booking(), make_booking()]
    response = client.post(
        reverse("admin:bookings_booking_changelist"),
        {"action": "refund", "_selected_action": [b.pk for b in bookings], "index": "0"},
        follow=True,
    )
    html = response.content.decode()
    assert all(booking.code in html for booking in bookings)
    assert 'name="amount"' not in html, "an amount only goes with one booking"
    assert {fresh(b).state for b in bookings} == {State.SCHEDULED}


def test_the_same_form_sent_twice_acts_once(client: Client, staff: User) -> None:
    booking = make_in_state(State.NO_SHOW_REPORTED, now=timezone.now())
    address = reverse("admin:bookings_booking_act", args=["refund"])
    data = {"ids": str(booking.pk), "request_key": "one-form", "reason": "Twice."}
    for _ in range(2):
        said = client.post(address, data, follow=True).content.decode()
        assert f"{booking.code}: Refunded." in said
    assert Refund.objects.count() == 1


def test_staff_decides_a_contested_call(client: Client, staff: User) -> None:
    taken_place, in_part = (make_in_state(State.CONTESTED, now=timezone.now()) for _ in range(2))
    said = act(client, [taken_place], "decide", decision="completed", reason="The log shows it.")
    assert "Decided: completed." in said
    assert fresh(taken_place).state == State.COMPLETED

    contest = in_part.contests.get()
    page = client.get(reverse("admin:bookings_contest_act", args=["decide"]) + f"?ids={contest.pk}")
    assert "We never spoke." in page.content.decode(), "both sides are there to be read"
    act(client, [contest], "decide", decision="refunded", amount="1000", reason="Half of it.")
    contest.refresh_from_db()
    assert (contest.decision, contest.decided_by) == ("refunded", staff)
    assert contest.decision_reason == "Half of it."
    assert Refund.objects.get(booking=in_part).amount_minor == 100000


def test_a_decision_must_be_chosen(client: Client, staff: User) -> None:
    booking = make_in_state(State.CONTESTED, now=timezone.now())
    assert "Choose a decision." in act(client, [booking], "decide")
    said = act(client, [booking], "decide", decision="completed", amount="5")
    assert "An amount only goes with a refund." in said
    assert fresh(booking).state == State.CONTESTED


def test_nobody_decides_their_own_case(client: Client) -> None:
    maya = make_expert()
    User.objects.filter(pk=maya.user_id).update(is_staff=True, is_superuser=True)
    client.force_login(User.objects.get(pk=maya.user_id))
    booking = make_in_state(State.CONTESTED, now=timezone.now(), expert=maya)
    assert "Decide…" not in client.get(url(booking)).content.decode()
    said = act(client, [booking], "decide", decision="completed", reason="I say so.")
    assert "You cannot decide your own case." in said
    assert fresh(booking).state == State.CONTESTED


def test_only_actions_that_are_allowed_now_have_a_button(client: Client, staff: User) -> None:
    booking = make_in_state(State.REFUNDED)
    html = client.get(url(booking)).content.decode()
    assert not re.findall(r'class="act"', html)
    reported = make_in_state(State.NO_SHOW_REPORTED, now=timezone.now())
    html = client.get(url(reported)).content.decode()
    assert re.findall(r'class="act"[^>]*>([^<]+)<', html) == ["Refund now…"]


def test_looking_without_the_right_to_act_is_only_looking(client: Client) -> None:
    reader = make_user("reader@example.com", is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename="view_booking"))
    client.force_login(reader)
    booking = make_in_state(State.NO_SHOW_REPORTED, now=timezone.now())
    html = client.get(url(booking)).content.decode()
    assert 'class="act"' not in html
    address = reverse("admin:bookings_booking_act", args=["refund"])
    data = {"ids": str(booking.pk), "request_key": "k", "reason": "No right."}
    assert client.post(address, data).status_code == 403
    assert client.get(reverse("admin:bookings_refund_changelist")).status_code == 403
    assert "Refunds that need staff" not in client.get("/admin/").content.decode()
    assert fresh(booking).state == State.NO_SHOW_REPORTED


@pytest.mark.parametrize("ids", ["", "0", "abc", "1;2", "9" * 40, "-1", "1,,x"])
def test_ids_that_are_none_lead_back_to_the_list(client: Client, staff: User, ids: str) -> None:
    address = reverse("admin:bookings_booking_act", args=["refund"])
    response = client.get(address, {"ids": ids}, follow=True)
    assert "Choose at least one row." in response.content.decode()
    assert client.get(reverse("admin:bookings_booking_act", args=["explode"])).status_code == 404


# --- refunds and e-mails --------------------------------------------------------------------


def test_a_declined_refund_is_in_the_queue_and_can_be_tried_again(
    client: Client, staff: User
) -> None:
    refund, other = declined(), make_in_state(State.REFUNDED)
    html = client.get("/admin/bookings/refund/?needs=staff").content.decode()
    assert refund.booking.code in html
    assert other.code not in html
    assert "It will be tried again within a minute." in act(
        client, [refund], "retry", "The bank is back."
    )
    assert fresh(refund).state == RefundState.DUE
    assert refund.booking.events.get(verb="refund_retry").note == "The bank is back."


def test_a_refund_is_held_and_released(client: Client, staff: User) -> None:
    refund = Refund.objects.get(booking=make_in_state(State.REFUNDED))
    act(client, [refund], "hold", "Ask the bank first.")
    assert fresh(refund).hold_reason == "Ask the bank first."
    act(client, [refund], "release", "All good.")
    assert fresh(refund).hold_reason == ""
    assert "This refund is" in act(client, [refund], "release", "Again.")


def test_paid_by_hand_needs_the_banks_reference(client: Client, staff: User) -> None:
    refund = declined()
    said = act(client, [refund], "paid_by_hand", "Sent by wire.")
    assert "Give the reference of the bank transfer." in said
    act(client, [refund], "paid_by_hand", "Sent by wire.", reference="UTR 7788")
    assert (fresh(refund).state, fresh(refund).reference) == (RefundState.SUCCEEDED, "UTR 7788")


def test_an_email_that_was_given_up_is_tried_again_or_parked(client: Client, staff: User) -> None:
    make_in_state(State.NO_SHOW_REPORTED)
    email = OutboxEmail.objects.first()
    assert email is not None
    assert "Parked." in act(client, [email], "park", "The address is wrong.")
    assert (fresh(email).state, fresh(email).next_attempt_at) == (OutboxState.FAILED, None)
    act(client, [email], "retry", "The address is right now.")
    assert fresh(email).state == OutboxState.QUEUED
    assert fresh(email).next_attempt_at is not None
    OutboxEmail.objects.filter(pk=email.pk).update(state=OutboxState.SENT, next_attempt_at=None)
    assert "This e-mail is: Sent." in act(client, [email], "retry", "Once more.")
    assert fresh(email).state == OutboxState.SENT
