"""Undo: within 30 seconds an expert's last verb is as if it had not been."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from bookings import emails, links, refunds, slots
from bookings.lifecycle.engine import transition, verb
from bookings.models import Booking, NoShowReport, Offer, TimelineEvent
from bookings.states import FINAL, Actor, State, TransitionNotAllowed, Verb


@verb(Verb.UNDO, claims_slot=True)
def undo(booking: Booking, *, actor: Actor, now: datetime) -> None:
    """Put back the state and clocks; cancel the held e-mails; void the refund that waits.

    Refused when any of them has left the house already.
    """
    undone = booking.events.filter(data__has_key="before").latest("id")
    if undone.actor_id != actor.user_id:
        raise TransitionNotAllowed("not_yours", "Somebody else did this; you cannot undo it.")
    before = _parsed(undone.data["before"])
    if not (emails.cancel_held(undone) and refunds.void(undone)):
        raise TransitionNotAllowed("too_late", "It is on its way already and cannot be undone.")
    # A purchase that had begun before was told that the time is kept for it.
    if booking.state in FINAL and slots.is_kept_for_another(booking, now=now):
        raise TransitionNotAllowed(
            "taken", "Somebody else is paying for this time, so this cannot be undone."
        )
    try:
        with transaction.atomic():
            event = transition(
                booking,
                Verb.UNDO,
                State(before.pop("state")),
                actor=actor,
                now=now,
                data={"verb": undone.verb},
                **before,
            )
    except IntegrityError as error:
        if "booking_no_overlap" not in str(error):
            raise
        # Nobody can choose the time meanwhile, but a purchase begun before may have been paid.
        raise TransitionNotAllowed(
            "taken", "Somebody else has booked this time meanwhile, so this cannot be undone."
        ) from error
    _take_back(undone, event, now=now)


def _parsed(before: dict[str, Any]) -> dict[str, Any]:
    return {
        column: datetime.fromisoformat(value) if column.endswith("_at") and value else value
        for column, value in before.items()
    }


def _take_back(undone: TimelineEvent, event: TimelineEvent, *, now: datetime) -> None:
    """What the verb made is closed, what it closed is open again."""
    undone.made_offer_set.update(outcome=Offer.Outcome.UNDONE, closed_at=now, closed_by=event)
    undone.made_completionmark_set.update(undone_at=now)
    undone.made_links.update(superseded_at=now, superseded_by=event)
    reopened: dict[str, Any] = {"outcome": "open", "closed_at": None, "closed_by": None}
    undone.closed_offer_set.update(**reopened)
    undone.closed_noshowreport_set.filter(
        outcome__in=[NoShowReport.Outcome.COMPLETED, NoShowReport.Outcome.REFUNDED]
    ).update(**reopened)
    links.bring_back(undone)
