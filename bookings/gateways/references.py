"""What the references of a provider's payments look like, by which it can refund them."""

from __future__ import annotations

import re

from bookings.models import Provider

_PREFIXES = {Provider.STRIPE: ("pi_", "ch_", "py_"), Provider.RAZORPAY: ("pay_",)}
"""A payment intent of Stripe, or a charge, which begins with py_ where no card was charged. A
checkout session, an invoice, an order or a client secret is none of these."""
_EXAMPLE = "Nq7RsT8uV9wXyZ"


def why_no_reference(provider: str, ref: str) -> str:
    """Why this cannot be the id of a payment there; empty when it can. For staff."""
    prefixes = _PREFIXES.get(Provider(provider))
    if prefixes is None or re.fullmatch(f"(?:{'|'.join(prefixes)})[A-Za-z0-9]+", ref):
        return ""
    *others, last = prefixes
    beginning = f"{', '.join(others)} or {last}" if others else last
    return (
        f"{Provider(provider).label} cannot refund by this. The id of a payment there is "
        f"{beginning} followed by letters and digits, such as {prefixes[0]}{_EXAMPLE}."
    )


def is_charge(ref: str) -> bool:
    """At Stripe: whatever is not a payment intent."""
    return not ref.startswith("pi_")
