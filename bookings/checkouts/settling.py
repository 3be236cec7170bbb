"""Asking the provider, and writing down what it says: a booking, or money that goes back.

While nobody has told us anything, the sweep asks about every purchase, again and again.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
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
    PlaceKind,
    Provider,
)
from bookings.states import SYSTEM, State

logger = logging.getLogger(__name__)

FIRST_ASKED_AFTER = timedelta(minutes=1)
ASK_AFTER = [
    FIRST_ASKED_AFTER,
    *(timedelta(minutes=minutes) for minutes in (3, 7, 15, 30, 60, 180, 1440, 4320)),
]
"""Counted from the beginning of a purchase. The one at 15 minutes lets the time go."""
WORRYING = 6
"""It was asked so often, for an hour, and never with success."""
"""Purchases that came to nothing hold a name and an address, which are kept no longer."""
FORGET_AT_MOST = 1000


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
        paid = Paid(reference, checkout.price_minor, checkout.currency, "Sandbox", now)
        settle(checkout, paid, now=now)
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
        payment=intake.PaymentFacts(
            provider=checkout.provider,
            provider_ref=paid.provider_ref,
            paid_at=paid.paid_at,
            method=paid.method,
        )
        if paid
        else None,
        state=state,
        place=_place(checkout),
        answers=checkout.answered,
        origin=intake.CHECKOUT if state == State.SCHEDULED else "",
        buyer=intake.BuyerFacts(checkout.name, checkout.time_zone, checkout.clock),
    )


def _place(checkout: Checkout) -> str | None:
    """As it was when the purchase began. Only one of an earlier release, which knew addresses and
    nothing else, is where the service says now."""
    is_older = not checkout.place and checkout.service.place_kind == PlaceKind.ADDRESS
    return None if is_older else checkout.place


def _close(checkout: Checkout, booking: Booking, state: CheckoutState) -> None:
    checkout.booking, checkout.state = booking, state
    checkout.next_poll_at = None
    checkout.save(update_fields=["booking", "state", "next_poll_at"])


def _follower(checkout: Checkout) -> Follower:
    """The one with this address, unchanged: anybody can write an address into a form. Locked, so
    that they are not erased before the booking is written."""
    known = Follower.objects.with_address(checkout.email).select_for_update(no_key=True)
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


# --- asking without being told --------------------------------------------------------------------


def poll(checkout_id: int, *, now: datetime) -> bool:
    """The next of the steps in `ASK_AFTER`. False when somebody else takes it."""
    checkout = Checkout.objects.with_expert().filter(pk=checkout_id).to_ask_about(now).first()
    if checkout is None:
        return False
    step = min(checkout.polls + 1, len(ASK_AFTER))
    following = checkout.created_at + ASK_AFTER[step] if step < len(ASK_AFTER) else None
    claimed = Checkout.objects.filter(pk=checkout.pk, polls=checkout.polls).update(
        polls=step, next_poll_at=following and max(following, now + timedelta(seconds=30))
    )
    if not claimed:
        return False
    try:
        if checkout.provider_ref and orders_at(checkout.provider) is None:
            raise LookupError(f"There are no keys for {checkout.provider!r}.")
        checkout = ask(checkout, now=now)
    except Exception as error:
        _note(checkout, f"{type(error).__name__}: {error}", is_worrying=step >= WORRYING, now=now)
        raise
    finally:
        if checkout.expires_at <= now and let_go(checkout, "not paid in time"):
            close_order(checkout)
    return True


def _note(checkout: Checkout, why: str, *, is_worrying: bool, now: datetime) -> None:
    """It could not be asked about, or what was said could not be written down. Somebody may have
    paid: after a while staff is told, once."""
    Checkout.objects.filter(pk=checkout.pk).update(last_error=why[:500])
    if is_worrying:
        facts = {"checkout": checkout.pk, "why": why[:500]}
        emails.queue("staff_purchase_unclear", now=now, dedupe=str(checkout.pk), facts=facts)


def forget_old(*, now: datetime) -> int:
    """Delete purchases that came to nothing, with the name and address in them; the oldest first,
    and the rest next time."""
    nothing = Checkout.objects.filter(state=CheckoutState.EXPIRED, next_poll_at=None)
    old = nothing.filter(created_at__lt=now - settings.KEEP_PURCHASES).order_by("created_at")
    return nothing.filter(pk__in=old.ids(FORGET_AT_MOST)).delete()[0]


# --- letting go -----------------------------------------------------------------------------------


def let_go(checkout: Checkout, why: str) -> bool:
    changed = Checkout.objects.filter(pk=checkout.pk, state=CheckoutState.OPEN).update(
        state=CheckoutState.EXPIRED, last_error=why[:500]
    )
    return bool(changed)


def close_order(checkout: Checkout) -> None:
    """A courtesy: whoever pays all the same gets the time if it is free, or the money back."""
    orders = orders_at(checkout.provider)
    if orders is None or not checkout.provider_ref:
        return
    try:
        orders.close(checkout.provider_ref)
    except Exception as error:
        logger.info("checkout %s stays open at the provider: %s", checkout.pk, error)
