"""Selling a call: the time is kept, the follower pays, the booking is made, exactly once.

Whoever brings the news (a webhook, the follower coming back, or the sweep) only makes us ask the
provider; what it answers is written down in one transaction. Money for a time that somebody else
has got by then goes back through the refund engine, from a booking that was never to be.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse

from bookings import clocks, emails, intake, refunds, slots, timeline
from bookings.gateways import NotTaken, Order, Paid, till_of
from bookings.models import (
    Booking,
    Checkout,
    CheckoutState,
    Expert,
    Follower,
    Payment,
    Provider,
    Service,
)
from bookings.states import SYSTEM, State, TransitionNotAllowed

logger = logging.getLogger(__name__)

HELD_FOR = timedelta(minutes=15)
ASK_AFTER = [timedelta(minutes=m) for m in (1, 3, 7, 15, 30, 60, 180, 1440, 4320)]
"""since it began; the one at 15 minutes lets the time go"""
MOST_HELD = 3
"""times that one address may keep at once"""
KEPT_FOR = timedelta(days=90)
"""purchases that came to nothing hold a name and an address: no longer than this"""


@dataclass(frozen=True, slots=True)
class Buyer:
    name: str
    email: str
    time_zone: str
    clock: str


# --- the time is kept --------------------------------------------------------------------------


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
    if Checkout.objects.holding(now).filter(email__iexact=buyer.email).count() >= MOST_HELD:
        raise TransitionNotAllowed(
            "too_often", "You are buying several calls already. Finish one of them first."
        )
    # What has run out and was not swept yet no longer keeps the time.
    stale = Checkout.objects.filter(expert=expert, starts_at=starts_at, state=CheckoutState.OPEN)
    stale.update(state=CheckoutState.EXPIRED)
    is_free = service.price_minor == 0
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
        next_poll_at=None if is_free else now + ASK_AFTER[0],
        created_at=now,
    )
    if is_free:
        _book(checkout, None, now=now)
    return checkout


def _taken() -> TransitionNotAllowed:
    return TransitionNotAllowed("taken", "This time has just been taken. Choose another one.")


# --- the follower pays -------------------------------------------------------------------------


def open_order(checkout: Checkout, *, now: datetime) -> Checkout:
    """Have something to pay at the provider, outside of any transaction.

    TransitionNotAllowed when it refuses; any other exception means: try again, with this one.
    """
    if checkout.provider_ref or checkout.state != CheckoutState.OPEN or not checkout.provider:
        return checkout
    if checkout.provider == Provider.SANDBOX:
        return checkout
    till = till_of(checkout.provider)
    try:
        if till is None:
            raise NotTaken(f"No keys for {checkout.provider}.")
        opened = till.open(_order(checkout))
    except NotTaken as no:
        logger.warning("checkout %s is not taken: %s", checkout.pk, no)
        _let_go(checkout, str(no))
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
        email=checkout.email,
        created_at=checkout.created_at,
        success_url=f"{page}?paid=1",
        cancel_url=page,
    )


def give_up(checkout: Checkout) -> None:
    """The follower would rather have another time. What is paid all the same is found."""
    _let_go(checkout, "given up")


def _let_go(checkout: Checkout, why: str) -> bool:
    changed = Checkout.objects.filter(pk=checkout.pk, state=CheckoutState.OPEN).update(
        state=CheckoutState.EXPIRED, last_error=why[:500]
    )
    return bool(changed)


# --- somebody asks whether it was paid ---------------------------------------------------------


def ask(checkout: Checkout, *, now: datetime) -> Checkout:
    """Ask the provider and write down what it says. May raise when it does not answer."""
    till = till_of(checkout.provider)
    if till is not None and checkout.provider_ref:
        for paid in till.paid(checkout.provider_ref):
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
        agreed = (checkout.price_minor, checkout.currency)
        if checkout.booking is None and (paid.amount_minor, paid.currency) == agreed:
            try:
                with transaction.atomic():
                    return _book(checkout, paid, now=now)
            except IntegrityError as error:
                if "booking_no_overlap" not in str(error):
                    raise
                logger.info("checkout %s: the time is gone", checkout.pk)
        return _send_back(checkout, paid, now=now)


def _book(checkout: Checkout, paid: Paid | None, *, now: datetime) -> Booking:
    new = _draft(checkout, paid, now=now, state=State.SCHEDULED)
    intake.save([new])
    _close(checkout, new.booking, CheckoutState.PAID)
    for event in new.events:
        emails.queue_for(event, booking=new.booking, now=now, not_before=now)
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
    refunds.request(booking, event=event, amount_minor=paid.amount_minor, now=now, not_before=now)
    emails.queue_for(event, booking=booking, now=now, not_before=now)
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
    """The one with this address. Their name stays: anybody can write an address into a form."""
    known = Follower.objects.filter(email__iexact=checkout.email)
    if (follower := known.first()) is None:
        try:
            with transaction.atomic():
                return Follower.objects.create(
                    name=checkout.name,
                    email=checkout.email,
                    time_zone=checkout.time_zone,
                    clock=checkout.clock,
                )
        except IntegrityError:
            follower = known.get()
    follower.time_zone, follower.clock = checkout.time_zone, checkout.clock
    follower.save(update_fields=["time_zone", "clock"])
    return follower


# --- nobody has told us anything ---------------------------------------------------------------


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
        checkout = ask(checkout, now=now)
    finally:
        if checkout.expires_at <= now and _let_go(checkout, "not paid in time"):
            _close_order(checkout)
    return True


def _close_order(checkout: Checkout) -> None:
    """A courtesy: whoever pays all the same gets the time if it is free, or the money back."""
    till = till_of(checkout.provider)
    if till is None or not checkout.provider_ref:
        return
    try:
        till.close(checkout.provider_ref)
    except Exception as error:
        logger.info("checkout %s stays open at the provider: %s", checkout.pk, error)


def forget_old(*, now: datetime) -> int:
    """Delete purchases that came to nothing, with the name and address in them."""
    nothing = Checkout.objects.filter(state=CheckoutState.EXPIRED, next_poll_at=None)
    return nothing.filter(created_at__lt=now - KEPT_FOR).delete()[0]
