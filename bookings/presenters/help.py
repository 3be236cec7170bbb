"""The rules in force as the help article and the admin say them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bookings.policy import Policy

_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
IN_HOURS_UP_TO = timedelta(hours=96)
"""72 hours is a promise counted in hours; 14 days is counted in days."""


def words(duration: timedelta) -> str:
    """72 hours, 14 days, 30 seconds, 1 hour 30 minutes."""
    seconds = int(duration.total_seconds())
    units = _UNITS[1:] if duration <= IN_HOURS_UP_TO else _UNITS
    parts = []
    for size, name in units:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return " ".join(parts[:2]) or "0 seconds"


def listed(durations: tuple[timedelta, ...]) -> str:
    """48 hours, 24 hours and 6 hours."""
    parts = [words(duration) for duration in durations]
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def figures(policy: Policy) -> dict[str, Any]:
    """Each limit by its name, in words; numbers stay numbers."""
    return {name: _in_words(getattr(policy, name)) for name in policy.__slots__}


def _in_words(value: Any) -> Any:
    if isinstance(value, timedelta):
        return words(value)
    return listed(value) if isinstance(value, tuple) else value
