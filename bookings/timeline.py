"""Append one line to a booking's history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bookings.models import Booking, TimelineEvent
from bookings.states import Actor


def append(
    booking: Booking,
    verb: str,
    *,
    actor: Actor,
    at: datetime,
    from_state: str = "",
    note: str = "",
    data: dict[str, Any] | None = None,
) -> TimelineEvent:
    """`from_state` is empty for a fact that changed no state, such as a reminder."""
    return TimelineEvent.objects.create(
        booking=booking,
        verb=verb,
        from_state=from_state,
        to_state=booking.state if from_state else "",
        actor_kind=actor.kind,
        actor_id=actor.user_id,
        note=note,
        data=data or {},
        request_key=actor.request_key,
        at=at,
    )
