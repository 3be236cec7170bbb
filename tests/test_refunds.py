"""A refund is driven to its end whatever the provider answers and whoever dies."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import F

from bookings import gateways, lifecycle, refunds, sweeps
from bookings.database import leases
from bookings.gateways import Answer, RefundRequest, Status
from bookings.models import Booking, OutboxEmail, Payment, Refund, RefundState, SandboxRefund
from bookings.refunds import timing
from bookings.refunds.answers import record
from bookings.states import TransitionNotAllowed
from tests.builders import DAY, NOW, expert_of, make_booking, staff
from tests.engine import taken

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(minutes=1)


def refund_of(payment_ref: str = "", provider: str = "sandbox") -> Refund:
    booking = make_booking(payment_ref=payment_ref, provider=provider)
    lifecycle.refund_now(booking.pk, actor=staff(), now=NOW, reason="Sorry")
    return Refund.objects.get(booking=booking)


def drive(refund: Refund, now: datetime = LATER) -> Refund:
    refunds.drive([refund.pk], now=now)
    refund.refresh_from_db()
    return refund


def paid_out(refund: Refund) -> int:
    """How often the sandbox has really paid this refund."""
    return SandboxRefund.objects.filter(payment_ref=refund.payment.provider_ref).count()


class Lying:
    """The sandbox behind a line that breaks where the test says."""

    is_remote = False

    def __init__(self, *, before: bool = False, after: bool = False) -> None:
        self.before, self.after = before, after
        self.real = gateways.SandboxGateway()

    def send(self, request: RefundRequest, *, now: datetime) -> Answer:
        if self.before:
            raise ConnectionResetError("no way out")
        answer = self.real.send(request, now=now)
        if self.after:
            raise TimeoutError("no way back")
        return answer

    def find(self, request: RefundRequest, *, now: datetime) -> Answer | None:
        return self.real.find(request, now=now)


def test_a_refund_is_accepted_then_seen_to_arrive() -> None:
    refund = drive(refund_of())
    assert refund.state == RefundState.ACCEPTED
    assert refund.accepted_at is not None
    assert refund.next_attempt_at is not None
    drive(refund, refund.next_attempt_at)
    assert (refund.state, refund.next_attempt_at) == (RefundState.SUCCEEDED, None)
    assert refund.reference.startswith("SBX")
    assert OutboxEmail.objects.filter(kind="refund_confirmed").count() == 1
    assert paid_out(refund) == 1


def test_a_lost_answer_is_unknown_and_the_refund_is_found_not_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(gateways._GATEWAYS, "sandbox", Lying(after=True))
    refund = drive(refund_of())
    assert refund.state == RefundState.UNKNOWN
    monkeypatch.undo()
    drive(refund, LATER + timedelta(minutes=1))
    assert refund.state == RefundState.SUCCEEDED
    assert paid_out(refund) == 1


def test_a_request_that_never_arrived_is_sent_again_with_the_same_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(gateways._GATEWAYS, "sandbox", Lying(before=True))
    refund = refund_of()
    key = refund.idempotency_key
    drive(refund)
    assert (refund.state, paid_out(refund)) == (RefundState.UNKNOWN, 0)
    monkeypatch.undo()
    drive(refund, LATER + timedelta(minutes=1))
    assert SandboxRefund.objects.get().idempotency_key == key


def test_a_driver_that_died_is_followed_by_another_after_its_lease() -> None:
    refund = refund_of()
    assert taken(refund).lease_token is not None  # and then kill -9
    assert refunds.drive([refund.pk], now=LATER + timedelta(seconds=1)) == 0
    drive(refund, LATER + timing.LEASE)
    assert refund.state == RefundState.ACCEPTED


def test_an_answer_that_comes_after_the_lease_is_not_written() -> None:
    refund = refund_of()
    slow = taken(refund)
    drive(refund, LATER + timing.LEASE)
    assert record(slow, Answer(Status.DECLINED), now=LATER + DAY) is False
    refund.refresh_from_db()
    assert refund.state == RefundState.ACCEPTED


def test_m08_a_refund_that_another_driver_takes_in_between_is_left_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the database cannot lock the row, or the other one does not ask for the lock."""
    refund = refund_of()

    def between(name: str) -> F:
        """Asked for after the row was read, and before it is taken."""
        monkeypatch.undo()
        assert refunds.drive([refund.pk], now=LATER) == 1
        return F(name)

    monkeypatch.setattr(leases, "F", between)
    assert refunds.drive([refund.pk], now=LATER) == 0
    refund.refresh_from_db()
    assert (refund.state, refund.attempts) == (RefundState.ACCEPTED, 1)


def test_a_declined_refund_tells_staff_and_follower_and_can_be_retried() -> None:
    refund = drive(refund_of("pay_declines"))
    assert refund.state == RefundState.DECLINED
    kinds = set(OutboxEmail.objects.values_list("kind", flat=True))
    assert {"refund_failed", "staff_refund_failed"} <= kinds
    assert Payment.objects.get(pk=refund.payment_id).reserved_minor == 0
    first_key = refund.idempotency_key
    retried = refunds.retry(refund.pk, actor=staff(), now=LATER, reason="The bank says so.")
    assert retried.state == RefundState.DUE
    assert retried.idempotency_key != first_key
    assert Payment.objects.get(pk=refund.payment_id).reserved_minor == 240000


def test_money_that_comes_back_later_is_loud() -> None:
    refund = drive(refund_of("pay_returns"))
    drive(refund, LATER + timedelta(minutes=1))
    assert refund.state == RefundState.REVERSED
    assert refund.alerted_at is not None
    assert Booking.objects.get(pk=refund.booking_id).state == "refunded"
    closed = refunds.record_paid_by_hand(
        refund.pk, actor=staff(), now=LATER, reference="SEPA 4711", reason="Paid by transfer."
    )
    assert (closed.state, closed.reference) == (RefundState.SUCCEEDED, "SEPA 4711")


def test_a_manual_payment_waits_for_staff_and_needs_a_reference() -> None:
    refund = refund_of(provider="manual")
    assert (refund.state, refund.next_attempt_at) == (RefundState.MANUAL_DUE, None)
    with pytest.raises(TransitionNotAllowed) as refused:
        refunds.record_paid_by_hand(refund.pk, actor=staff(), now=NOW, reference=" ", reason="Paid")
    assert refused.value.code == "details_missing"


def test_a_disputed_payment_holds_the_refund_until_staff_lets_go() -> None:
    booking = make_booking()
    Payment.objects.filter(booking=booking).update(is_disputed=True)
    lifecycle.refund_now(booking.pk, actor=staff(), now=NOW, reason="Sorry")
    refund = Refund.objects.get()
    assert drive(refund).state == RefundState.DUE
    refunds.release(refund.pk, actor=staff(), now=NOW, reason="Dispute won.")
    assert drive(refund).state == RefundState.ACCEPTED


@pytest.mark.parametrize("act", [refunds.retry, refunds.hold, refunds.release])
def test_staff_needs_a_reason_and_experts_may_not(act: Any) -> None:
    refund = refund_of()
    with pytest.raises(TransitionNotAllowed) as refused:
        act(refund.pk, actor=staff(), now=NOW, reason=" ")
    assert refused.value.code == "reason_missing"
    with pytest.raises(TransitionNotAllowed) as refused:
        act(refund.pk, actor=expert_of(refund.booking), now=NOW, reason="Mine")
    assert refused.value.code == "not_yours"


def test_an_old_refund_without_answer_is_looked_for_but_never_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(gateways._GATEWAYS, "sandbox", Lying(before=True))
    refund = drive(refund_of())
    monkeypatch.undo()
    drive(refund, LATER + timedelta(hours=24))
    assert (refund.state, paid_out(refund)) == (RefundState.UNKNOWN, 0)
    assert refund.alerted_at is not None
    assert OutboxEmail.objects.filter(kind="staff_refund_failed").count() == 1


def test_the_same_form_sent_twice_refunds_once() -> None:
    booking = make_booking()
    actor = expert_of(booking, request_key="form-1")
    for _ in range(2):
        lifecycle.refund_now(booking.pk, actor=actor, now=NOW)
    assert Refund.objects.count() == 1


def test_the_sweep_takes_a_refund_to_its_end() -> None:
    refund = refund_of()
    for minutes in range(1, 6):
        sweeps.run(now=NOW + timedelta(minutes=minutes))
    refund.refresh_from_db()
    assert refund.state == RefundState.SUCCEEDED
    assert paid_out(refund) == 1
