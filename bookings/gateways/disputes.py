"""A bank dispute as its provider tells it when asked. Events only name the dispute."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from django.conf import settings

from bookings.gateways.hints import kind_of, printable
from bookings.models import Provider

DisputeStatus = Literal["open", "won", "lost"]


@dataclass(frozen=True, slots=True)
class Dispute:
    payment_refs: frozenset[str]
    """All names of the one payment it is about."""
    status: DisputeStatus
    amount_minor: int | None
    """What a lost one took. None where the provider does not say so in the payment's currency."""


def dispute_named_in(provider: str, event: dict[str, Any]) -> str:
    """The id of the dispute that an event is about; empty for other events."""
    of_disputes = "charge.dispute." if provider == Provider.STRIPE else "payment.dispute."
    is_dispute = kind_of(provider, event).startswith(of_disputes)
    name = printable(_named_in(provider, event).get("id")) if is_dispute else ""
    return name if re.fullmatch(r"[A-Za-z0-9_]+", name) else ""


def may_take_money(provider: str, event: dict[str, Any]) -> bool:
    """Whether what unsent refunds there are should wait while the provider cannot be asked. Of
    the whole event only this is believed: that the bank has just a question."""
    if provider != Provider.STRIPE:
        return True
    return _STRIPE.get(printable(_named_in(provider, event).get("status")), "open") is not None


def _named_in(provider: str, event: dict[str, Any]) -> dict[str, Any]:
    path = ("data", "object") if provider == Provider.STRIPE else ("payload", "dispute", "entity")
    return _in(event, *path)


def fetch_dispute(provider: str, dispute_id: str, *, currency: str) -> Dispute | None:
    """What is so now; None for a question by the bank that takes no money, or without keys.
    Raises when the provider does not answer, or with something else."""
    if provider == Provider.STRIPE and settings.STRIPE_SECRET_KEY:
        return _of_stripe(_ask_stripe(dispute_id), currency)
    if provider == Provider.RAZORPAY and settings.RAZORPAY_KEY_ID:
        return _of_razorpay(_ask_razorpay(dispute_id), currency)
    return None


def _ask_stripe(dispute_id: str) -> dict[str, Any]:
    from bookings.gateways.stripe_wire import Wire

    wire = Wire(settings.PROVIDER_TIMEOUT.total_seconds())
    client = wire.client(api_base=settings.STRIPE_API_BASE, secret_key=settings.STRIPE_SECRET_KEY)
    found: dict[str, Any] = client.v1.disputes.retrieve(dispute_id).to_dict()
    if found.get("object") != "dispute":
        raise ValueError("Stripe's answer is not a dispute.")
    return found


_STRIPE: dict[str, DisputeStatus | None] = {
    "needs_response": "open",
    "under_review": "open",
    "won": "won",
    "prevented": "won",
    "lost": "lost",
    "warning_needs_response": None,
    "warning_under_review": None,
    "warning_closed": None,
}
"""Inquiries (`warning_…`) take no money, and a refund is the best answer to them."""


def _of_stripe(found: dict[str, Any], currency: str) -> Dispute | None:
    names = (found.get("payment_intent"), found.get("charge"))
    return _dispute(names, _STRIPE[found["status"]], found["amount"], found["currency"], currency)


def _ask_razorpay(dispute_id: str) -> dict[str, Any]:
    from bookings.gateways.razorpay_wire import Wire

    wire = Wire(
        f"{settings.RAZORPAY_API_BASE}/v1",
        settings.RAZORPAY_KEY_ID,
        settings.RAZORPAY_KEY_SECRET,
        settings.PROVIDER_TIMEOUT.total_seconds(),
    )
    return dict(wire.get(f"disputes/{dispute_id}", "dispute"))


_RAZORPAY: dict[str, DisputeStatus] = {
    "open": "open",
    "under_review": "open",
    "won": "won",
    "closed": "won",
    "lost": "lost",
}


def _of_razorpay(found: dict[str, Any], currency: str) -> Dispute | None:
    """A lost one took `amount_deducted`, which may be nothing: we had refunded it before."""
    return _dispute(
        (found.get("payment_id"),),
        _RAZORPAY[found["status"]],
        found["amount_deducted"],
        found["currency"],
        currency,
    )


def _dispute(
    names: tuple[Any, ...], status: DisputeStatus | None, amount: Any, its: str, currency: str
) -> Dispute | None:
    if status is None:
        return None
    if type(amount) is not int or amount < 0:
        raise ValueError("The answer names no amount.")
    refs = frozenset(filter(None, map(printable, names)))
    return Dispute(refs, status, amount if its.upper() == currency else None)


def _in(event: dict[str, Any], *path: str) -> dict[str, Any]:
    found: Any = event
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}
