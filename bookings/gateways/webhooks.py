"""Webhooks: whether one is really from its provider, and what it is about.

An event is signed, but it may be old, out of order or come twice. It is only a reason to ask:
nothing is read out of it but the names of payments, orders, checkouts and disputes. Any shape is
taken; what is not understood names nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bookings.gateways.port import printable
from bookings.models import Provider

MOST_BYTES = 256 * 1024
"""The caller has made sure that a body is no longer."""
TOLERANCE_SECONDS = 300


class BadSignature(Exception):
    """Not signed by the provider, too old, or not an object in JSON."""


def verify_stripe(
    headers: Mapping[str, str],
    body: bytes,
    secrets: Sequence[str],
    *,
    now: Callable[[], datetime],
) -> dict[str, Any]:
    """`Stripe-Signature: t=<seconds>,v1=<hex of HMAC-SHA256 over t.body>[,v1=…]`.

    What the time is may be a question to the database: it is asked only when a signature fits.
    """
    try:
        parts = [part.strip().split("=", 1) for part in _header(headers, "Stripe-Signature")]
        stamps = [value for name, value in parts if name == "t"]
        given = [value for name, value in parts if name == "v1"]
        (stamp,) = stamps
        _check(stamp.encode() + b"." + body, given, secrets)
        if abs(now().timestamp() - int(stamp)) > TOLERANCE_SECONDS:
            raise BadSignature("too old, or from the future")
        return _parsed(body)
    except Exception as error:  # whatever fails while verifying, fails closed
        raise BadSignature(str(error)) from error


def verify_razorpay(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[str]
) -> dict[str, Any]:
    """`X-Razorpay-Signature: <hex of HMAC-SHA256 over the body>`. There is no time in it, and
    the event id of the header is not signed: a replay is found by the body's hash."""
    try:
        _check(body, _header(headers, "X-Razorpay-Signature"), secrets)
        return _parsed(body)
    except Exception as error:
        raise BadSignature(str(error)) from error


def _header(headers: Mapping[str, str], name: str) -> list[str]:
    """The values of a comma separated header; raises when it is missing."""
    return {key.lower(): value for key, value in headers.items()}[name.lower()].split(",")


def _check(signed: bytes, given: Sequence[str], secrets: Sequence[str]) -> None:
    """One of the signatures must be that of one of the secrets; two while they are changed."""
    for secret in filter(None, secrets):
        right = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest().encode()
        # As bytes: compare_digest refuses text that is not ASCII.
        if any(hmac.compare_digest(right, one.strip().encode()) for one in given):
            return
    raise BadSignature("no signature fits")


def _parsed(body: bytes) -> dict[str, Any]:
    found = json.loads(body.decode("utf-8"), parse_constant=_refuse)
    if not isinstance(found, dict):
        raise BadSignature("not an object")
    return found


def _refuse(word: str) -> None:
    raise BadSignature(f"{word} is not JSON")


# --- what it is about -----------------------------------------------------------------------------


INQUIRIES = ("warning_needs_response", "warning_under_review", "warning_closed")
"""Stripe's words for a dispute in which a bank only asks: none takes money, and a refund is the
best answer to it."""


@dataclass(frozen=True, slots=True)
class Hint:
    """Names that an event mentions."""

    payments: frozenset[str]
    orders: frozenset[str]
    """Stripe calls them sessions, Razorpay orders."""
    checkouts: frozenset[str]
    """Keys of ours, out of metadata or notes."""
    dispute: str
    """The one that the event is about; empty for other events."""
    may_take_money: bool
    """Whether what unsent refunds there are should wait while the provider cannot be asked about
    the dispute. Of the whole event only this is believed: that the bank has just a question."""


def kind_of(provider: str, event: dict[str, Any]) -> str:
    """As in refund.updated or payment.captured."""
    return printable(event.get("type" if provider == Provider.STRIPE else "event"))[:80]


def hint_of(provider: str, event: dict[str, Any]) -> Hint:
    is_of = kind_of(provider, event).startswith
    if provider == Provider.STRIPE:
        about = _object(_object(event, "data"), "object")
        return _of_stripe(about, is_dispute=is_of("charge.dispute."))
    payload = _object(event, "payload")
    parts = {name: _object(part, "entity") for name, part in payload.items()}
    return _of_razorpay(parts, is_dispute=is_of("payment.dispute."))


def _of_stripe(about: dict[str, Any], *, is_dispute: bool) -> Hint:
    own_id = printable(about.get("id"))
    kind = about.get("object")
    payments = [_name(about.get("payment_intent")), _name(about.get("charge"))]
    payments += [own_id] if kind in ("payment_intent", "charge") else []
    return _hint(
        payments,
        orders=[own_id] if kind == "checkout.session" else [],
        notes=[about.get("metadata")],
        dispute=own_id if is_dispute else "",
        may_take_money=printable(about.get("status")) not in INQUIRIES,
    )


def _of_razorpay(parts: dict[str, dict[str, Any]], *, is_dispute: bool) -> Hint:
    payment, order = parts.get("payment", {}), parts.get("order", {})
    payments = [printable(payment.get("id"))]
    payments += [printable(part.get("payment_id")) for part in parts.values()]
    return _hint(
        payments,
        orders=[printable(order.get("id")), printable(payment.get("order_id"))],
        notes=[payment.get("notes"), order.get("notes")],
        dispute=printable(parts.get("dispute", {}).get("id")) if is_dispute else "",
        may_take_money=True,
    )


def _hint(
    payments: list[str], *, orders: list[str], notes: list[Any], dispute: str, may_take_money: bool
) -> Hint:
    keys = [printable(note.get("checkout")) for note in notes if isinstance(note, dict)]
    return Hint(
        payments=frozenset(filter(None, payments)),
        orders=frozenset(filter(None, orders)),
        checkouts=frozenset(filter(None, keys)),
        dispute=dispute if re.fullmatch(r"[A-Za-z0-9_]+", dispute) else "",
        may_take_money=may_take_money,
    )


def _object(holder: Any, name: str) -> dict[str, Any]:
    found = holder.get(name) if isinstance(holder, dict) else None
    return found if isinstance(found, dict) else {}


def _name(value: Any) -> str:
    """The id of what may be named or written out."""
    return printable(value.get("id") if isinstance(value, dict) else value)
