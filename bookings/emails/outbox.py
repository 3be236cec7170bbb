"""The outbox: rows written in the transaction that caused them, taken back when it is undone, and
what staff does with those that could not be sent. Nothing is sent here."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from bookings import addresses, links, rules
from bookings.database import kept_statements
from bookings.emails.registry import KINDS, kinds_after
from bookings.models import (
    Booking,
    OutboxEmail,
    OutboxState,
    PrivateLink,
    TimelineEvent,
    site_host,
)
from bookings.states import Actor, TransitionNotAllowed

MADE_BY_VERBS = (PrivateLink.Purpose.PICK, PrivateLink.Purpose.CONTEST)
"""The verbs issue these links themselves; the others are made here when there is none."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An e-mail to be queued: everything but the time. The same kind for the same event or
    `dedupe` is queued only once."""

    kind: str
    booking: Booking | None = None
    event: TimelineEvent | None = None
    dedupe: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def queue(
    kind: str,
    *,
    booking: Booking | None = None,
    now: datetime,
    event: TimelineEvent | None = None,
    not_before: datetime | None = None,
    dedupe: str = "",
    facts: Mapping[str, Any] | None = None,
) -> OutboxEmail:
    """Write one e-mail to the outbox."""
    wanted = Wanted(kind, booking, event, dedupe, facts or {})
    return queue_all([wanted], now=now, not_before=not_before)[0]


def queue_for(events: Sequence[TimelineEvent], *, now: datetime, not_before: datetime) -> None:
    """Queue every e-mail that these events of their bookings cause."""
    wanted = [Wanted(kind, event.booking, event) for event in events for kind in kinds_after(event)]
    queue_all(wanted, now=now, not_before=not_before)


def queue_all(
    wanted: Sequence[Wanted], *, now: datetime, not_before: datetime | None = None
) -> list[OutboxEmail]:
    """One statement, however many e-mails. Of a row that was there already only `pk` is right.

    The private links their texts need exist afterwards, so that sending them writes nothing.
    """
    if not wanted:
        return []
    needed = [
        (one.booking, purpose)
        for one in wanted
        if one.booking is not None
        for purpose in (*KINDS[one.kind].links, one.facts.get("purpose", ""))
        if purpose and purpose not in MADE_BY_VERBS
    ]
    links.ensure_all(needed, now=now)
    rows = [_row(one, now=now, not_before=not_before) for one in wanted]
    return list(kept_statements.insert(rows, once="dedupe_key"))


def queue_again(kind: str, bookings: Sequence[Booking], *, not_before: datetime) -> None:
    """What was dropped because it was not true for a while. Whether it is true again, and for
    which of several, is looked at before it is sent."""
    dropped = OutboxEmail.objects.filter(
        kind=kind, booking__in=bookings, state=OutboxState.CANCELLED
    )
    dropped.update(state=OutboxState.QUEUED, next_attempt_at=not_before, attempts=0)


def _row(wanted: Wanted, *, now: datetime, not_before: datetime | None) -> OutboxEmail:
    booking, event = wanted.booking, wanted.event
    facts = {**wanted.facts}
    if booking is not None:  # a reminder is dropped when these have changed before it is sent
        deadline_at = booking.deadline_at
        as_it_stands = {
            "starts_at": booking.starts_at.isoformat(),
            "deadline_at": deadline_at.isoformat() if deadline_at else None,
        }
        facts = {**as_it_stands, **facts}
    parts = (wanted.kind, booking.pk if booking else "-", event.pk if event else "", wanted.dedupe)
    return OutboxEmail(
        dedupe_key=":".join(str(part) for part in parts if part != ""),
        kind=wanted.kind,
        audience=KINDS[wanted.kind].audience,
        booking=booking,
        event=event,
        facts=facts,
        message_id=f"<{secrets.token_hex(16)}@{site_host()}>",
        next_attempt_at=not_before or now,
        created_at=now,
    )


def queue_password_reset(address: str, *, now: datetime) -> OutboxEmail:
    """For any address: whether it is somebody's is looked at when it is sent, so that asking takes
    as long for one that is not. One mail in a minute is enough."""
    email = addresses.identity(address)
    digest = hashlib.sha256(email.encode()).hexdigest()[:32]
    return queue(
        "password_reset", now=now, dedupe=f"{digest}:{now:%Y%m%d%H%M}", facts={"email": email}
    )


def cancel_held(event: TimelineEvent) -> bool:
    """Take back the e-mails of an undone event. False when one of them has left already: the
    caller rolls its transaction back then."""
    rows = OutboxEmail.objects.filter(event=event)
    rows.filter(state=OutboxState.QUEUED, attempts=0).update(
        state=OutboxState.CANCELLED, next_attempt_at=None
    )
    return not rows.exclude(state=OutboxState.CANCELLED).exists()


# --- what staff does ------------------------------------------------------------------------------

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
    rules.check_staff(actor, reason)
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
