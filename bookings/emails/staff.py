"""What staff does with an e-mail that could not be sent."""

from __future__ import annotations

from datetime import datetime

from bookings.models import OutboxEmail, OutboxState
from bookings.states import Actor, ActorKind, TransitionNotAllowed


def retry(email_id: int, *, actor: Actor, now: datetime, reason: str) -> OutboxEmail:
    """Send it again with a full set of tries. It is dropped if it is no longer true."""
    booking = OutboxEmail.objects.select_related("booking").get(pk=email_id).booking
    undo_until = booking.undo_until if booking else None
    return _change(
        email_id,
        actor,
        reason,
        sources=(OutboxState.FAILED, OutboxState.QUEUED),
        state=OutboxState.QUEUED,
        next_attempt_at=max(now, undo_until or now),  # the expert may still undo what it tells
        attempts=0,
    )


def park(email_id: int, *, actor: Actor, now: datetime, reason: str) -> OutboxEmail:
    """Stop trying; it can be tried again later."""
    return _change(
        email_id,
        actor,
        reason,
        sources=(OutboxState.QUEUED,),
        state=OutboxState.FAILED,
        next_attempt_at=None,
        last_error=f"Parked: {reason}"[:500],
    )


def _change(
    email_id: int, actor: Actor, reason: str, *, sources: tuple[str, ...], **changes: object
) -> OutboxEmail:
    if actor.kind != ActorKind.STAFF:
        raise TransitionNotAllowed("not_yours", "Only staff may do this.")
    if not reason.strip():
        raise TransitionNotAllowed("reason_missing", "Give a reason.")
    rows = OutboxEmail.objects.filter(pk=email_id)
    if not rows.filter(state__in=sources).update(lease_token=None, **changes):
        state = rows.get().get_state_display()
        raise TransitionNotAllowed("state", f"This e-mail is: {state}.")
    return rows.get()
