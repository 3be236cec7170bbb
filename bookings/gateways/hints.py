"""What a webhook is about: names of payments, orders and checkouts. Nothing else in it is read.

An event has a signature, but it may be old, out of order or come twice: it is only a reason to
ask. Any shape is taken; what is not understood names nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bookings.models import Provider

LONGEST = 120


@dataclass(frozen=True, slots=True)
class Hint:
    payments: frozenset[str]
    orders: frozenset[str]
    """Stripe calls them sessions, Razorpay orders."""
    checkouts: frozenset[str]
    """Keys of ours, out of metadata or notes."""


def hint_of(provider: str, event: dict[str, Any]) -> Hint:
    payload = event.get("data" if provider == Provider.STRIPE else "payload")
    payload = payload if isinstance(payload, dict) else {}
    if provider == Provider.STRIPE:
        return _stripe(_object(payload, "object"))
    return _razorpay({name: _object(part, "entity") for name, part in payload.items()})


def kind_of(provider: str, event: dict[str, Any]) -> str:
    """As in refund.updated or payment.captured."""
    return printable(event.get("type" if provider == Provider.STRIPE else "event"))[:80]


def _stripe(about: dict[str, Any]) -> Hint:
    own_id = printable(about.get("id"))
    kind = about.get("object")
    payments = [_name(about.get("payment_intent")), _name(about.get("charge"))]
    payments += [own_id] if kind in ("payment_intent", "charge") else []
    orders = [own_id] if kind == "checkout.session" else []
    return _hint(payments, orders, [about.get("metadata")])


def _razorpay(parts: dict[str, dict[str, Any]]) -> Hint:
    payment, order = parts.get("payment", {}), parts.get("order", {})
    payments = [printable(payment.get("id"))]
    payments += [printable(part.get("payment_id")) for part in parts.values()]
    orders = [printable(order.get("id")), printable(payment.get("order_id"))]
    return _hint(payments, orders, [payment.get("notes"), order.get("notes")])


def _hint(payments: list[str], orders: list[str], notes: list[Any]) -> Hint:
    keys = [printable(note.get("checkout")) for note in notes if isinstance(note, dict)]
    return Hint(*(frozenset(filter(None, names)) for names in (payments, orders, keys)))


def _object(holder: Any, name: str) -> dict[str, Any]:
    found = holder.get(name) if isinstance(holder, dict) else None
    return found if isinstance(found, dict) else {}


def _name(value: Any) -> str:
    """The id of what may be named or written out."""
    return printable(value.get("id") if isinstance(value, dict) else value)


def printable(value: Any) -> str:
    """An id as it may stand in a column; anything else names nothing."""
    is_name = isinstance(value, str) and len(value) <= LONGEST and value.isprintable()
    return value if is_name and value.isascii() else ""
