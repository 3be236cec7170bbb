"""What an event of a history holds besides its sentence, as one line for staff to read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bookings import database_time, formats
from bookings.models import TimelineEvent

HIDDEN = {"before", "currency", "refund"}
"""Not shown: what undo goes back to, what is said with each amount, and an id."""
CHOICES = {"channel", "decision", "kind", "mode", "origin", "outcome", "reason", "verb"}
"""Values of ours, in words; anything else stays as it came."""


def details(event: TimelineEvent) -> str:
    """As in “price ₹1,500 · starts Mon 23 Nov, 13:00”, by name: PostgreSQL keeps no order."""
    told = (_told(key, event) for key in sorted(event.data) if key not in HIDDEN)
    return " · ".join(filter(None, told))


def _told(key: str, event: TimelineEvent) -> str:
    """Empty for what is empty, not so, or nothing."""
    value = event.data[key]
    if not value:
        return ""
    name = key.removeprefix("is_").removesuffix("_minor").removesuffix("_at").replace("_", " ")
    return name if value is True else f"{name} {_value(key, value, event)}"


def _value(key: str, value: Any, event: TimelineEvent) -> str:
    if key.endswith("_minor"):
        return formats.money(value, event.data.get("currency") or event.booking.currency)
    if key in CHOICES:
        return str(value).replace("_", " ")
    try:
        return formats.moment(datetime.fromisoformat(value), "UTC", "24", database_time.now())
    except (TypeError, ValueError):
        return str(value)
