"""What every template may use."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone


def site(request: HttpRequest) -> dict[str, Any]:
    theme = request.COOKIES.get("theme")
    return {
        "site_name": settings.SITE_NAME,
        "site_url": settings.SITE_URL,
        "demo_inbox": settings.DEMO_INBOX,
        "theme": theme if theme in ("dark", "light") else "",
        "server_time": int(timezone.now().timestamp()),
    }
