"""What the frame of an expert's page shows: count badge, name, zone. One query."""

from __future__ import annotations

import secrets
from functools import lru_cache
from typing import Any

from django import template
from django.conf import settings
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import SafeString

from bookings import database_time, lists
from bookings.access import expert_of
from bookings.presenters import shell as present

register = template.Library()
TOKEN, ADDRESS = (secrets.token_hex(16) for _ in range(2))
"""They stand in a kept frame for what is another one in each request."""


@register.simple_tag(takes_context=True)
def navigation(context: dict[str, Any]) -> present.Navigation | None:
    """None for a visitor who is no expert, and on error pages, where there is no request."""
    request = context.get("request")
    expert = expert_of(request) if request is not None and hasattr(request, "user") else None
    if request is None or expert is None:
        return None
    if "nav" in context:
        return context["nav"]  # type: ignore[no-any-return]
    match = request.resolver_match
    section = context.get("section") or (match.url_name if match else "")
    count = context.get("need_count")
    if count is None:
        count = lists.need_count(expert)
    return present.navigation(
        expert,
        section=section,
        count=count,
        now=database_time.now(),
        source=context.get("source", ""),
    )


@register.simple_tag(takes_context=True)
def frame(
    context: dict[str, Any], nav: present.Navigation, *, has_own_bar: object = False
) -> SafeString:
    """The bars around an expert's page, `_frame.html`. A page with a bar of its own hides the
    lower one. Rendered once for all pages that differ in nothing but token and address."""
    request = context["request"]
    if settings.DEBUG:
        _kept_frame.cache_clear()  # the template is being worked on
    kept = _kept_frame(
        nav,
        request.user.email,
        request.user.is_staff,
        bool(has_own_bar),
        context["theme"],
        context["site_name"],
        context["demo_inbox"],
    )
    html = kept.replace(TOKEN, get_token(request))
    return SafeString(html.replace(ADDRESS, escape(request.get_full_path())))


@lru_cache(maxsize=1000)
def _kept_frame(
    nav: present.Navigation,
    email: str,
    is_staff: bool,
    has_own_bar: bool,
    theme: str,
    site_name: str,
    demo_inbox: object,
) -> str:
    context = {
        "nav": nav,
        "email": email,
        "is_staff": is_staff,
        "has_own_bar": has_own_bar,
        "theme": theme,
        "site_name": site_name,
        "demo_inbox": demo_inbox,
        "csrf_token": TOKEN,
        "address": ADDRESS,
    }
    return render_to_string("_frame.html", context)
