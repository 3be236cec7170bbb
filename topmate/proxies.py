"""The visitor's address when reverse proxies stand in front."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

ONE_HOUSEHOLD = 64
"""Bits of an IPv6 address that a provider gives to one customer; the other half they choose."""


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
    return str(_read(named[-count]) or direct)


def client_network(request: HttpRequest) -> str | None:
    """What limits count by: the address, and of an IPv6 address only the half that is given. None
    when the web server names no address, as behind a socket without a proxy that tells it."""
    found = _read(client_ip(request))
    if isinstance(found, IPv6Address):
        return str(ip_network((int(found), ONE_HOUSEHOLD), strict=False).network_address)
    return str(found) if found else None


def _read(text: str) -> IPv4Address | IPv6Address | None:
    """An IPv4 address that is written as an IPv6 one is the same visitor; the name of a network
    card (`fe80::1%eth0`) says nothing about them."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (isinstance(found, IPv6Address) and found.ipv4_mapped) or found
