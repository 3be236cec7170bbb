"""The visitor's address when reverse proxies stand in front."""

from __future__ import annotations

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def client_ip(request: HttpRequest) -> str:
    """Counts TRUSTED_PROXIES entries from the right; what a visitor wrote himself is further left.

    Without proxies the header is not read at all.
    """
    direct = str(request.META.get("REMOTE_ADDR", ""))
    count = settings.TRUSTED_PROXIES
    if not count:
        return direct
    named = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    if len(named) < count:
        return direct
    try:
        return str(ip_address(named[-count]))
    except ValueError:
        return direct
