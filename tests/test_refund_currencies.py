"""Refunds of payments that a provider counts in other units: never sent, never forgotten. (M17)"""

from __future__ import annotations

import pytest

from bookings import invariants, refunds
from bookings.models import OutboxEmail, Refund, RefundState
from bookings.refunds.planning import request_of
from tests.builders import NOW, staff
from tests.engine import LATER, MINUTE, drive, lines, paid, payment_of, refetch, refund_of, verbs
from tests.provider.running import Provider

pytestmark = pytest.mark.django_db


def assert_left_to_staff(provider: Provider, refund: Refund, why: str) -> None:
    assert (refund.state, refund.next_attempt_at) == (RefundState.MANUAL_DUE, None)
    assert why in refund.last_answer
    assert verbs(refund)[-1] == "refund_by_hand"
    assert OutboxEmail.objects.filter(kind="staff_refund_failed").count() == 1
    assert Refund.objects.needing_staff().filter(pk=refund.pk).exists()
    assert lines(provider, refund) == []


@pytest.mark.parametrize("currency", ["RSD", "ALL", "LYD", "ISK", "UGX", "MGA"])
def test_a_refund_that_would_be_a_hundredth_is_not_sent(provider: Provider, currency: str) -> None:
    refund = drive(refund_of(provider, 5000, currency))
    is_alike = currency in (("MGA",) if provider.name == "stripe" else ("ISK", "UGX"))
    if is_alike:
        assert (refund.state, paid(provider, refund)) == (RefundState.ACCEPTED, [5000])
    else:
        assert_left_to_staff(provider, refund, f"counts {currency} in other units")


def test_a_part_that_the_provider_cannot_pay_is_paid_by_hand(provider: Provider) -> None:
    refund = drive(refund_of(provider, 12340, "KWD", part=1234))
    assert_left_to_staff(provider, refund, "only in steps of 0.010")
    assert payment_of(refund).reserved_minor == 1234


def test_staff_pays_it_in_the_dashboard_and_records_that(provider: Provider) -> None:
    """What the dashboard sends is listed in the provider's units: it does not count as ours."""
    refund = drive(refund_of(provider, 500000, "RSD"))
    provider.tell(external_refund={"payment": refund.payment.provider_ref, "amount": 450000})
    refetch(refund)
    assert refund.state == RefundState.MANUAL_DUE
    assert payment_of(refund).returned_external_minor == 0
    refunds.record_paid_by_hand(
        refund.pk, actor=staff(), now=LATER, reference="re_1", reason="In the dashboard."
    )
    refetch(refund)
    assert (refund.state, refund.reference) == (RefundState.SUCCEEDED, "re_1")
    assert OutboxEmail.objects.filter(kind="refund_confirmed").count() == 1
    assert not OutboxEmail.objects.filter(kind="staff_money_differs").exists()
    for one in invariants.ALL.values():
        assert list(one.offenders(LATER)) == [], one.name


def test_one_that_was_sent_before_is_looked_for_and_not_sent_again(provider: Provider) -> None:
    refund = refund_of(provider, 5000, "RSD")
    Refund.objects.update(first_sent_at=NOW, state=RefundState.UNKNOWN)
    drive(refund)
    assert_left_to_staff(provider, refund, "look first what became of that")


def test_one_that_was_sent_before_and_is_listed_is_taken_over(provider: Provider) -> None:
    refund = refund_of(provider, 5000, "RSD")
    provider.gateway().send(request_of(refund), now=NOW)
    Refund.objects.update(first_sent_at=NOW, state=RefundState.UNKNOWN)
    assert drive(refund, LATER + MINUTE).state == RefundState.ACCEPTED
    assert paid(provider, refund) == [5000]


def test_in_a_batch_the_others_are_sent(provider: Provider) -> None:
    wrong, right = refund_of(provider, 5000, "RSD"), refund_of(provider)
    refunds.drive([wrong.pk, right.pk], now=LATER)
    for refund in (wrong, right):
        refund.refresh_from_db()
    assert_left_to_staff(provider, wrong, "counts RSD in other units")
    assert (right.state, paid(provider, right)) == (RefundState.ACCEPTED, [240000])
