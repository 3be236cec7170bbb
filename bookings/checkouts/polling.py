"""Nobody has told us anything: the sweep asks about every purchase, again and again."""

from __future__ import annotations

from datetime import datetime, timedelta

from bookings import emails
from bookings.checkouts.ordering import close_order, let_go
from bookings.checkouts.settling import ask
from bookings.checkouts.starting import FIRST_ASKED_AFTER
from bookings.gateways import orders_at
from bookings.models import (
    Checkout,
    CheckoutState,
)

LATER = (3, 7, 15, 30, 60, 180, 1440, 4320)
"""Minutes."""
ASK_AFTER = [FIRST_ASKED_AFTER, *(timedelta(minutes=minutes) for minutes in LATER)]
"""Counted from its beginning. The one at 15 minutes lets the time go."""
WORRYING = 6
"""It was asked so often, for an hour, and never with success."""
KEPT_FOR = timedelta(days=90)
"""Purchases that came to nothing hold a name and an address, which are kept no longer."""
FORGET_AT_MOST = 1000


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
    old = nothing.filter(created_at__lt=now - KEPT_FOR).order_by("created_at")
    return nothing.filter(pk__in=old.ids(FORGET_AT_MOST)).delete()[0]
