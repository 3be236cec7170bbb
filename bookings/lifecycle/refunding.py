"""Verbs that send money back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bookings import clocks, links, refunds, rules
from bookings.lifecycle.engine import close_case, not_before, tell, transition, verb
from bookings.models import Booking, NoShowReport, Offer
from bookings.refunds.requesting import refundable_minor
from bookings.states import Actor, ActorKind, State, TransitionNotAllowed, Verb


def refund_in_full(
    booking: Booking,
    name: Verb,
    *,
    actor: Actor,
    now: datetime,
    to: State = State.REFUNDED,
    amount_minor: int | None = None,
    note: str = "",
    data: dict[str, Any] | None = None,
) -> None:
    """End the booking and send back everything that is left, or `amount_minor` of it.

    A free call ends the same way, with nothing to refund.
    """
    amount = _checked_amount(amount_minor, left=refundable_minor(booking))
    was_future = not clocks.has_started(booking, now)
    event = transition(
        booking,
        name,
        to,
        actor=actor,
        now=now,
        note=note,
        data={
            **(data or {}),
            "refund_minor": amount,
            "currency": booking.currency,
            "was_future": was_future,
        },
        calendar_sequence=booking.calendar_sequence + was_future,
        resume_state="",
        resume_deadline_at=None,
        has_open_report=False,
    )
    close_case(
        booking,
        by=event,
        now=now,
        report=NoShowReport.Outcome.REFUNDED,
        offer=Offer.Outcome.LAPSED if name == Verb.OFFER_LAPSED else Offer.Outcome.CLOSED,
    )
    links.revoke(booking, links.Purpose.PICK, now=now, by=event)
    refunds.request(
        booking, event=event, amount_minor=amount, now=now, not_before=not_before(booking, now)
    )
    tell(event, booking, now=now)


def _checked_amount(amount_minor: int | None, *, left: int) -> int:
    if amount_minor is None:
        return left
    if not 0 < amount_minor <= left:
        raise TransitionNotAllowed(
            "bad_amount", "The amount must be more than zero and at most what is left."
        )
    return amount_minor


@verb(Verb.REFUND_NOW)
def refund_now(
    booking: Booking,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    amount_minor: int | None = None,
) -> None:
    """Everything back; a part of it only by staff, who must say why."""
    if amount_minor is not None and actor.kind != ActorKind.STAFF:
        raise TransitionNotAllowed("bad_amount", "Only staff may refund a part.")
    # A part ends the case for good: the rest would stay with whoever chose it.
    if amount_minor is not None and (own := rules.own_case(booking, actor)):
        raise own
    if actor.kind == ActorKind.STAFF and not reason.strip():
        raise TransitionNotAllowed("reason_missing", "Give a reason.")
    refund_in_full(
        booking, Verb.REFUND_NOW, actor=actor, now=now, amount_minor=amount_minor, note=reason
    )


@verb(Verb.CANCEL)
def cancel(booking: Booking, *, actor: Actor, now: datetime, reason: str) -> None:
    """Call off a call that has not started; the follower gets everything back."""
    if not reason.strip():
        raise TransitionNotAllowed("reason_missing", "Say why you cancel.")
    refund_in_full(booking, Verb.CANCEL, actor=actor, now=now, to=State.CANCELLED, note=reason)
