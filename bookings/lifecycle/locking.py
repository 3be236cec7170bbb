"""Finding the booking that a verb is about, and locking it."""

from __future__ import annotations

from dataclasses import dataclass

from bookings.compiled import Compiled
from bookings.models import Booking, Expert
from bookings.models.booking import BookingQuerySet
from bookings.states import Actor, TransitionNotAllowed


def _own(expert_id: int, code: str) -> BookingQuerySet:
    own = Booking.objects.filter(expert_id=expert_id, code=code)
    return own.select_related("follower", "payment")


def _locked(rows: BookingQuerySet) -> BookingQuerySet:
    return rows.select_for_update(of=("self",), no_key=True)


_OWN = Compiled(_own, 1, "TM-0000000")
_OWN_LOCKED = Compiled(lambda expert_id, code: _locked(_own(expert_id, code)), 1, "TM-0000000")


@dataclass(frozen=True, slots=True)
class Own:
    """The booking of this code, if it is this expert's; its payment is loaded, too."""

    expert: Expert
    code: str

    def find(self, *, to_lock: bool = False) -> Booking | None:
        query = _OWN_LOCKED if to_lock else _OWN
        booking = query.first(self.expert.pk, self.code)
        if booking is not None:
            booking.expert = self.expert
        return booking


BookingRef = int | Own
"""The id of a booking, or what a page knows of it: one statement finds and locks it."""


def lock(booking_ref: BookingRef, *, claims_slot: bool = False) -> Booking:
    """The row, locked on PostgreSQL; SQLite has one writer, and `transition` checks anyway."""
    if claims_slot:
        _lock_expert(booking_ref)
    if isinstance(booking_ref, Own):
        booking = booking_ref.find(to_lock=True)
    else:
        booking = _locked(Booking.objects.with_people().filter(pk=booking_ref)).first()
    if booking is None:
        raise TransitionNotAllowed("not_yours", "There is no such booking.")
    return booking


def _lock_expert(booking_ref: BookingRef) -> None:
    experts = Expert.objects.select_for_update(no_key=True)
    if isinstance(booking_ref, Own):
        experts.filter(pk=booking_ref.expert.pk).first()
    else:
        experts.filter(pk__in=Booking.objects.filter(pk=booking_ref).values("expert_id")).first()


def acted_before(booking_ref: BookingRef, actor: Actor) -> Booking | None:
    """The same form sent twice: the first one acted, the second one shows the result."""
    if not actor.request_key:
        return None
    if isinstance(booking_ref, Own):
        booking = booking_ref.find()
    else:
        booking = Booking.objects.with_people().filter(pk=booking_ref).first()
    acted = booking and booking.events.filter(request_key=actor.request_key).exists()
    return booking if acted else None
