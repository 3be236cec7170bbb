"""Which booking a verb is about, and its lock."""

from __future__ import annotations

from dataclasses import dataclass

from bookings.models import Booking, Expert
from bookings.models.booking import BookingQuerySet
from bookings.states import Actor, TransitionNotAllowed


@dataclass(frozen=True, slots=True)
class Own:
    """The booking of this code, if it is this expert's; its payment is loaded, too."""

    expert: Expert
    code: str


Which = int | Own
"""The id of a booking, or what a page knows of it: one statement finds and locks it."""


def lock(which: Which, *, claims_slot: bool = False) -> Booking:
    """The row, locked on PostgreSQL; SQLite has one writer, and `transition` checks anyway."""
    if claims_slot:
        expert_of = _rows(which).values("expert_id")
        Expert.objects.select_for_update(no_key=True).filter(pk__in=expert_of).first()
    booking = _loaded(_rows(which).select_for_update(of=("self",), no_key=True), which)
    if booking is None:
        raise TransitionNotAllowed("not_yours", "There is no such booking.")
    return booking


def acted_before(which: Which, actor: Actor) -> Booking | None:
    """The same form sent twice: the first one acted, the second one shows the result."""
    if not actor.request_key:
        return None
    return _loaded(_rows(which).filter(events__request_key=actor.request_key), which)


def _rows(which: Which) -> BookingQuerySet:
    if isinstance(which, Own):
        return Booking.objects.of_expert(which.expert).filter(code=which.code)
    return Booking.objects.filter(pk=which)


def _loaded(rows: BookingQuerySet, which: Which) -> Booking | None:
    if not isinstance(which, Own):
        return rows.with_people().first()
    booking = rows.select_related("follower", "payment").first()
    if booking:
        booking.expert = which.expert
    return booking
