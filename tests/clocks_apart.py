"""The database's real clock, and a process whose own clock is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from bookings import database_time

REAL = {name: getattr(database_time, name) for name in ("now", "read", "remember")}
"""conftest.py gives every other test one clock for both."""


@pytest.fixture
def two_clocks(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """As in production. On SQLite a sweep has written down what the time is."""
    settings.STAFF_EMAIL = ["ops@example.com"]
    for name, real in REAL.items():
        monkeypatch.setattr(database_time, name, real)
    forget_the_reading(monkeypatch)
    database_time.remember()


def forget_the_reading(patch: pytest.MonkeyPatch) -> None:
    """As a process that has just started."""
    patch.setattr(database_time, "_last", None)


@contextmanager
def wrong_by(offset: timedelta) -> Iterator[None]:
    """In here this process's clock is ahead by so much, or behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timezone, "now", lambda: datetime.now(UTC) + offset)
        forget_the_reading(patch)
        yield
