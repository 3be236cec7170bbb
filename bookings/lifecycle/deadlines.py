"""What happens by itself when a deadline has passed. The sweep asks; the rule is here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from bookings import rules
from bookings.lifecycle import offers, refunding
from bookings.lifecycle.engine import verb
from bookings.models import Booking
from bookings.states import SYSTEM, WAITING, Actor, State, Verb

_BODIES: Mapping[Verb, Callable[..., None]] = {
    Verb.NO_ANSWER: partial(refunding.end_with_refund, name=Verb.NO_ANSWER),
    Verb.OFFER_LAPSED: offers.lapse,
    Verb.NOBODY_DECIDED: partial(refunding.end_with_refund, name=Verb.NOBODY_DECIDED),
}


def _of_one(body: Callable[..., None]) -> Callable[..., None]:
    def one(booking: Booking, *, actor: Actor, now: datetime) -> None:
        body([booking], actor=actor, now=now)

    return one


VERBS = {name: verb(name)(_of_one(body)) for name, body in _BODIES.items()}


def run_deadline(booking_id: int, *, state: str, now: datetime) -> Booking:
    """Do what the passed deadline of a booking in `state` asks for; refused if it has not."""
    return VERBS[WAITING[State(state)].at_deadline](booking_id, actor=SYSTEM, now=now)


def run_deadlines(bookings: Sequence[Booking], *, now: datetime) -> int:
    """The same for all of these, which the caller has locked; how many have moved.

    One that is not due by its own limits stays as it is. Nobody is woken: the sweep itself
    drives what this has made.
    """
    moved = 0
    for state, waiting in WAITING.items():
        name = waiting.at_deadline
        of_state = [booking for booking in bookings if booking.state == state]
        ready = [b for b in of_state if rules.allows(b, name, SYSTEM, now=now)]
        if ready:
            _BODIES[name](ready, actor=SYSTEM, now=now)
            moved += len(ready)
    return moved
