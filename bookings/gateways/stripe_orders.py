"""Paying with Stripe: one Checkout session for one call, by card, captured at once.

Cards only (and the wallets that stand for one): ways to pay that take days would keep a time
from everybody else, and may fail after the call.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import stripe

from bookings.gateways.currencies import why_not
from bookings.gateways.exchange import READ_SECONDS
from bookings.gateways.orders import NotTaken, Opened, Order, Paid
from bookings.gateways.stripe_wire import Wire
from bookings.models import Provider

OPEN_FOR = timedelta(hours=1)
"""Stripe asks for 30 minutes at least, and counts from when it gets to hear of it."""


class StripeOrders:
    def __init__(
        self, *, api_base: str, secret_key: str, read_seconds: float = READ_SECONDS
    ) -> None:
        self.api_base, self.secret_key, self.read_seconds = api_base, secret_key, read_seconds

    def open(self, order: Order) -> Opened:
        if refused := why_not(Provider.STRIPE, order.amount_minor, order.currency):
            raise NotTaken(refused)
        metadata = {"checkout": order.key}
        price = {
            "currency": order.currency.lower(),
            "unit_amount": order.amount_minor,
            "product_data": {"name": order.title},
        }
        params: Any = {
            "mode": "payment",
            "payment_method_types": ["card"],
            "line_items": [{"price_data": price, "quantity": 1}],
            "customer_email": order.email,
            "client_reference_id": order.key,
            "metadata": metadata,
            "payment_intent_data": {"metadata": metadata},
            "success_url": order.success_url,
            "cancel_url": order.cancel_url,
            "expires_at": int((order.created_at + OPEN_FOR).timestamp()),
        }
        try:
            session = self._client().v1.checkout.sessions.create(
                params, {"idempotency_key": f"co_{order.key}"}
            )
        except stripe.InvalidRequestError as error:
            raise NotTaken(f"{error.code or 'no code'}: {error.user_message}") from error
        if not (session.url or "").startswith(("https://", "http://")):
            raise ValueError("Stripe's session has no page to pay on.")
        return Opened(session.id, str(session.url))

    def paid(self, provider_ref: str) -> list[Paid]:
        client = self._client()
        session = client.v1.checkout.sessions.retrieve(provider_ref).to_dict()
        if session.get("object") != "checkout.session":
            raise ValueError("Stripe's answer is not a session.")
        if session["payment_status"] != "paid" or not session["payment_intent"]:
            return []
        params: Any = {"expand": ["latest_charge"]}
        intent = client.v1.payment_intents.retrieve(session["payment_intent"], params).to_dict()
        if intent["status"] != "succeeded":
            return []
        return [
            Paid(
                provider_ref=intent["id"],
                amount_minor=intent["amount_received"],
                currency=intent["currency"].upper(),
                method=_method(intent.get("latest_charge")),
                paid_at=datetime.fromtimestamp(intent["created"], tz=UTC),
            )
        ]

    def close(self, provider_ref: str) -> None:
        self._client().v1.checkout.sessions.expire(provider_ref)

    def _client(self) -> stripe.StripeClient:
        wire = Wire(self.read_seconds)
        return wire.client(api_base=self.api_base, secret_key=self.secret_key)


def _method(charge: Any) -> str:
    details = charge.get("payment_method_details") if isinstance(charge, dict) else None
    card = (details or {}).get("card") or {}
    if not card.get("last4"):
        return "Card"
    return f"{str(card.get('brand') or 'card').title()} ending {card['last4']}"[:60]
