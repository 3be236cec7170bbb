"""Selling a call: the time is kept, the follower pays, the booking is made, exactly once.

Here the time is kept for somebody who is going to pay, and they get something to pay. Whoever
brings the news that they have paid (a webhook, the follower coming back, or the sweep) only makes
us ask the provider; `settling` writes down its answer in one transaction. Money for a time that
somebody else has got by then goes back through the refund engine, from a booking that was never to
be.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse

from bookings import addresses, clocks, formats, places, slots
from bookings.checkouts.settling import (
    FIRST_ASKED_AFTER,
    ask,
    book,
    close_order,
    let_go,
    pay_in_sandbox,
)
from bookings.gateways import NotTaken, Order, orders_at
from bookings.models import (
    Booking,
    Checkout,
    CheckoutState,
    Expert,
    Follower,
    Provider,
    Service,
)
from bookings.states import HOLDS_A_SLOT, TransitionNotAllowed

logger = logging.getLogger(__name__)

HELD_FOR = timedelta(minutes=15)
MOST_HELD = 3
"""So many times one address may keep at once, and so many free calls of an expert may lie ahead."""


@dataclass(frozen=True, slots=True)
class Buyer:
    """What somebody says about themselves: `answers` to the service's questions, and the
    telephone `number` where the expert calls it."""

    name: str
    email: str
    time_zone: str
    clock: str
    answers: tuple[tuple[str, str], ...] = ()
    number: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a form asks for."""

    service: Service
    starts_at: datetime
    buyer: Buyer
    provider: str

    def is_of(self, checkout: Checkout) -> bool:
        """Zone and clock apart: they change how a time is shown, not what is bought."""
        who = self.buyer.name, self.buyer.email, [list(pair) for pair in self.buyer.answers]
        return (self.service.pk, self.starts_at, *who, self.provider) == (
            checkout.service_id, checkout.starts_at, checkout.name, checkout.email,
            checkout.answers, checkout.provider,
        )  # fmt: skip


def start(
    service: Service,
    *,
    starts_at: datetime,
    buyer: Buyer,
    provider: str,
    request_key: str,
    now: datetime,
) -> Checkout:
    """Keep the time; a free call is booked at once.

    The same form again is the same checkout; with something else in it, it takes its place.
    """
    wanted = Wanted(service, starts_at, buyer, provider if service.price_minor else "")
    try:
        with transaction.atomic():
            expert = Expert.objects.select_for_update(no_key=True).get(pk=service.expert_id)
            before = Checkout.objects.filter(request_key=request_key).first()
            if before is not None and wanted.is_of(before):
                return _shown_as_asked(before, buyer)
            if before is not None:
                _make_room(before, wanted, now=now)
            checkout = _start(expert, wanted, request_key, now)
    except IntegrityError as error:
        same = Checkout.objects.filter(request_key=request_key).first()
        if same is not None and wanted.is_of(same):
            return same
        raise _taken() from error
    if before is not None:
        close_order(before)
    return checkout


def _shown_as_asked(checkout: Checkout, buyer: Buyer) -> Checkout:
    if (checkout.time_zone, checkout.clock) != (buyer.time_zone, buyer.clock):
        checkout.time_zone, checkout.clock = buyer.time_zone, buyer.clock
        checkout.save(update_fields=["time_zone", "clock"])
    return checkout


def _make_room(before: Checkout, wanted: Wanted, *, now: datetime) -> None:
    """Let go of what the form was sent with first, unless that is booked."""
    if before.service_id != wanted.service.pk:
        raise TransitionNotAllowed(
            "changed", "This form was sent for another call. Send it again to buy this one."
        )
    if before.state == CheckoutState.PAID:
        at = formats.moment(before.starts_at, before.time_zone, before.clock, now)
        raise TransitionNotAllowed(
            "booked",
            f"Your call is booked already: {at} ({formats.zone_place(before.time_zone)}), "
            f"for {before.name}, {before.email}. Nothing else was booked. "
            "Send the form again to book one more.",
        )
    let_go(before, "sent again with something else in it")
    Checkout.objects.filter(pk=before.pk).update(request_key=f"replaced-{before.pk}")


def _start(expert: Expert, wanted: Wanted, request_key: str, now: datetime) -> Checkout:
    service, starts_at, buyer = wanted.service, wanted.starts_at, wanted.buyer
    if starts_at not in slots.free_of(service, now=now):
        raise _taken()
    if expert.is_paused:
        raise TransitionNotAllowed(
            "paused", f"{expert.first_name} takes no new bookings at the moment."
        )
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
        place=places.of_booking(service, number=buyer.number),
        answers=[list(pair) for pair in buyer.answers],
        price_minor=service.price_minor,
        currency=service.currency,
        provider=wanted.provider,
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


# --- something to pay at the provider -------------------------------------------------------------


def open_order(checkout: Checkout, *, now: datetime) -> Checkout:
    """Have something to pay at the provider, outside of any transaction.

    TransitionNotAllowed when it refuses; any other exception means: try again, with this one.
    """
    is_elsewhere = checkout.provider not in ("", Provider.SANDBOX)
    if checkout.provider_ref or checkout.state != CheckoutState.OPEN or not is_elsewhere:
        return checkout
    orders = orders_at(checkout.provider)
    try:
        if orders is None:
            raise NotTaken(f"No keys for {checkout.provider}.")
        opened = orders.open(_order(checkout))
    except NotTaken as no:
        logger.warning("checkout %s is not taken: %s", checkout.pk, no)
        let_go(checkout, str(no))
        name = Provider(checkout.provider).label
        raise TransitionNotAllowed(
            "refused", f"{name} does not take this payment. Nothing was charged."
        ) from no
    # Two tabs may have opened one each: only the one that is kept can be paid.
    Checkout.objects.filter(pk=checkout.pk, provider_ref="").update(
        provider_ref=opened.provider_ref, pay_url=opened.pay_url
    )
    checkout.refresh_from_db()
    return checkout


def _order(checkout: Checkout) -> Order:
    page = settings.SITE_URL + reverse("checkout", kwargs={"key": checkout.key})
    return Order(
        key=checkout.key,
        title=f"{checkout.service.title} with {checkout.expert.name}"[:250],
        amount_minor=checkout.price_minor,
        currency=checkout.currency,
        email=addresses.for_programs(checkout.email),
        created_at=checkout.created_at,
        success_url=f"{page}?paid=1",
        cancel_url=page,
    )


def give_up(checkout: Checkout) -> None:
    """The follower would rather have another time. What is paid all the same is found.

    Outside of any transaction: the provider is told, where it can close what is to be paid.
    """
    if let_go(checkout, "given up"):
        close_order(checkout)
