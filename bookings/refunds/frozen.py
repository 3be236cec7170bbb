"""The words a provider is asked with: frozen when a refund is planned, read when it is sent.

A row may come from another release, or from a person's hand. What this release cannot read word
for word it does not send.
"""

from __future__ import annotations

from typing import Any

from bookings.gateways import RefundRequest
from bookings.models import Provider, Refund

_FROZEN = {
    "payment_ref": str,
    "amount_minor": int,
    "currency": str,
    "booking_code": str,
    "refund_uuid": str,
}


class Unreadable(Exception):
    """Says what is wrong with the row, for staff."""


def freeze(refund: Refund) -> dict[str, Any]:
    """The words to ask with, from the columns of the row."""
    return {
        "payment_ref": refund.payment.provider_ref,
        "amount_minor": refund.amount_minor,
        "currency": refund.currency,
        "booking_code": refund.booking.code,
        "refund_uuid": str(refund.uuid),
    }


def request_of(refund: Refund) -> RefundRequest:
    """The words frozen when the refund was planned, and the key of this epoch."""
    check(refund)
    return RefundRequest(idempotency_key=refund.idempotency_key, **refund.request)


def to_look_for(refund: Refund) -> RefundRequest:
    """What the refund is found by in a list, whatever was frozen."""
    return RefundRequest(idempotency_key=refund.idempotency_key, **freeze(refund))


def check_provider(refund: Refund) -> None:
    provider = refund.payment.provider
    if provider not in Provider.values:
        raise Unreadable(f"This release does not know the provider {provider!r}.")


def check(refund: Refund) -> None:
    """Raises Unreadable where the frozen request is not what this release would send."""
    check_provider(refund)
    frozen = refund.request
    if not isinstance(frozen, dict):
        raise Unreadable("The frozen request is not an object.")
    if strange := sorted(set(frozen) - set(_FROZEN)):
        raise Unreadable(f"This release does not know {_named(strange)} of the frozen request.")
    if missing := sorted(set(_FROZEN) - set(frozen)):
        raise Unreadable(f"The frozen request lacks {_named(missing)}.")
    for name, value in freeze(refund).items():
        if type(frozen[name]) is not _FROZEN[name]:
            raise Unreadable(f"The {name} of the frozen request is {frozen[name]!r:.100}.")
        if name != "booking_code" and frozen[name] != value:
            raise Unreadable(
                f"The {name} of the frozen request is {frozen[name]!r:.100}, the refund's is "
                f"{value!r}."
            )


def _named(names: list[str]) -> str:
    return ", ".join(f"{name!r:.50}" for name in names[:5])
