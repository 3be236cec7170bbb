"""Paid by our books and not in the provider's list: lists are behind, so a first look is not
believed; the alarm comes after a second one."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from bookings import refunds, sweeps
from bookings.models import OutboxEmail, Payment, Refund, RefundState
from bookings.refunds import timing
from tests.builders import DAY, NOW
from tests.engine import LATER, MINUTE, drive, paid, payment_of, refetch, refund_of
from tests.provider.running import Provider

pytestmark = pytest.mark.django_db


def alarms() -> int:
    return OutboxEmail.objects.filter(kind="staff_money_differs").count()


def settled_at_once(provider: Provider, lag: int) -> Refund:
    """Stripe may say `succeeded` in its first answer, Razorpay `processed`."""
    provider.tell(settles_after=0, list_lag=lag)
    refund = drive(refund_of(provider, part=80000))
    assert refund.state == RefundState.SUCCEEDED
    return refund


def compare(provider: Provider, now: datetime, passed: timedelta) -> None:
    provider.tell(advance=passed.total_seconds())
    sweeps.watch_refunds(now=now)


@pytest.mark.parametrize("lag", [20, 590])
def test_a_list_that_is_behind_alarms_nobody(provider: Provider, lag: int) -> None:
    refund = settled_at_once(provider, lag)
    Payment.objects.update(next_compare_at=LATER)
    compare(provider, LATER, timedelta(seconds=5))
    refund.refresh_from_db()
    assert refund.absent_at == LATER, "the comparison ran, and did not find it"
    assert payment_of(refund).next_compare_at == LATER + timing.SECOND_LOOK
    assert not Refund.objects.needing_staff().exists()
    compare(provider, LATER + timing.SECOND_LOOK, timing.SECOND_LOOK)
    refund.refresh_from_db()
    assert (refund.state, refund.absent_at, alarms()) == (RefundState.SUCCEEDED, None, 0)
    assert payment_of(refund).next_compare_at == LATER + timing.SECOND_LOOK + DAY
    assert paid(provider, refund) == [80000]


def test_a_webhook_that_overtakes_the_list_alarms_nobody(provider: Provider) -> None:
    refund = settled_at_once(provider, 20)
    for seconds in (1, 3, 7):
        refetch(refund, LATER + timedelta(seconds=seconds))
    assert (refund.absent_at, alarms()) == (LATER + timedelta(seconds=1), 0)
    assert payment_of(refund).next_compare_at == refund.absent_at + timing.SECOND_LOOK
    provider.tell(advance=21)
    refetch(refund, LATER + MINUTE)
    assert (refund.absent_at, alarms()) == (None, 0)


def test_one_the_provider_does_not_know_is_loud_after_a_second_look(provider: Provider) -> None:
    refund = settled_at_once(provider, 0)
    provider.server.books.by_payment[refund.payment.provider_ref].clear()
    Payment.objects.update(next_compare_at=NOW + DAY)
    for minute in range(30):
        sweeps.watch_refunds(now=NOW + DAY + minute * MINUTE)
        refund.refresh_from_db()
        assert alarms() == (1 if minute >= 10 else 0)
    assert refund.alerted_at == NOW + DAY + timing.SECOND_LOOK
    assert Refund.objects.needing_staff().filter(pk=refund.pk).exists()


def test_the_alarm_is_taken_back_when_it_is_listed_after_all(provider: Provider) -> None:
    refund = settled_at_once(provider, 3600)
    for at in (LATER, LATER + timing.SECOND_LOOK):
        refetch(refund, at)
    assert alarms() == 1
    provider.tell(advance=3601)
    refetch(refund, LATER + DAY)
    assert (refund.absent_at, refund.alerted_at) == (None, None)
    assert not Refund.objects.needing_staff().exists()


def test_an_alarm_of_the_time_before_it_was_paid_hides_no_later_one(provider: Provider) -> None:
    """Staff was told that there was no answer; then there was one."""
    provider.tell(settles_after=0)
    refund = refund_of(provider, part=80000)
    provider.fault("lost", calls=6)
    at = LATER
    while drive(refund, at).state == RefundState.UNKNOWN:
        assert refund.next_attempt_at is not None
        at = refund.next_attempt_at
    assert OutboxEmail.objects.filter(kind="staff_refund_failed").exists()
    assert (refund.state, refund.alerted_at) == (RefundState.SUCCEEDED, None)
    provider.server.books.by_payment[refund.payment.provider_ref].clear()
    for at in (LATER + DAY, LATER + DAY + timing.SECOND_LOOK):
        refunds.refetch(refund.payment_id, now=at)
    assert alarms() == 1
