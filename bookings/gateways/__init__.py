"""Payment providers behind two small ports, one for refunds and one for being paid. `manual` has no
gateway: staff pays by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings

from bookings.gateways.exchange import Ask, kept_open
from bookings.gateways.exchange import exchange as once
from bookings.gateways.port import (
    Answer,
    Dispute,
    DisputeStatus,
    Doubt,
    Gateway,
    ListedRefund,
    MadeRefund,
    NotTaken,
    Opened,
    Order,
    Orders,
    Paid,
    RefundRequest,
    Status,
    answer_of,
)
from bookings.gateways.requirements import is_counted_alike, why_no_reference, why_not
from bookings.models import Provider, SandboxRefund

if TYPE_CHECKING:
    from bookings.gateways.razorpay import RazorpayGateway
    from bookings.gateways.stripe import StripeGateway


# --- the sandbox: it keeps its own books and moves no money ---------------------------------------

SETTLES_AFTER = timedelta(seconds=15)


class SandboxGateway:
    """The default without any keys.

    How a refund ends can be scripted by the payment's reference: one that contains `declines` is
    refused, `returns` comes back from the bank, `silent` loses its first answer.
    """

    is_remote = False

    def send(self, request: RefundRequest, *, now: datetime) -> Answer:
        if "declines" in request.payment_ref:
            return Answer(Status.DECLINED, message="The card's bank refused the refund.")
        entry, is_new = SandboxRefund.objects.get_or_create(
            idempotency_key=request.idempotency_key,
            defaults={
                "refund_uuid": request.refund_uuid,
                "payment_ref": request.payment_ref,
                "amount_minor": request.amount_minor,
                "currency": request.currency,
                "status": Status.ACCEPTED,
                "settles_at": now + SETTLES_AFTER,
            },
        )
        if is_new and "silent" in request.payment_ref:
            raise TimeoutError("The sandbox took the refund and lost its answer.")
        return answer_of(_listed(entry, now), request)

    def find(self, request: RefundRequest, *, now: datetime) -> Answer | None:
        entry = SandboxRefund.objects.filter(idempotency_key=request.idempotency_key).first()
        return answer_of(_listed(entry, now), request) if entry else None

    def list_refunds(self, payment_ref: str, *, now: datetime) -> list[ListedRefund]:
        entries = SandboxRefund.objects.filter(payment_ref=payment_ref).order_by("-pk")
        return [_listed(entry, now) for entry in entries]

    def refunds_made(self, since: datetime, until: datetime) -> Iterator[list[MadeRefund]]:
        """Its books are in our database: there is nothing it could know and we do not."""
        yield []

    def fetch_dispute(self, dispute_id: str, *, currency: str) -> Dispute | None:
        """No bank disputes what was never paid."""
        return None


def _listed(entry: SandboxRefund, now: datetime) -> ListedRefund:
    status = Status(entry.status)
    if entry.settles_at is not None and now >= entry.settles_at:
        status = Status.REVERSED if "returns" in entry.payment_ref else Status.SUCCEEDED
    return ListedRefund(
        provider_refund_id=f"sbx_{entry.pk}",
        amount_minor=entry.amount_minor,
        currency=entry.currency,
        status=status,
        refund_uuid=entry.refund_uuid,
        idempotency_key=entry.idempotency_key,
        reference=f"SBX{entry.pk:08d}" if status == Status.SUCCEEDED else "",
        message="The account is closed." if status == Status.REVERSED else "",
    )


# --- who takes payments, and sends them back ------------------------------------------------------

_GATEWAYS: dict[str, Gateway] = {Provider.SANDBOX: SandboxGateway()}


def gateway_of(provider: str, ask: Ask = once) -> Gateway | None:
    """The adapter of a provider; None where a refund is paid by hand or the keys are missing."""
    return _GATEWAYS.get(provider) or _with_keys(provider, ask)


def orders_at(provider: str) -> Orders | None:
    """Where to pay; None at the sandbox, which is a page of ours, and where keys are missing."""
    return _with_keys(provider, once)


def _with_keys(provider: str, ask: Ask) -> StripeGateway | RazorpayGateway | None:
    """Made anew from the settings each time: an object is cheap."""
    read_seconds = settings.PROVIDER_TIMEOUT.total_seconds()
    if provider == Provider.STRIPE and settings.STRIPE_SECRET_KEY:
        from bookings.gateways.stripe import StripeGateway  # a large package; few sites have both

        return StripeGateway(
            api_base=settings.STRIPE_API_BASE,
            secret_key=settings.STRIPE_SECRET_KEY,
            read_seconds=read_seconds,
            ask=ask,
        )
    if provider == Provider.RAZORPAY and settings.RAZORPAY_KEY_ID:
        from bookings.gateways.razorpay import RazorpayGateway

        return RazorpayGateway(
            api_base=settings.RAZORPAY_API_BASE,
            key_id=settings.RAZORPAY_KEY_ID,
            key_secret=settings.RAZORPAY_KEY_SECRET,
            read_seconds=read_seconds,
            ask=ask,
        )
    return None


def selling_with() -> list[Provider]:
    """Those with keys; without any the sandbox, but only on this machine: a lost key must not give
    calls away."""
    has_keys = {
        Provider.STRIPE: settings.STRIPE_SECRET_KEY,
        Provider.RAZORPAY: settings.RAZORPAY_KEY_ID,
    }
    if found := [provider for provider, key in has_keys.items() if key]:
        return found
    return [Provider.SANDBOX] if settings.SELLS_BY_SANDBOX else []


def takers_of(amount_minor: int, currency: str) -> list[Provider]:
    """Those of `selling_with` that a call of this price can be paid with."""
    return [way for way in selling_with() if not why_not(way, amount_minor, currency)]
