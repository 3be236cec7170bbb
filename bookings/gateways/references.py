"""What the references of a provider's payments look like, by which it can refund them."""

from __future__ import annotations

import re

from bookings.models import Provider

_ID = "[A-Za-z0-9]+"
_LOOK_LIKE = {
    Provider.STRIPE: (
        re.compile(f"(?:pi|ch|py)_{_ID}", re.ASCII),
        "a payment intent such as pi_3PqR7sT8uV9wXyZa, or a charge such as "
        "ch_3PqR7sT8uV9wXyZa or py_1PqR7sT8uV9wXyZa",
    ),
    Provider.RAZORPAY: (
        re.compile(f"pay_{_ID}", re.ASCII),
        "a payment such as pay_Nq7RsT8uV9wXyZ",
    ),
}
"""Charges of Stripe begin with ch_, or with py_ where no card was charged. A checkout session, an
invoice, an order or a client secret is none of these, and cannot be refunded by."""


def why_no_reference(provider: str, ref: str) -> str:
    """Why this cannot be the id of a payment there; empty when it can. For staff."""
    if provider not in _LOOK_LIKE:
        return ""
    pattern, examples = _LOOK_LIKE[Provider(provider)]
    if pattern.fullmatch(ref):
        return ""
    name = Provider(provider).label
    return f"{name} cannot refund by it; it must be the id of {examples}."


def is_charge(ref: str) -> bool:
    """At Stripe: whatever is not a payment intent."""
    return not ref.startswith("pi_")
