"""What staff does with an e-mail that could not be sent."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from bookings import rules
from bookings.models import OutboxEmail, OutboxState
from bookings.states import Actor, ActorKind, TransitionNotAllowed

StaffVerb = Literal["retry", "park"]
_FROM: dict[StaffVerb, tuple[str, ...]] = {
    "retry": (OutboxState.FAILED, OutboxState.QUEUED),
    "park": (OutboxState.QUEUED,),
}


def refusal(email: OutboxEmail, verb: StaffVerb, actor: Actor) -> TransitionNotAllowed | None:
    """Why staff may not do this with the e-mail now; the verbs ask, and so do the buttons.

    What an expert's own follower is told is not theirs to hold back, nor to hurry.
    """
    if email.booking is not None and (own := rules.own_case(email.booking, actor)):
        return own
    if email.state not in _FROM[verb]:
        return TransitionNotAllowed("state", f"This e-mail is: {email.get_state_display()}.")
    return None


def retry(email_id: int, *, actor: Actor, now: datetime, reason: str) -> OutboxEmail:
    """Send it again with a full set of tries. It is dropped if it is no longer true."""
    email = _allowed(email_id, "retry", actor, reason)
    undo_until = email.booking.undo_until if email.booking else None
    return _change(
        email,
        state=OutboxState.QUEUED,
        next_attempt_at=max(now, undo_until or now),  # the expert may still undo what it tells
        attempts=0,
    )


def park(email_id: int, *, actor: Actor, now: datetime, reason: str) -> OutboxEmail:
    """Stop trying; it can be tried again later."""
    return _change(
        _allowed(email_id, "park", actor, reason),
        state=OutboxState.FAILED,
        next_attempt_at=None,
        last_error=f"Parked: {reason}"[:500],
    )


def _allowed(email_id: int, verb: StaffVerb, actor: Actor, reason: str) -> OutboxEmail:
    if actor.kind != ActorKind.STAFF:
        raise TransitionNotAllowed("not_yours", "Only staff may do this.")
    if not reason.strip():
        raise TransitionNotAllowed("reason_missing", "Give a reason.")
    email = OutboxEmail.objects.select_related("booking__expert").get(pk=email_id)
    if refused := refusal(email, verb, actor):
        raise refused
    return email


def _change(email: OutboxEmail, **changes: object) -> OutboxEmail:
    """Conditional on the state that was read."""
    as_read = OutboxEmail.objects.filter(pk=email.pk, state=email.state)
    if not as_read.update(lease_token=None, **changes):
        raise TransitionNotAllowed("changed", "This e-mail has changed while you looked.")
    email.refresh_from_db()
    return email
