"""Keeping the time of a call for somebody who is going to pay for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from bookings import addresses, clocks, slots
from bookings.checkouts.settling import book
from bookings.models import (
    Booking,
    Checkout,
    CheckoutState,
    Expert,
    Follower,
    Service,
)
from bookings.states import HOLDS_A_SLOT, TransitionNotAllowed

HELD_FOR = timedelta(minutes=15)
FIRST_ASKED_AFTER = timedelta(minutes=1)
MOST_HELD = 3
"""times that one address may keep at once; and of an expert's free calls, have to come"""


@dataclass(frozen=True, slots=True)
class Buyer:
    name: str
    email: str
    time_zone: str
    clock: str


def start(
    service: Service,
    *,
    starts_at: datetime,
    buyer: Buyer,
    provider: str,
    request_key: str,
    now: datetime,
) -> Checkout:
    """Keep the time; a free call is booked at once. The same form again: the same checkout."""
    try:
        with transaction.atomic():
            return _start(service, starts_at, buyer, provider, request_key, now)
    except IntegrityError as error:
        if same := Checkout.objects.filter(request_key=request_key).first():
            return same
        raise _taken() from error


def _start(
    service: Service,
    starts_at: datetime,
    buyer: Buyer,
    provider: str,
    request_key: str,
    now: datetime,
) -> Checkout:
    expert = Expert.objects.select_for_update(no_key=True).get(pk=service.expert_id)
    if same := Checkout.objects.filter(request_key=request_key).first():
        return same
    if starts_at not in slots.free_of(service, now=now):
        raise _taken()
    is_free = service.price_minor == 0
    _check_pace(expert, buyer, is_free=is_free, now=now)
    # What has run out and was not swept yet no longer keeps the time.
    stale = Checkout.objects.filter(expert=expert, starts_at=starts_at, state=CheckoutState.OPEN)
    stale.update(state=CheckoutState.EXPIRED)
    checkout = Checkout.objects.create(
        request_key=request_key,
        expert=expert,
        service=service,
        name=buyer.name,
        email=buyer.email,
        time_zone=buyer.time_zone,
        clock=buyer.clock,
        starts_at=starts_at,
        ends_at=clocks.after(starts_at, timedelta(minutes=service.duration_minutes)),
        price_minor=service.price_minor,
        currency=service.currency,
        provider="" if is_free else provider,
        expires_at=now + HELD_FOR,
        next_poll_at=None if is_free else now + FIRST_ASKED_AFTER,
        created_at=now,
    )
    if is_free:
        book(checkout, None, now=now)
    return checkout


def _check_pace(expert: Expert, buyer: Buyer, *, is_free: bool, now: datetime) -> None:
    """A free call is never on its way to being paid: what counts of those is what is to come."""
    mailbox = addresses.identity(buyer.email)
    alike = Checkout.objects.holding(now).filter(email__istartswith=mailbox.partition("@")[0])
    kept = [found for found in alike if addresses.identity(found.email) == mailbox]
    if len(kept) >= MOST_HELD:
        raise TransitionNotAllowed(
            "too_often", "You are buying several calls already. Finish one of them first."
        )
    if not is_free:
        return
    coming = Booking.objects.of_expert(expert).filter(
        follower__in=Follower.objects.with_address(buyer.email),
        price_minor=0,
        state__in=HOLDS_A_SLOT,
        ends_at__gt=now,
    )
    if coming.count() >= MOST_HELD:
        raise TransitionNotAllowed(
            "too_often",
            f"You have several free calls with {expert.first_name} ahead of you already. "
            "You can book another one after the next of them.",
        )


def _taken() -> TransitionNotAllowed:
    return TransitionNotAllowed("taken", "This time has just been taken. Choose another one.")
