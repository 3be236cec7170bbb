"""The limits in force: read from settings, copied onto each booking when it is made.

A booking keeps the limits it was made under, so that changing a setting never moves a clock
that is already running.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Policy:
    """All limits of one booking. Durations are elapsed time, never business days."""

    no_show_window: timedelta
    """How long the expert may answer a no-show report."""
    report_opens_after: timedelta
    """How long after the scheduled start a report is taken."""
    report_window: timedelta
    """How long after the scheduled end a report is still taken."""
    offer_window: timedelta
    """How long the follower may pick a new time."""
    offer_after_call: timedelta
    """How long after a call the expert may still offer a new time."""
    contest_window: timedelta
    """How long after “completed” the follower may contest it."""
    decide_window: timedelta
    """How long staff may take to decide a contested booking."""
    undo_window: timedelta
    grace: timedelta
    """Added to every deadline for a click that is on its way. It is never shown."""
    min_offer_slots: int
    offer_slot_horizon: timedelta
    """The free slots of an offer are counted this far ahead."""
    expert_reminders: tuple[timedelta, ...]
    """How long before the deadline of a no-show report the expert is reminded, longest first."""
    link_reminder: timedelta
    """How long before the deadline of an offer the follower is reminded."""
    staff_reminder: timedelta
    """How long before the deadline of a contested booking staff is reminded."""

    @classmethod
    def in_force(cls) -> Policy:
        """The limits new bookings get."""
        return cls(**settings.POLICY)

    def to_json(self) -> dict[str, Any]:
        """The limits as JSON can hold them, with durations in seconds."""
        return {name: _plain(getattr(self, name)) for name in self.__slots__}

    @classmethod
    def from_json(cls, stored: Any) -> Policy:
        """The limits of a booking. Today's limit stands in for one that is missing or cannot be
        read."""
        values = dict(settings.POLICY)
        for name, value in _read(stored).items():
            if value is not None:
                values[name] = value
        return cls(**values)


def unreadable(stored: Any) -> tuple[str, ...]:
    """The names of those stored limits that cannot be read; all of them where nothing can."""
    if not isinstance(stored, dict):
        return tuple(settings.POLICY)
    read = _read(stored)  # in the order of the settings: PostgreSQL keeps another one
    return tuple(name for name in settings.POLICY if name in read and read[name] is None)


def seconds(value: Any) -> timedelta | None:
    """A stored duration; None for a value that nobody can have meant as one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return timedelta(seconds=value) if 0 <= value <= _LONGEST.total_seconds() else None


_LONGEST, _MOST = timedelta(days=3650), 10_000
"""No setting takes more."""


def _read(stored: Any) -> dict[str, Any]:
    """The stored limits by their names; None for one that cannot be read."""
    if not isinstance(stored, dict):
        return {}
    known = settings.POLICY
    return {name: _typed(value, known[name]) for name, value in stored.items() if name in known}


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _typed(value: Any, example: Any) -> Any:
    """`value` as the type of `example`; None when it cannot be that."""
    if isinstance(example, timedelta):
        return seconds(value)
    if isinstance(example, tuple):
        read = [seconds(item) for item in value] if isinstance(value, list) else [None]
        return None if None in read else tuple(read)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 <= value <= _MOST else None
