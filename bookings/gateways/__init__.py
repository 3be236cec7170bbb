"""Payment providers behind one small port. `manual` has no gateway: staff pays by hand."""

from __future__ import annotations

from bookings.gateways.port import Answer, Gateway, RefundRequest, Status
from bookings.gateways.sandbox import SandboxGateway
from bookings.models import Provider

__all__ = ["Answer", "Gateway", "RefundRequest", "SandboxGateway", "Status", "gateway_of"]

_GATEWAYS: dict[str, Gateway] = {Provider.SANDBOX: SandboxGateway()}


def gateway_of(provider: str) -> Gateway | None:
    """The adapter of a provider; None where a refund is paid by hand."""
    return _GATEWAYS.get(provider)
