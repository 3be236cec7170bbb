"""What every template may use."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import Error
from django.http import HttpRequest
from django.utils import timezone

from bookings import database_time


def site(request: HttpRequest) -> dict[str, Any]:
    theme = request.COOKIES.get("theme")
    return {
        "site_name": settings.SITE_NAME,
        "site_url": settings.SITE_URL,
        "demo_inbox": settings.DEMO_INBOX,
        "theme": theme if theme in ("dark", "light") else "",
        "server_time": _server_time(),
    }


def _server_time() -> int:
    """What countdowns go by; also on the page that says that the database is away."""
    try:
        now = database_time.now()
    except Error:
        now = timezone.now()
    return int(now.timestamp())
