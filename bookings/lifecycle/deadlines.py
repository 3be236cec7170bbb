"""What happens by itself when a deadline has passed. The sweep asks; the rule is here."""

from __future__ import annotations

from datetime import datetime

from bookings.lifecycle import offers, refunding
from bookings.lifecycle.engine import verb
from bookings.models import Booking
from bookings.states import SYSTEM, Actor, State, Verb

AT_DEADLINE = {
    State.NO_SHOW_REPORTED: Verb.NO_ANSWER,
    State.RESCHEDULE_OFFERED: Verb.OFFER_LAPSED,
    State.CONTESTED: Verb.NOBODY_DECIDED,
}


def run_deadline(booking_id: int, *, state: str, now: datetime) -> Booking:
    """Do what the passed deadline of a booking in `state` asks for; refused if it has not."""
    verbs = {
        Verb.NO_ANSWER: _no_answer,
        Verb.OFFER_LAPSED: _offer_lapsed,
        Verb.NOBODY_DECIDED: _nobody_decided,
    }
    return verbs[AT_DEADLINE[State(state)]](booking_id, actor=SYSTEM, now=now)


@verb(Verb.NO_ANSWER)
def _no_answer(booking: Booking, *, actor: Actor, now: datetime) -> None:
    refunding.refund_in_full(booking, Verb.NO_ANSWER, actor=actor, now=now)


@verb(Verb.OFFER_LAPSED)
def _offer_lapsed(booking: Booking, *, actor: Actor, now: datetime) -> None:
    offers.lapse(booking, actor=actor, now=now)


@verb(Verb.NOBODY_DECIDED)
def _nobody_decided(booking: Booking, *, actor: Actor, now: datetime) -> None:
    refunding.refund_in_full(booking, Verb.NOBODY_DECIDED, actor=actor, now=now)
