"""The whole way: a refund of ours, driven by the engine, over HTTP to a provider that errs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from bookings import lifecycle, refunds
from bookings.models import Payment, Refund, RefundState
from tests.builders import NOW, make_booking, staff
from tests.effort import effort
from tests.provider.running import Provider, until
from tests.provider.server import StandIn

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
LATER = NOW + MINUTE


@pytest.fixture(params=["stripe", "razorpay"])
def provider(request: pytest.FixtureRequest, server: StandIn, settings: Any) -> Provider:
    keys = server.keys
    settings.STRIPE_API_BASE = settings.RAZORPAY_API_BASE = server.url
    settings.STRIPE_SECRET_KEY = keys.stripe_secret_key
    settings.RAZORPAY_KEY_ID = keys.razorpay_key_id
    settings.RAZORPAY_KEY_SECRET = keys.razorpay_key_secret
    settings.PROVIDER_TIMEOUT = timedelta(seconds=0.5)
    provider = Provider(server, request.param)
    provider.tell(reset=True)
    provider.tell(settles_after=60)
    return provider


def refund_of(provider: Provider, amount: int = 240000, currency: str = "INR") -> Refund:
    ref = provider.pay(amount, currency)
    booking = make_booking(
        provider=provider.name, payment_ref=ref, price_minor=amount, currency=currency
    )
    lifecycle.refund_now(booking.pk, actor=staff(), now=NOW, reason="Sorry")
    return Refund.objects.get(booking=booking)


def drive(refund: Refund, now: datetime | None = None) -> Refund:
    """One step, when it is due."""
    refund.refresh_from_db()
    refunds.drive([refund.pk], now=now or max(LATER, refund.next_attempt_at or LATER))
    refund.refresh_from_db()
    return refund


def paid(provider: Provider, refund: Refund) -> list[int]:
    summary = provider.server.books.summary()[refund.payment.provider_ref]
    return [line["amount_minor"] for line in summary["refunds"] if line["status"] != "failed"]


def test_m11_polls_alone_see_the_refund_arrive(provider: Provider) -> None:
    refund = drive(refund_of(provider))
    assert refund.state == RefundState.ACCEPTED
    assert drive(refund).state == RefundState.ACCEPTED
    provider.tell(advance=61)
    drive(refund)
    assert (refund.state, bool(refund.reference)) == (RefundState.SUCCEEDED, True)
    assert refund.provider_refund_id
    assert paid(provider, refund) == [240000]


@pytest.mark.parametrize("kind", ["drop", "error_done", "gateway_done", "empty", "garbled"])
def test_m01_m04_m25_what_was_done_is_adopted(provider: Provider, kind: str) -> None:
    refund = refund_of(provider)
    provider.fault(kind)
    assert drive(refund).state == RefundState.UNKNOWN
    assert drive(refund).state == RefundState.ACCEPTED
    assert paid(provider, refund) == [240000]


@pytest.mark.parametrize("kind", ["lost", "reset", "busy", "limit", "gateway"])
def test_m05_what_was_not_done_is_sent_again(provider: Provider, kind: str) -> None:
    refund = refund_of(provider)
    provider.fault(kind, seconds=60)
    drive(refund)
    assert refund.state == RefundState.UNKNOWN
    assert refund.next_attempt_at is not None
    wait = refund.next_attempt_at - LATER
    assert wait >= (MINUTE if kind == "limit" else timedelta(0))
    assert drive(refund).state == RefundState.ACCEPTED
    assert paid(provider, refund) == [240000]


@pytest.mark.parametrize("kind", ["slow", "queued"])
def test_m02_done_after_we_stopped_waiting(provider: Provider, kind: str) -> None:
    refund = refund_of(provider)
    provider.fault(kind, seconds=1.5)
    assert drive(refund).state == RefundState.UNKNOWN
    drive(refund)  # not in the list yet: asked again with the same key
    until(lambda: provider.server.faults.counts.get(kind) and paid(provider, refund))
    for _ in range(3):
        drive(refund)
    assert refund.state == RefundState.ACCEPTED
    assert paid(provider, refund) == [240000]


def test_m09_refunded_in_the_dashboard_before_ours_is_declined(provider: Provider) -> None:
    refund = refund_of(provider)
    provider.tell(external_refund={"payment": refund.payment.provider_ref})
    drive(refund)
    assert (refund.state, refund.provider_refund_id) == (RefundState.DECLINED, "")
    assert refund.alerted_at is not None
    assert Payment.objects.get(pk=refund.payment_id).reserved_minor == 0
    assert paid(provider, refund) == [240000]


def test_m12_money_that_comes_back_is_reversed_and_can_be_sent_again(provider: Provider) -> None:
    refund = refund_of(provider)
    provider.fault("fails", seconds=60)
    drive(refund)
    provider.tell(advance=61)
    assert drive(refund).state == RefundState.REVERSED
    refunds.retry(refund.pk, actor=staff(), now=LATER, reason="New card.")
    assert drive(refund).state == RefundState.ACCEPTED
    assert paid(provider, refund) == [240000]


def test_m20_wrong_keys_wait_for_right_ones(provider: Provider, settings: Any) -> None:
    refund = refund_of(provider)
    right = settings.STRIPE_SECRET_KEY, settings.RAZORPAY_KEY_SECRET
    settings.STRIPE_SECRET_KEY = settings.RAZORPAY_KEY_SECRET = "sk_test_revoked"
    for _ in range(2):  # refused when sent, then when looked for
        drive(refund)
        assert refund.state == RefundState.UNKNOWN
        assert "is wrong" in refund.last_answer
    settings.STRIPE_SECRET_KEY, settings.RAZORPAY_KEY_SECRET = right
    assert drive(refund).state == RefundState.ACCEPTED
    assert paid(provider, refund) == [240000]


@pytest.mark.parametrize(("amount", "currency"), [(5000, "JPY"), (12340, "KWD"), (100, "INR")])
def test_m17_other_currencies(provider: Provider, amount: int, currency: str) -> None:
    refund = drive(refund_of(provider, amount, currency))
    assert refund.state == RefundState.ACCEPTED
    assert paid(provider, refund) == [amount]


def test_refunds_against_a_provider_that_fails_half_of_its_calls(
    provider: Provider, settings: Any
) -> None:
    """A small comparison of ledgers; the large one kills processes, too."""
    settings.PROVIDER_TIMEOUT = timedelta(seconds=0.2)
    settings.BREAKER_LEAST = 100
    kinds = ["drop", "lost", "reset", "busy", "limit", "gateway", "gateway_done", "empty", "late"]
    provider.tell(
        random={"seed": 20261123, "rate": 0.5, "seconds": 0.3, "kinds": [*kinds, "garbled"]}
    )
    due = [refund_of(provider) for _ in range(effort(20))]
    for _ in range(25):
        for refund in due:
            if refund.state not in (RefundState.ACCEPTED, RefundState.SUCCEEDED):
                drive(refund)
    assert {refund.state for refund in due} == {RefundState.ACCEPTED}
    assert [paid(provider, refund) for refund in due] == [[240000]] * len(due)
    assert provider.server.faults.counts, "it did not fail"
