"""What the sign-in page says to somebody whose form was not taken."""

from __future__ import annotations

from typing import Any

from django import template

from bookings import unsent

register = template.Library()


@register.simple_tag(takes_context=True)
def unsent_is_kept(context: dict[str, Any]) -> bool:
    request = context.get("request")
    return request is not None and unsent.is_kept(request)
