"""The refund engine against the stand-in: one provider, refunds of it, and steps in time."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from bookings import lifecycle, refunds
from bookings.models import OutboxEmail, Payment, Refund
from bookings.refunds import sending
from bookings.refunds.answers import DECIDE
from tests.builders import NOW, make_booking, staff
from tests.provider.running import Provider
from tests.provider.server import StandIn

MINUTE = timedelta(minutes=1)
LATER = NOW + MINUTE


def connect(server: StandIn, name: str, settings: Any, *, seconds: float = 0.5) -> Provider:
    """The site's settings name this stand-in; its books are empty."""
    keys = server.keys
    settings.STRIPE_API_BASE = settings.RAZORPAY_API_BASE = server.url
    settings.STRIPE_SECRET_KEY = keys.stripe_secret_key
    settings.RAZORPAY_KEY_ID = keys.razorpay_key_id
    settings.RAZORPAY_KEY_SECRET = keys.razorpay_key_secret
    settings.PROVIDER_TIMEOUT = timedelta(seconds=seconds)
    provider = Provider(server, name)
    provider.tell(reset=True)
    provider.tell(settles_after=60)
    return provider


def refund_of(
    provider: Provider,
    amount: int = 240000,
    currency: str = "INR",
    *,
    part: int | None = None,
    now: datetime = NOW,
    ref: str = "",
) -> Refund:
    """`ref` names a payment the provider does not know."""
    ref = ref or provider.pay(amount, currency)
    booking = make_booking(
        provider=provider.name, payment_ref=ref, price_minor=amount, currency=currency, now=now
    )
    lifecycle.refund_now(booking.pk, actor=staff(), now=now, reason="Sorry", amount_minor=part)
    return Refund.objects.get(booking=booking)


def drive(refund: Refund, now: datetime | None = None) -> Refund:
    """One step, when it is due."""
    refund.refresh_from_db()
    refunds.drive([refund.pk], now=now or max(LATER, refund.next_attempt_at or LATER))
    refund.refresh_from_db()
    return refund


def play(
    provider: Provider, refund: Refund, lasts: timedelta, *, now: datetime = LATER
) -> datetime:
    """Every step of it that is due within this time, with the provider's clock beside ours; when
    it is over."""
    ends = now + lasts
    while True:
        refund.refresh_from_db()
        due = refund.next_attempt_at
        at = ends if due is None or due > ends else max(now, due)
        provider.tell(advance=(at - now).total_seconds())
        now = at
        if due is None or due > ends:
            return now
        refunds.drive([refund.pk], now=now)


def is_left_to_staff(refund: Refund) -> None:
    """It is in staff's queue with a sentence of what to do, and an e-mail has said so."""
    assert Refund.objects.needing_staff().filter(pk=refund.pk).exists()
    assert refund.last_answer.endswith(DECIDE)
    last = OutboxEmail.objects.filter(kind="staff_refund_failed", booking=refund.booking)
    assert last.latest("pk").created_at == refund.alerted_at


def taken(refund: Refund, now: datetime = LATER) -> Refund:
    """By a driver that has not yet asked the provider, and perhaps never will."""
    [claimed] = sending.claim([refund.pk], at_most=1, lease=uuid.uuid4(), now=now)
    return claimed


def payment_of(refund: Refund) -> Payment:
    return Payment.objects.get(pk=refund.payment_id)


def refetch(refund: Refund, now: datetime = LATER) -> Refund:
    """As a webhook does."""
    refunds.refetch(refund.payment_id, now=now)
    refund.refresh_from_db()
    return refund


def lines(provider: Provider, refund: Refund) -> list[dict[str, Any]]:
    """What the provider's books say of the refund's payment."""
    return list(provider.server.books.summary()[refund.payment.provider_ref]["refunds"])


def paid(provider: Provider, refund: Refund) -> list[int]:
    return [line["amount_minor"] for line in lines(provider, refund) if line["status"] != "failed"]


def verbs(refund: Refund) -> list[str]:
    return list(refund.booking.events.order_by("id").values_list("verb", flat=True))
