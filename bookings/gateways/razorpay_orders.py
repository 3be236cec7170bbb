"""Paying with Razorpay: an order, paid on their hosted page, captured at once.

Without their script: a form of ours posts to the hosted checkout, which posts back to us. What
is only authorised would be returned by Razorpay after some days, so it is captured when seen.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bookings.gateways.currencies import why_not
from bookings.gateways.exchange import READ_SECONDS
from bookings.gateways.orders import NotTaken, Opened, Order, Paid
from bookings.gateways.razorpay_wire import (
    RazorpayError,
    Wire,
    as_object,
    order_path_of,
    path_of,
    why,
)
from bookings.models import Provider

CAPTURED = ("captured", "refunded")
HOSTED_CHECKOUT = "/v1/checkout/embedded"


class RazorpayOrders:
    def __init__(
        self, *, api_base: str, key_id: str, key_secret: str, read_seconds: float = READ_SECONDS
    ) -> None:
        self.wire = Wire(f"{api_base}/v1", key_id, key_secret, read_seconds)

    def open(self, order: Order) -> Opened:
        if refused := why_not(Provider.RAZORPAY, order.amount_minor, order.currency):
            raise NotTaken(refused)
        reply = self.wire.call(
            "POST",
            "orders",
            body={
                "amount": order.amount_minor,
                "currency": order.currency,
                "receipt": order.key[:40],
                "payment_capture": True,
                "notes": {"checkout": order.key},
            },
        )
        found = as_object(reply)
        if reply.status == 400 and "error" in found:
            raise NotTaken(why(reply, found))
        if reply.status not in (200, 201) or found.get("entity") != "order":
            raise RazorpayError(why(reply, found), reply)
        return Opened(found["id"], "")

    def paid(self, provider_ref: str) -> list[Paid]:
        listed = self.wire.get(f"{order_path_of(provider_ref)}/payments", "collection")
        payments = [self._captured(payment) for payment in listed["items"]]
        return [_paid(payment) for payment in payments if payment["status"] in CAPTURED]

    def _captured(self, payment: dict[str, Any]) -> dict[str, Any]:
        """Somebody else may have captured it in between: then reading it again says so."""
        if payment["status"] != "authorized":
            return payment
        path = path_of(payment["id"])
        body = {"amount": payment["amount"], "currency": payment["currency"]}
        self.wire.call("POST", f"{path}/capture", body=body)
        return dict(self.wire.get(path, "payment"))

    def close(self, provider_ref: str) -> None:
        """Razorpay has no such call; what is paid too late is found and sent back."""


def _paid(payment: dict[str, Any]) -> Paid:
    return Paid(
        provider_ref=payment["id"],
        amount_minor=payment["amount"],
        currency=payment["currency"].upper(),
        method=_method(payment),
        paid_at=datetime.fromtimestamp(payment["created_at"], tz=UTC),
    )


def _method(payment: dict[str, Any]) -> str:
    card = payment.get("card")
    if isinstance(card, dict) and card.get("last4"):
        return f"{card.get('network') or 'Card'} ending {card['last4']}"[:60]
    names = {"upi": "UPI", "emi": "EMI", "netbanking": "Net banking"}
    method = str(payment.get("method") or "")
    return names.get(method, method.replace("_", " ").capitalize())[:60]
