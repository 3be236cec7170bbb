"""The rules in force as the help article and the admin say them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bookings import formats
from bookings.policy import Policy


def listed(durations: tuple[timedelta, ...]) -> str:
    """48 hours, 24 hours and 6 hours."""
    parts = [formats.duration(duration) for duration in durations]
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def figures(policy: Policy) -> dict[str, Any]:
    """Each limit by its name, in words; numbers stay numbers."""
    return {name: _in_words(getattr(policy, name)) for name in policy.__slots__}


def _in_words(value: Any) -> Any:
    if isinstance(value, timedelta):
        return formats.duration(value)
    return listed(value) if isinstance(value, tuple) else value
