"""Payments their provider does not know: of another account or mode, or by no id of a payment.

As after an import, or when the keys of another account or mode are set.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from bookings import refunds
from bookings.models import OutboxEmail, Refund, RefundState
from bookings.refunds import sending
from bookings.states import TransitionNotAllowed
from tests.builders import DAY, HOUR, staff
from tests.engine import (
    LATER,
    MINUTE,
    connect,
    drive,
    is_left_to_staff,
    paid,
    play,
    refund_of,
    taken,
)
from tests.outbox_rows import rendered
from tests.provider.running import Provider
from tests.provider.server import StandIn

pytestmark = pytest.mark.django_db
NOT_KNOWN = "does not know this payment"
UNKNOWN = {
    "stripe": dict.fromkeys(
        ("pi_gone", "ch_gone", "py_gone", "cs_test_a1", "Visa 4242", "https://x.example/pi"),
        NOT_KNOWN,
    ),
    "razorpay": {
        **dict.fromkeys(("pay_gone", "order_gone"), NOT_KNOWN),
        **dict.fromkeys(("pay Nx", " ", "../orders", "https://x.example"), "not one of Razorpay's"),
    },
}


def gone(provider: Provider) -> str:
    return next(iter(UNKNOWN[provider.name]))


def close(refund: Refund, now: datetime = LATER) -> Refund:
    return refunds.record_paid_by_hand(
        refund.pk, actor=staff(), now=now, reference="SEPA 1", reason="By transfer."
    )


def test_a_person_is_told_why_and_may_close_it_at_once(provider: Provider) -> None:
    for ref, why in UNKNOWN[provider.name].items():
        refund = drive(refund_of(provider, ref=ref))
        assert refund.state == RefundState.UNKNOWN
        assert why in refund.last_answer
        is_left_to_staff(refund)
        assert close(refund).state == RefundState.SUCCEEDED
        assert not refunds.drive([refund.pk], now=LATER + HOUR)


def test_the_mail_to_staff_says_why_and_what_can_be_done(provider: Provider, settings: Any) -> None:
    settings.STAFF_EMAIL = ["desk@example.com"]
    refund = drive(refund_of(provider, ref=gone(provider)))
    row = OutboxEmail.objects.get(kind="staff_refund_failed")
    letter = rendered(row.kind, row.booking, now=LATER, facts=row.facts)
    said = " ".join(letter.text.split())
    assert "A refund of ₹2,400 needs you" in letter.subject
    assert NOT_KNOWN in said
    assert "another account, or to the other mode (test or live)" in said
    assert "then try again, or pay it by hand and record that." in said
    assert refund.get_state_display().lower() in said


def test_it_is_asked_about_for_a_day_and_told_once_then_it_waits_for_a_person(
    provider: Provider,
) -> None:
    refund = refund_of(provider, ref=gone(provider))
    at = play(provider, refund, 22 * HOUR)
    mails = OutboxEmail.objects.filter(kind="staff_refund_failed")
    assert (refund.state, mails.count()) == (RefundState.UNKNOWN, 1)
    assert refund.next_attempt_at is not None
    at = play(provider, refund, 5 * DAY, now=at)
    assert (refund.next_attempt_at, mails.count()) == (None, 2)
    assert refund.attempts < 35
    retried = refunds.retry(refund.pk, actor=staff(), now=at, reason="The keys are right now.")
    assert retried.epoch == 2
    close(drive(refund, at), at)


def test_with_the_right_keys_it_goes_out_by_itself(provider: Provider) -> None:
    ref = gone(provider)
    refund = refund_of(provider, part=80000, ref=ref)
    at = play(provider, refund, HOUR)
    provider.pay(240000, "INR", id=ref)  # as if the keys were those of its account
    play(provider, refund, 3 * HOUR, now=at)
    assert (refund.state, refund.epoch) == (RefundState.SUCCEEDED, 1)
    assert paid(provider, refund) == [80000]
    assert not Refund.objects.needing_staff().exists()


def test_once_it_may_have_been_sent_nobody_calls_it_paid_before_a_day_is_over(
    provider: Provider,
) -> None:
    """The provider did not know it; then it did, and its answer was lost."""
    ref = gone(provider)
    refund = refund_of(provider, part=80000, ref=ref)
    drive(refund)
    assert refund.absent_at is not None
    provider.pay(240000, "INR", id=ref)
    provider.fault("drop")
    drive(refund, LATER + HOUR)
    assert (refund.state, refund.absent_at) == (RefundState.UNKNOWN, None)
    with pytest.raises(TransitionNotAllowed, match=r"record it as paid by hand\.$"):
        close(refund, LATER + HOUR)
    drive(refund, LATER + 2 * HOUR)
    assert paid(provider, refund) == [80000]


def test_a_driver_that_dies_with_it_leaves_no_leave_to_close_it(provider: Provider) -> None:
    """What it has sent nobody knows."""
    ref = gone(provider)
    refund = drive(refund_of(provider, part=80000, ref=ref))
    provider.pay(240000, "INR", id=ref)
    [marked] = sending.may_send([taken(refund, LATER + HOUR)], now=LATER + HOUR)
    assert marked.pk == refund.pk
    with pytest.raises(TransitionNotAllowed):
        close(refund, LATER + HOUR)
    Refund.objects.update(state=RefundState.UNKNOWN)  # by whatever way
    with pytest.raises(TransitionNotAllowed, match="may still pay"):
        close(refund, LATER + HOUR)


def test_stripe_is_asked_for_a_charge_by_that_name(server: StandIn, settings: Any) -> None:
    provider = connect(server, "stripe", settings)
    for ref in ("py_1Abc", "ch_1Abc", "pi_1Xyz"):
        provider.pay(240000, "INR", id=ref.replace("ch_", "pi_"))
        refund = drive(refund_of(provider, part=80000, ref=ref))
        assert refund.state == RefundState.ACCEPTED, refund.last_answer
        provider.tell(advance=61)
        drive(refund, LATER + 5 * MINUTE)
        assert refund.state == RefundState.SUCCEEDED
        refunds.refetch(refund.payment_id, now=LATER + HOUR)
        refund.refresh_from_db()
        assert (refund.state, refund.absent_at) == (RefundState.SUCCEEDED, None)
