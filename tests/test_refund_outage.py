"""M21: a provider that is away for hours with many refunds due; M14, M16, M25 on the way.

With 500 due refunds for each provider, and how long they took:
TEST_EFFORT=25 pytest -s tests/test_refund_outage.py -k m21_all
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bookings import lifecycle, sweeps
from bookings.models import OutboxEmail, Refund, RefundState
from tests.builders import HOUR, NOW, make_booking, make_expert, make_follower, make_service, staff
from tests.effort import effort
from tests.engine import LATER, MINUTE, connect, drive, paid, refund_of
from tests.provider.running import Provider
from tests.provider.server import StandIn

pytestmark = pytest.mark.django_db
MANY = effort(20)
HALF_AN_HOUR = 30


def test_m21_all_are_done_soon_after_the_provider_is_back_and_none_twice(
    provider: Provider, settings: Any
) -> None:
    settings.BREAKER_LEAST = 10_000
    provider.fault("gateway", calls=10**9, match=".")
    expert, follower = make_expert(), make_follower()
    service = make_service(expert)
    for n in range(MANY):
        booking = make_booking(
            expert,
            follower=follower,
            service=service,
            starts_at=NOW - (2 * n + 3) * HOUR,
            provider=provider.name,
            payment_ref=provider.pay(240000, "INR"),
        )
        lifecycle.refund_now(booking.pk, actor=staff(), now=NOW, reason="Sorry", amount_minor=80000)
    back = NOW + 6 * HOUR
    now = LATER
    while now < back:
        sweeps.run(now=now)
        now += 5 * MINUTE
    assert set(Refund.objects.values_list("state", flat=True)) == {RefundState.UNKNOWN}
    assert not Refund.objects.filter(alerted_at=None).exists(), "staff knows of each"
    provider.tell(faults=[])
    provider.fault("limit", calls=MANY // 8, seconds=60)  # and it does not like a rush
    took = 0
    while Refund.objects.filter(state=RefundState.UNKNOWN).exists():
        took += 1
        assert took <= HALF_AN_HOUR, "not done within half an hour"
        sweeps.run(now=back + took * MINUTE)
    summary = provider.server.books.summary()
    assert [doc["returned_minor"] for doc in summary.values()] == [80000] * MANY
    print(f"{provider.name}: {MANY} refunds, done {took} minutes after its return")


def test_m21_a_single_refund_need_not_wait_for_its_hour(provider: Provider) -> None:
    refund = refund_of(provider, part=80000)
    provider.fault("gateway", calls=10**9, match=".")
    for hours in range(6):
        drive(refund, LATER + 2 * hours * HOUR)
    assert refund.next_attempt_at is not None
    back = LATER + 10 * HOUR
    provider.tell(faults=[])
    for minutes in range(1, 13):
        sweeps.run(now=back + minutes * MINUTE)
    refund.refresh_from_db()
    assert refund.state in (RefundState.ACCEPTED, RefundState.SUCCEEDED)


def test_a_silent_provider_does_not_keep_a_sweep_from_ending(
    provider: Provider, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task has a limit; what is left over is for the next sweep, and due at once."""
    from bookings import fan_out

    settings.PROVIDER_TIMEOUT = timedelta(seconds=0.2)
    settings.PROVIDER_IN_FLIGHT = 1
    monkeypatch.setattr(fan_out, "BUDGET_SECONDS", 0.5)
    for _ in range(6):
        refund_of(provider)
    provider.fault("late", calls=10**9, match=".", seconds=1)
    sweeps.run(now=LATER)
    left = Refund.objects.filter(last_answer="")
    assert 1 <= Refund.objects.exclude(pk__in=left).count() < 6
    assert left.due(LATER + MINUTE).count() == left.count(), "no lease is in the way"
    provider.tell(faults=[])
    monkeypatch.undo()
    sweeps.run(now=LATER + MINUTE)
    assert set(Refund.objects.values_list("state", flat=True)) == {RefundState.ACCEPTED}
    assert [len(doc["refunds"]) for doc in provider.server.books.summary().values()] == [1] * 6


@pytest.mark.parametrize("code", ["charge_disputed", "charge_not_refundable"])
def test_m14_a_definite_no_is_told_and_never_asked_again(
    server: StandIn, settings: Any, code: str
) -> None:
    provider = connect(server, "stripe", settings)
    refund = refund_of(provider)
    provider.fault("refuse", code=code)
    drive(refund)
    assert (refund.state, refund.next_attempt_at) == (RefundState.DECLINED, None)
    assert OutboxEmail.objects.filter(kind="staff_refund_failed").count() == 1
    for minutes in range(1, 30):
        sweeps.run(now=LATER + minutes * MINUTE)
    assert paid(provider, refund) == []


@pytest.mark.parametrize("kind", ["gateway_done", "empty", "huge", "garbled"])
def test_m25_nonsense_is_no_answer_and_is_kept_short(provider: Provider, kind: str) -> None:
    refund = refund_of(provider, part=80000)
    provider.fault(kind)
    drive(refund)
    assert refund.state == RefundState.UNKNOWN
    assert len(refund.last_answer) <= 500
    assert drive(refund).state == RefundState.ACCEPTED
    assert paid(provider, refund) == [80000]


def test_m16_a_free_call_ends_without_a_refund_row() -> None:
    booking = make_booking(price_minor=0)
    lifecycle.refund_now(booking.pk, actor=staff(), now=NOW, reason="Sorry")
    assert Refund.objects.count() == 0


def test_m16_a_payment_that_was_never_captured_is_declined(provider: Provider) -> None:
    refund = refund_of(provider)
    provider.server.books.payment(provider.name, refund.payment.provider_ref)["captured"] = False  # type: ignore[index]
    assert drive(refund).state == RefundState.DECLINED
    assert "never captured" in refund.last_answer
