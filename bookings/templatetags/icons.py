"""`{% icon "clock" %}`: a picture from `static/icons.svg`, in the colour and size of its text.

It is for the eye alone: whoever listens to a page is told by the words beside it.
"""

from __future__ import annotations

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def icon(name: str, *, small: bool = False) -> SafeString:
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="{}#i-{}"/></svg>',
        "icon icon--s" if small else "icon",
        static("icons.svg"),
        name,
    )
