"""Asking the provider, and writing down what it says: a booking, or money that goes back."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime

from django.db import IntegrityError, transaction

from bookings import addresses, emails, intake, refunds, slots, timeline
from bookings.gateways import Paid, orders_at
from bookings.models import (
    Booking,
    Checkout,
    CheckoutState,
    Expert,
    Follower,
    Payment,
    Provider,
)
from bookings.states import SYSTEM, State

logger = logging.getLogger(__name__)


def ask(checkout: Checkout, *, now: datetime) -> Checkout:
    """Ask the provider and write down what it says. May raise when it does not answer."""
    orders = orders_at(checkout.provider)
    if orders is not None and checkout.provider_ref:
        for paid in orders.paid(checkout.provider_ref):
            settle(checkout, paid, now=now)
        checkout.refresh_from_db()
    return checkout


def pay_in_sandbox(checkout: Checkout, *, now: datetime) -> Checkout:
    """The button of the sandbox's own page: it pays what is open, and only there."""
    if checkout.provider == Provider.SANDBOX and checkout.state == CheckoutState.OPEN:
        reference = f"sandbox_{checkout.key}"
        settle(
            checkout,
            Paid(reference, checkout.price_minor, checkout.currency, "Sandbox", now),
            now=now,
        )
        checkout.refresh_from_db()
    return checkout


def settle(checkout: Checkout, paid: Paid, *, now: datetime) -> Booking | None:
    """Money came in: make the booking, or send it back. None when that was done before."""
    with transaction.atomic():
        # The expert first, as everywhere a time is claimed; it also puts two of us in a row.
        Expert.objects.select_for_update(no_key=True).get(pk=checkout.expert_id)
        checkout = Checkout.objects.with_expert().get(pk=checkout.pk)
        known = Payment.objects.filter(provider=checkout.provider, provider_ref=paid.provider_ref)
        if known.exists():
            return None
        if _may_book(checkout, paid, now=now):
            try:
                with transaction.atomic():
                    return book(checkout, paid, now=now)
            except IntegrityError as error:
                if "booking_no_overlap" not in str(error):
                    raise
                logger.info("checkout %s: the time is gone", checkout.pk)
        return _send_back(checkout, paid, now=now)


def _may_book(checkout: Checkout, paid: Paid, *, now: datetime) -> bool:
    if checkout.booking is not None:
        return False
    if (paid.amount_minor, paid.currency) != (checkout.price_minor, checkout.currency):
        return False
    holds_its_time = checkout.state == CheckoutState.OPEN and now < checkout.expires_at
    # Given up or too late: it must not take what is promised to somebody who pays just now.
    return holds_its_time or not slots.is_kept_for_another(checkout, now=now)


def book(checkout: Checkout, paid: Paid | None, *, now: datetime) -> Booking:
    new = _draft(checkout, paid, now=now, state=State.SCHEDULED)
    intake.save([new])
    _close(checkout, new.booking, CheckoutState.PAID)
    emails.queue_for(new.events, now=now, not_before=now)
    return new.booking


def _send_back(checkout: Checkout, paid: Paid, *, now: datetime) -> Booking:
    """A booking that was never to be, so that its refund is driven and shown like any other."""
    new = _draft(checkout, paid, now=now, state=State.CANCELLED)
    new = replace(new, events=new.events[:1])
    intake.save([new])
    booking = new.booking
    event = timeline.append(
        booking,
        "time_taken",
        actor=SYSTEM,
        at=now,
        from_state=State.SCHEDULED,
        data={
            "refund_minor": paid.amount_minor,
            "currency": paid.currency,
            "is_second": checkout.booking is not None,
        },
    )
    wanted = refunds.Wanted(booking.payment, booking, event, paid.amount_minor)
    refunds.request_all([wanted], now=now, not_before=now)
    emails.queue_for([event], now=now, not_before=now)
    if checkout.booking is None:
        _close(checkout, booking, CheckoutState.REFUNDED)
    return booking


def _draft(
    checkout: Checkout, paid: Paid | None, *, now: datetime, state: State
) -> intake.NewBooking:
    return intake.draft(
        expert=checkout.expert,
        follower=_follower(checkout),
        service=checkout.service,
        starts_at=checkout.starts_at,
        ends_at=checkout.ends_at,
        now=now,
        price_minor=paid.amount_minor if paid else 0,
        currency=paid.currency if paid else checkout.currency,
        payment=_facts(checkout, paid) if paid else None,
        state=state,
        origin=intake.CHECKOUT if state == State.SCHEDULED else "",
        buyer=intake.BuyerFacts(checkout.name, checkout.time_zone, checkout.clock),
    )


def _facts(checkout: Checkout, paid: Paid) -> intake.PaymentFacts:
    return intake.PaymentFacts(
        provider=checkout.provider,
        provider_ref=paid.provider_ref,
        paid_at=paid.paid_at,
        method=paid.method,
    )


def _close(checkout: Checkout, booking: Booking, state: CheckoutState) -> None:
    checkout.booking, checkout.state = booking, state
    checkout.next_poll_at = None
    checkout.save(update_fields=["booking", "state", "next_poll_at"])


def _follower(checkout: Checkout) -> Follower:
    """The one with this address, unchanged: anybody can write an address into a form."""
    known = Follower.objects.with_address(checkout.email)
    if (follower := known.first()) is not None:
        return follower
    try:
        with transaction.atomic():
            return Follower.objects.create(
                name=checkout.name,
                email=addresses.kept(checkout.email),
                time_zone=checkout.time_zone,
                clock=checkout.clock,
            )
    except IntegrityError:
        return known.get()
