"""Verbs that send money back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bookings import clocks, formats, links, refunds, rules
from bookings.lifecycle.cases import close_cases
from bookings.lifecycle.engine import (
    Step,
    not_before,
    tell,
    transition_all,
    verb,
)
from bookings.models import Booking, NoShowReport, Offer, Payment
from bookings.states import Actor, ActorKind, State, TransitionNotAllowed, Verb


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
