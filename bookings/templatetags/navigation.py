"""What the frame of an expert's page shows: count badge, name, zone. One query."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone

from bookings import lists
from bookings.access import expert_of
from bookings.presenters import navigation as present

register = template.Library()


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
    return present.navigation(expert, section=section, count=count, now=timezone.now())
