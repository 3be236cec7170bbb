"""The bench's clock: it starts at the moment the generated data were made for.

A database is kept for months; with the real clock every deadline in it would soon have passed.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.utils import timezone

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
"""A Monday morning."""


def set_to_the_data() -> None:
    """From here on `timezone.now()` is NOW plus what has passed since this call."""
    behind = NOW - datetime.now(UTC)
    timezone.now = lambda: datetime.now(UTC) + behind
