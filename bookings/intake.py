"""Makes bookings, for the checkout, the import and the demo alike.

Three rows belong together: the booking, what was paid for it, and the first line of its history.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction

from bookings import clocks, places
from bookings.models import Booking, Expert, Follower, Payment, Service, TimelineEvent
from bookings.models.booking import new_code
from bookings.policy import Policy
from bookings.states import Actor, ActorKind, State

BY_FOLLOWER = Actor(ActorKind.FOLLOWER)
CHECKOUT = "checkout"
"""The origin of a booking that was bought here just now: both sides are told by e-mail."""


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """How a call was paid. `returned_minor` went back before the booking came to us."""

    provider: str
    provider_ref: str
    paid_at: datetime
    method: str = ""
    returned_minor: int = 0


@dataclass(frozen=True, slots=True)
class BuyerFacts:
    """What somebody entered about themselves with this booking; empty for what they left out."""

    name: str
    time_zone: str = ""
    clock: str = ""


@dataclass(frozen=True, slots=True)
class NewBooking:
    """The rows of one booking, not saved yet."""

    booking: Booking
    payment: Payment | None
    events: tuple[TimelineEvent, ...]


def draft(
    *,
    expert: Expert,
    follower: Follower,
    service: Service,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    price_minor: int,
    currency: str,
    payment: PaymentFacts | None,
    external_ref: str = "",
    place: str | None = None,
    answers: Sequence[tuple[str, str]] = (),
    limits: Policy | None = None,
    actor: Actor = BY_FOLLOWER,
    state: State = State.SCHEDULED,
    origin: str = "",
    buyer: BuyerFacts | None = None,
) -> NewBooking:
    """Nothing is written. Without a `place` the call is where the service says.

    `state` other than scheduled is for calls whose history is elsewhere.
    """
    limits = limits or Policy.in_force()
    booking = Booking(
        expert=expert,
        follower=follower,
        **(_own_words(buyer, follower) if buyer else {}),
        service=service,
        service_title=service.title,
        place=places.of_booking(service) if place is None else place,
        answers=[list(pair) for pair in answers],
        price_minor=price_minor,
        currency=currency,
        external_ref=external_ref,
        starts_at=starts_at,
        ends_at=ends_at,
        busy_until=clocks.after(ends_at, timedelta(minutes=expert.buffer_minutes)),
        state=state,
        next_reminder_at=clocks.first_reminder_at(
            state=state, ends_at=ends_at, limits=limits, now=now
        ),
        policy=limits.to_json(),
        created_at=now,
        updated_at=now,
    )
    return NewBooking(
        booking,
        _payment(booking, payment, now=now),
        _events(booking, payment, actor=actor, now=now, origin=origin),
    )


def _own_words(buyer: BuyerFacts, follower: Follower) -> dict[str, str]:
    return {
        "buyer_name": "" if buyer.name == follower.name else buyer.name,
        "buyer_zone": "" if buyer.time_zone == follower.time_zone else buyer.time_zone,
        "buyer_clock": "" if buyer.clock == follower.clock else buyer.clock,
    }


def create(new: NewBooking) -> Booking:
    """Save one. IntegrityError when the expert's time is taken or a reference is used."""
    save([new])
    return new.booking


TRIES = 5
_CODE_IS_TAKEN = ("bookings_booking_code_key", "bookings_booking.code")
"""As PostgreSQL and as SQLite say it."""


def save(drafts: list[NewBooking]) -> None:
    """All or none of them, in one transaction; after a refusal they can be saved again.

    Codes are drawn at random: of ten million bookings one in three thousand draws a taken one,
    and another is drawn.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                return _save(drafts)
        except DatabaseError as error:
            for row in (*(new.booking for new in drafts), *_belongings(drafts)):
                row.pk = None  # Django keeps the keys of rows that were taken back
                row._state.adding = True
            if not tries_left or not any(name in str(error) for name in _CODE_IS_TAKEN):
                raise
            for new in drafts:
                new.booking.code = new_code()


def _save(drafts: list[NewBooking]) -> None:
    Booking.objects.bulk_create([new.booking for new in drafts])
    for row in _belongings(drafts):
        row.booking = row.booking  # takes the new key over
    Payment.objects.bulk_create([new.payment for new in drafts if new.payment])
    TimelineEvent.objects.bulk_create([event for new in drafts for event in new.events])


def _belongings(drafts: list[NewBooking]) -> Iterator[Payment | TimelineEvent]:
    for new in drafts:
        if new.payment is not None:
            yield new.payment
        yield from new.events


def _payment(booking: Booking, facts: PaymentFacts | None, *, now: datetime) -> Payment | None:
    if facts is None or booking.price_minor == 0:
        return None
    return Payment(
        booking=booking,
        provider=facts.provider,
        provider_ref=facts.provider_ref,
        method=facts.method,
        currency=booking.currency,
        captured_minor=booking.price_minor,
        returned_external_minor=facts.returned_minor,
        paid_at=facts.paid_at,
        next_compare_at=clocks.next_compare_at(facts.paid_at, now=now),
    )


def _events(
    booking: Booking, facts: PaymentFacts | None, *, actor: Actor, now: datetime, origin: str
) -> tuple[TimelineEvent, ...]:
    booked = TimelineEvent(
        booking=booking,
        verb="booked",
        actor_kind=actor.kind,
        actor_id=actor.user_id,
        data={
            "starts_at": booking.starts_at.isoformat(),
            "price_minor": booking.price_minor,
            "currency": booking.currency,
            **({"method": facts.method} if facts and facts.method else {}),
            **({"origin": origin} if origin else {}),
        },
        request_key=actor.request_key,
        at=now,
    )
    if booking.state == State.SCHEDULED:
        return (booked,)
    imported = TimelineEvent(
        booking=booking,
        verb="imported",
        from_state=State.SCHEDULED,
        to_state=booking.state,
        actor_kind=ActorKind.SYSTEM,
        at=now,
    )
    return (booked, imported)
