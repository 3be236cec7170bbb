"""Payment providers behind two small ports, one for refunds and one for being paid. `manual` has no
gateway: staff pays by hand.
"""

from __future__ import annotations

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
)
from bookings.gateways.requirements import is_counted_alike, why_no_reference, why_not
from bookings.gateways.sandbox import SandboxGateway
from bookings.models import Provider

if TYPE_CHECKING:
    from bookings.gateways.razorpay import RazorpayGateway
    from bookings.gateways.stripe import StripeGateway


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
