"""Append lines to the histories of bookings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Subquery

from bookings import staff_acts
from bookings.database import kept_statements
from bookings.models import Booking, TimelineEvent
from bookings.states import Actor, ActorKind


@dataclass(frozen=True, slots=True)
class Line:
    """`from_state` is empty for a fact that changed no state, such as a reminder."""

    booking: Booking
    verb: str
    from_state: str = ""
    note: str = ""
    data: dict[str, Any] | None = None


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
    return append_all([Line(booking, verb, from_state, note, data)], actor=actor, at=at)[0]


def append_all(lines: Sequence[Line], *, actor: Actor, at: datetime) -> list[TimelineEvent]:
    """One statement, however many lines; the events in the order of `lines`."""
    events = [
        TimelineEvent(
            booking=line.booking,
            verb=line.verb,
            from_state=line.from_state,
            to_state=line.booking.state if line.from_state else "",
            actor_kind=actor.kind,
            actor_id=actor.user_id,
            note=line.note,
            data=line.data or {},
            request_key=actor.request_key,
            at=at,
        )
        for line in lines
    ]
    written = list(kept_statements.insert(events))
    if actor.kind == ActorKind.STAFF:
        staff_acts.note_events(written)
    return written


def of_its_booking(events: Sequence[TimelineEvent]) -> TimelineEvent | Subquery:
    """For an UPDATE of rows with a `booking`: the one of these events that each belongs to."""
    if len(events) == 1:
        return events[0]
    theirs = TimelineEvent.objects.filter(
        booking_id=OuterRef("booking_id"), pk__in=[event.pk for event in events]
    )
    return Subquery(theirs.values("pk")[:1])
