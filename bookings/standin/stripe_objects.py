"""What Stripe shows of the books: refunds, disputes, payments and their charges."""

from __future__ import annotations

from bookings.standin.books import Books
from bookings.standin.store import Doc


class StripeObjects:
    def __init__(self, books: Books) -> None:
        self.books = books

    def refund_json(self, refund: Doc) -> Doc:
        state = self.books.state(refund)
        is_done = state == "succeeded"
        return {
            "id": refund["id"],
            "object": "refund",
            "amount": refund["amount"],
            "currency": refund["currency"].lower(),
            **names_of(refund["payment"]),
            "created": int(refund["created"]),
            "metadata": refund["metadata"],
            "reason": None,
            "status": state,
            **({"failure_reason": "expired_or_canceled_card"} if state == "failed" else {}),
            **({"pending_reason": "processing"} if state == "pending" else {}),
            "destination_details": {
                "type": "card",
                "card": {
                    "type": "refund" if is_done else "pending",
                    "reference_status": "available" if is_done else "pending",
                    "reference": "STR" + refund["id"][-12:].upper() if is_done else None,
                },
            },
        }

    def dispute_json(self, dispute: Doc) -> Doc:
        return {
            "id": dispute["id"],
            "object": "dispute",
            "amount": dispute["amount"],
            "currency": dispute["currency"].lower(),
            **names_of(dispute["payment"]),
            "created": int(dispute["created"]),
            "status": {"open": "needs_response"}.get(dispute["status"], dispute["status"]),
        }

    def payment_json(self, payment: Doc) -> Doc:
        amount, got = payment["amount"], payment["amount"] if payment["captured"] else 0
        returned = self.books.returned(payment["id"])
        return {
            "id": payment["id"],
            "object": "payment_intent",
            "amount": amount,
            "amount_received": got,
            "currency": payment["currency"].lower(),
            "status": "succeeded" if payment["captured"] else "requires_capture",
            "metadata": payment["metadata"],
            "created": int(payment["created"]),
            "livemode": False,
            "latest_charge": {
                "id": names_of(payment["id"])["charge"],
                "object": "charge",
                "amount": amount,
                "amount_captured": got,
                "amount_refunded": returned,
                "refunded": returned == amount,
                "disputed": bool(payment["dispute"]),
                "payment_intent": names_of(payment["id"])["payment_intent"],
                "payment_method_details": {
                    "type": "card",
                    "card": {"brand": "visa", "last4": "4242"},
                },
            },
        }


def names_of(payment_id: str) -> Doc:
    """A payment without a card is a charge, py_…, that may have no payment intent."""
    if payment_id.startswith("py_"):
        return {"payment_intent": None, "charge": payment_id}
    return {"payment_intent": payment_id, "charge": "ch_" + payment_id.partition("_")[2]}
