"""Verbs that end a booking: money goes back, or a call is called off. And Undo: within 30 seconds
an expert's last verb is as if it had not been.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction

from bookings import clocks, emails, formats, links, refunds, rules, slots
from bookings.lifecycle.engine import (
    Step,
    at_deadline,
    close_cases,
    not_before,
    tell,
    transition,
    transition_all,
    verb,
)
from bookings.models import Booking, NoShowReport, Offer, Payment, TimelineEvent
from bookings.states import FINAL, Actor, ActorKind, State, TransitionNotAllowed, Verb


def end_with_refund(
    bookings: Sequence[Booking],
    name: Verb,
    *,
    actor: Actor,
    now: datetime,
    to: State = State.REFUNDED,
    amount_minor: int | None = None,
    in_addition: bool = False,
    note: str = "",
    data: Mapping[str, Any] | None = None,
) -> None:
    """End these bookings and send back everything that is left, or `amount_minor` of it.

    A free call ends the same way, with nothing to refund. Where some of the money has gone back
    without us, a part must be said to be `in_addition`: it may be the very same one.
    """
    payments = refunds.lock_payments(bookings)
    steps = []
    for booking in bookings:
        payment = payments.get(booking.pk)
        left = payment.refundable_minor if payment else 0
        amount = _checked_amount(amount_minor, left=left)
        if payment and amount_minor is not None and not in_addition:
            _check_not_the_same(payment)
        steps.append(_ending(booking, to, amount, data or {}, now=now))
    events = transition_all(steps, name, actor=actor, now=now, note=note)
    close_cases(
        events,
        now=now,
        report=NoShowReport.Outcome.REFUNDED,
        offer=Offer.Outcome.LAPSED if name == Verb.OFFER_LAPSED else Offer.Outcome.CLOSED,
    )
    links.revoke(links.Purpose.PICK, now=now, by=events)
    refunds.request_all(
        [
            refunds.Wanted(payments[booking.pk], booking, event, event.data["refund_minor"])
            for booking, event in zip(bookings, events, strict=True)
            if event.data["refund_minor"]
        ],
        now=now,
        not_before=not_before(bookings[0], now),
    )
    tell(events, now=now)


def _ending(
    booking: Booking, to: State, amount_minor: int, data: Mapping[str, Any], *, now: datetime
) -> Step:
    was_future = not clocks.has_started(booking, now)
    return Step(
        booking,
        to,
        data={
            **data,
            "refund_minor": amount_minor,
            "currency": booking.currency,
            "was_future": was_future,
        },
        changes={
            "calendar_sequence": booking.calendar_sequence + was_future,
            "resume_state": "",
            "resume_deadline_at": None,
            "has_open_report": False,
        },
    )


def _checked_amount(amount_minor: int | None, *, left: int) -> int:
    if amount_minor is None:
        return left
    if not 0 < amount_minor <= left:
        raise TransitionNotAllowed(
            "bad_amount", "The amount must be more than zero and at most what is left."
        )
    return amount_minor


def _check_not_the_same(payment: Payment) -> None:
    if payment.returned_external_minor:
        gone = formats.money(payment.returned_external_minor, payment.currency)
        raise TransitionNotAllowed(
            "went_back",
            f"{gone} of this payment has gone back already, in the provider’s dashboard or before "
            "this site was restored from a backup. Refund a part only if it is in addition to "
            "that, and say so.",
        )


@verb(Verb.REFUND_NOW)
def refund_now(
    booking: Booking,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    amount_minor: int | None = None,
    in_addition: bool = False,
) -> None:
    """Everything back; a part of it only by staff, who must say why."""
    if amount_minor is not None and actor.kind != ActorKind.STAFF:
        raise TransitionNotAllowed("bad_amount", "Only staff may refund a part.")
    # A part ends the case for good: the rest would stay with whoever chose it.
    if amount_minor is not None and (own := rules.own_case(booking, actor)):
        raise own
    if actor.kind == ActorKind.STAFF and not reason.strip():
        raise TransitionNotAllowed("reason_missing", "Give a reason.")
    end_with_refund(
        [booking],
        Verb.REFUND_NOW,
        actor=actor,
        now=now,
        amount_minor=amount_minor,
        in_addition=in_addition,
        note=reason,
    )


@verb(Verb.CANCEL)
def cancel(booking: Booking, *, actor: Actor, now: datetime, reason: str) -> None:
    """Call off a call that has not started; the follower gets everything back."""
    if not reason.strip():
        raise TransitionNotAllowed("reason_missing", "Say why you cancel.")
    end_with_refund([booking], Verb.CANCEL, actor=actor, now=now, to=State.CANCELLED, note=reason)


at_deadline(Verb.NO_ANSWER)(partial(end_with_refund, name=Verb.NO_ANSWER))
at_deadline(Verb.NOBODY_DECIDED)(partial(end_with_refund, name=Verb.NOBODY_DECIDED))


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
