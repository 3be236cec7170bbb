"""What a message's extra tag says, for the template that shows it."""

from __future__ import annotations

from django import template

from bookings.presenters import dialogs

register = template.Library()


@register.filter
def as_undo(extra_tags: str) -> dialogs.Undo | None:
    return dialogs.Undo.read(extra_tags or "")
