"""When a payment is compared with its provider's books: a clock of its own, with an end."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from bookings import intake, lifecycle, refunds, sweeps
from bookings.gateways import Answer, Status
from bookings.models import Booking, Payment, Refund, RefundState
from bookings.refunds import reconciling
from bookings.refunds.answers import record
from bookings.refunds.reconciling import ASK_AGAIN
from tests.builders import (
    DAY,
    HOUR,
    NOW,
    expert_of,
    make_booking,
    make_expert,
    make_follower,
    staff,
)
from tests.builders import make_service as service_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Payments whose list was asked for, instead of asking."""
    asked: list[int] = []
    monkeypatch.setattr(reconciling, "refetch", lambda pk, now: asked.append(pk) or 0)
    return asked


def bought(paid_at: datetime = NOW) -> Booking:
    expert = make_expert()
    service = service_of(expert)
    new = intake.draft(
        expert=expert,
        follower=make_follower(),
        service=service,
        starts_at=NOW + 30 * DAY,
        ends_at=NOW + 30 * DAY + HOUR,
        now=NOW,
        price_minor=240000,
        currency="INR",
        payment=intake.PaymentFacts(
            provider="sandbox", provider_ref=f"pay_{service.pk}", paid_at=paid_at, method=""
        ),
    )
    intake.save([new])
    return new.booking


def days_asked(asked: list[int], days: int) -> list[int]:
    found = []
    for day in range(days):
        sweeps.watch_refunds(now=NOW + day * DAY)
        found += [day] if asked else []
        asked.clear()
    return found


def test_daily_for_a_week_after_it_was_paid(asked: list[int]) -> None:
    bought()
    assert days_asked(asked, 20) == [1, 2, 3, 4, 5, 6, 7]


def test_an_old_payment_that_is_imported_is_not_compared(asked: list[int]) -> None:
    bought(paid_at=NOW - 30 * DAY)
    assert days_asked(asked, 5) == []


def test_a_refund_starts_it_again_until_a_week_after_it_has_arrived(asked: list[int]) -> None:
    booking = bought(paid_at=NOW - 30 * DAY)
    lifecycle.refund_now(booking.pk, actor=expert_of(booking), now=NOW)
    assert days_asked(asked, 15) == list(range(1, 15)), "while it is on its way"
    refund = Refund.objects.get()
    Refund.objects.update(state=RefundState.SUCCEEDED, finished_at=NOW + 15 * DAY)
    when = NOW + 15 * DAY
    refunds.reconcile([refund.payment_id], now=when)
    for day in range(30):
        sweeps.watch_refunds(now=when + day * DAY)
    assert Payment.objects.get().next_compare_at is None
    assert len(asked) == 1 + 7


def test_one_that_cannot_be_asked_about_does_not_keep_the_others_waiting(
    monkeypatch: pytest.MonkeyPatch, asked: list[int]
) -> None:
    first, second = (make_booking(now=NOW).payment for _ in range(2))

    def fails_on_first(pk: int, *, now: datetime) -> Any:
        if pk == first.pk:
            raise ConnectionError
        asked.append(pk)
        return 0

    monkeypatch.setattr(reconciling, "refetch", fails_on_first)
    when = NOW + 2 * DAY
    Payment.objects.filter(pk=first.pk).update(next_compare_at=NOW - 9 * DAY)
    sweeps.watch_refunds(now=when)
    assert asked == [second.pk]
    assert Payment.objects.get(pk=first.pk).next_compare_at == when + ASK_AGAIN
    sweeps.watch_refunds(now=NOW + 20 * DAY)
    assert Payment.objects.get(pk=first.pk).next_compare_at is None, "not for ever"


def test_a_silent_provider_does_not_hold_the_sweep(
    monkeypatch: pytest.MonkeyPatch, asked: list[int]
) -> None:
    bought()
    monkeypatch.setattr(sweeps, "COMPARED_WITHIN", -1.0)
    sweeps.watch_refunds(now=NOW + 2 * DAY)
    assert asked == []


def refunded_long_ago() -> Refund:
    booking = bought(paid_at=NOW - 30 * DAY)
    lifecycle.refund_now(booking.pk, actor=expert_of(booking), now=NOW - 20 * DAY)
    Refund.objects.update(state=RefundState.DECLINED, finished_at=NOW - 20 * DAY)
    Payment.objects.update(next_compare_at=None)
    return Refund.objects.get()


def is_watched() -> bool:
    return Payment.objects.get().next_compare_at == NOW + DAY


def test_a_retry_starts_it_again() -> None:
    refund = refunded_long_ago()
    refunds.retry(refund.pk, actor=staff(), now=NOW, reason="The account is open again.")
    assert is_watched()


def test_an_answer_that_changes_something_starts_it_again() -> None:
    refund = refunded_long_ago()
    record(refund, Answer(Status.REVERSED), now=NOW)
    assert is_watched()
