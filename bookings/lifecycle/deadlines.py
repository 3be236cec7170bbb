"""What happens by itself when a deadline has passed. The sweep asks; the rule is here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bookings import rules
from bookings.lifecycle import offers, refunding
from bookings.lifecycle.engine import in_transaction, verb
from bookings.models import Booking
from bookings.models.booking import BookingQuerySet
from bookings.states import SYSTEM, Actor, State, Verb


def _no_answer(bookings: Sequence[Booking], *, actor: Actor, now: datetime) -> None:
    refunding.refund_in_full(bookings, Verb.NO_ANSWER, actor=actor, now=now)


def _nobody_decided(bookings: Sequence[Booking], *, actor: Actor, now: datetime) -> None:
    refunding.refund_in_full(bookings, Verb.NOBODY_DECIDED, actor=actor, now=now)


_BODIES: Mapping[Verb, Callable[..., None]] = {
    Verb.NO_ANSWER: _no_answer,
    Verb.OFFER_LAPSED: offers.lapse,
    Verb.NOBODY_DECIDED: _nobody_decided,
}
AT_DEADLINE = {
    State.NO_SHOW_REPORTED: Verb.NO_ANSWER,
    State.RESCHEDULE_OFFERED: Verb.OFFER_LAPSED,
    State.CONTESTED: Verb.NOBODY_DECIDED,
}


def _of_one(body: Callable[..., None]) -> Callable[..., None]:
    def one(booking: Booking, *, actor: Actor, now: datetime) -> None:
        body([booking], actor=actor, now=now)

    return one


VERBS = {name: verb(name)(_of_one(body)) for name, body in _BODIES.items()}


def run_deadline(booking_id: int, *, state: str, now: datetime) -> Booking:
    """Do what the passed deadline of a booking in `state` asks for; refused if it has not."""
    return VERBS[AT_DEADLINE[State(state)]](booking_id, actor=SYSTEM, now=now)


@dataclass(frozen=True, slots=True)
class Batch:
    looked_at: int
    moved: int
    last: tuple[datetime, int] | None
    """deadline and id of the last one looked at"""


def run_deadlines(due: BookingQuerySet, *, now: datetime) -> Batch:
    """The same for all of `due` (bounded, by deadline and id) in one transaction.

    A booking that somebody else holds is left to them, one that is not due by its own limits
    stays as it is. Nobody is woken: the sweep itself drives what this has made.
    """

    def once() -> Batch:
        bookings = list(due.locked_for_us())
        last = (bookings[-1].deadline_at or now, bookings[-1].pk) if bookings else None
        moved = 0
        for state, name in AT_DEADLINE.items():
            of_state = [booking for booking in bookings if booking.state == state]
            ready = [b for b in of_state if rules.allows(b, name, SYSTEM, now=now)]
            if ready:
                _BODIES[name](ready, actor=SYSTEM, now=now)
                moved += len(ready)
        return Batch(len(bookings), moved, last)

    return in_transaction(once, "sweep")
