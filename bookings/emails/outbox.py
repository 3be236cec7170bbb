"""Queueing: rows written in the transaction that caused them. Nothing is sent here."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from bookings import calendar, links
from bookings.emails.promises import kind_named, promised_kinds
from bookings.models import Booking, OutboxEmail, OutboxState, PrivateLink, TimelineEvent, User

MADE_BY_VERBS = PrivateLink.Purpose.PICK
"""The verbs issue this link themselves; the others are made here when there is none."""


def queue(
    kind: str,
    *,
    booking: Booking | None = None,
    now: datetime,
    event: TimelineEvent | None = None,
    not_before: datetime | None = None,
    dedupe: str = "",
    facts: dict[str, Any] | None = None,
) -> OutboxEmail:
    """Write an e-mail to the outbox; the same kind for the same event or `dedupe` only once.

    The private links its text needs exist afterwards, so that sending it writes nothing.
    """
    known = kind_named(kind)
    facts = dict(facts or {})
    if booking is not None:
        _ensure_links(booking, (*known.links, facts.get("purpose", "")), now=now)
        facts = {**_as_it_stands(booking), **facts}
    key = ":".join(
        str(part)
        for part in (kind, booking.pk if booking else "-", event.pk if event else "", dedupe)
        if part != ""
    )
    row, _ = OutboxEmail.objects.get_or_create(
        dedupe_key=key,
        defaults={
            "kind": kind,
            "audience": known.audience,
            "booking": booking,
            "event": event,
            "facts": facts,
            "message_id": f"<{secrets.token_hex(16)}@{calendar.site_host()}>",
            "next_attempt_at": not_before or now,
            "created_at": now,
        },
    )
    return row


def _ensure_links(booking: Booking, purposes: tuple[str, ...], *, now: datetime) -> None:
    for purpose in purposes:
        if purpose and purpose != MADE_BY_VERBS:
            links.ensure(booking, purpose, now=now)


def _as_it_stands(booking: Booking) -> dict[str, Any]:
    """What a reminder is about: it is dropped when this has changed before it is sent."""
    deadline_at = booking.deadline_at
    return {
        "starts_at": booking.starts_at.isoformat(),
        "deadline_at": deadline_at.isoformat() if deadline_at else None,
    }


def queue_for(
    event: TimelineEvent, *, booking: Booking, now: datetime, not_before: datetime
) -> list[OutboxEmail]:
    """Queue every e-mail the event promises."""
    return [
        queue(kind, booking=booking, now=now, event=event, not_before=not_before)
        for kind in promised_kinds(event)
    ]


def queue_password_reset(user: User, *, now: datetime) -> OutboxEmail:
    """One mail in a minute is enough."""
    return queue(
        "password_reset", now=now, dedupe=f"{user.pk}:{now:%Y%m%d%H%M}", facts={"user": user.pk}
    )


def cancel_held(event: TimelineEvent) -> bool:
    """Take back the e-mails of an undone event. False when one of them has left already: the
    caller rolls its transaction back then."""
    rows = OutboxEmail.objects.filter(event=event)
    rows.filter(state=OutboxState.QUEUED, attempts=0).update(
        state=OutboxState.CANCELLED, next_attempt_at=None
    )
    return not rows.exclude(state=OutboxState.CANCELLED).exists()
