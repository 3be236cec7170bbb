"""Payment providers behind one small port. `manual` has no gateway: staff pays by hand."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings

from bookings.gateways.port import Answer, Gateway, ListedRefund, RefundRequest, Status
from bookings.gateways.sandbox import SandboxGateway
from bookings.models import Provider

__all__ = [
    "Answer",
    "Gateway",
    "ListedRefund",
    "RefundRequest",
    "SandboxGateway",
    "Status",
    "gateway_of",
]


def gateway_of(provider: str) -> Gateway | None:
    """The adapter of a provider; None where a refund is paid by hand or the keys are missing."""
    return _GATEWAYS.get(provider) or _WITH_KEYS.get(provider, _nothing)()


def _stripe() -> Gateway | None:
    if not settings.STRIPE_SECRET_KEY:
        return None
    from bookings.gateways.stripe import StripeGateway  # a large package; few sites have both

    return StripeGateway(
        api_base=settings.STRIPE_API_BASE,
        secret_key=settings.STRIPE_SECRET_KEY,
        read_seconds=settings.PROVIDER_TIMEOUT.total_seconds(),
    )


def _razorpay() -> Gateway | None:
    if not settings.RAZORPAY_KEY_ID:
        return None
    from bookings.gateways.razorpay import RazorpayGateway

    return RazorpayGateway(
        api_base=settings.RAZORPAY_API_BASE,
        key_id=settings.RAZORPAY_KEY_ID,
        key_secret=settings.RAZORPAY_KEY_SECRET,
        read_seconds=settings.PROVIDER_TIMEOUT.total_seconds(),
    )


def _nothing() -> None:
    return None


_GATEWAYS: dict[str, Gateway] = {Provider.SANDBOX: SandboxGateway()}
_WITH_KEYS: dict[str, Callable[[], Gateway | None]] = {
    Provider.STRIPE: _stripe,
    Provider.RAZORPAY: _razorpay,
}
"""Made for each call from the settings: an object is cheap, and threads share none."""
