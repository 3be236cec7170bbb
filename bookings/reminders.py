"""Reminders: what people are told while a clock runs. Each one is sent once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from bookings import clocks, emails, timeline
from bookings.models import Booking
from bookings.states import SYSTEM, WAITING, State

_KINDS = {
    State.SCHEDULED: "after_call",
    **{state: waiting.reminder for state, waiting in WAITING.items()},
}


def send(bookings: Sequence[Booking], *, now: datetime) -> int:
    """Queue the reminder that is due for each booking, and set when its next one is due. The caller
    has locked the rows. Returns how many reminders were queued."""
    wanted = []
    next_ones: dict[datetime | None, list[int]] = {}
    for booking in bookings:
        following = clocks.next_reminder_at(
            state=booking.state,
            ends_at=booking.ends_at,
            deadline_at=booking.deadline_at,
            limits=booking.limits,
            now=now,
        )
        next_ones.setdefault(following, []).append(booking.pk)
        if kind := _KINDS.get(State(booking.state)):
            wanted.append((kind, booking, _facts(booking)))
    for following, ids in next_ones.items():
        Booking.objects.filter(pk__in=ids).update(next_reminder_at=following)
    lines = [
        timeline.Line(booking, "reminder", data={"kind": kind, **facts})
        for kind, booking, facts in wanted
    ]
    events = timeline.append_all(lines, actor=SYSTEM, at=now)
    reminders = [
        emails.Wanted(kind, booking, event, facts=facts)
        for (kind, booking, facts), event in zip(wanted, events, strict=True)
    ]
    emails.queue_all(reminders, now=now)
    return len(reminders)


def send_one(booking_id: int, *, now: datetime) -> bool:
    """Send the reminder of one booking. False when none is due or another process has the row."""
    with transaction.atomic():
        due = Booking.objects.reminder_due(now).filter(pk=booking_id)
        return bool(send(list(due.locked_for_us()), now=now))


def _facts(booking: Booking) -> dict[str, Any]:
    due_at, deadline_at = booking.next_reminder_at, booking.deadline_at
    if deadline_at is None or due_at is None:
        return {}
    return {"hours": round((deadline_at - due_at) / timedelta(hours=1))}
