"""A bank dispute: unsent refunds wait while it is open; money lost to it has gone back.

An event only names a dispute; what is so is asked. While nobody can be asked, what is unsent
waits all the same: that costs nothing.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from bookings.gateways import Dispute, DisputeStatus, Gateway, ListedRefund, gateway_of
from bookings.models import Payment, Refund
from bookings.refunds import holds
from bookings.refunds.reconciling import (
    LISTS_LOST_ONES,
    external_minor,
    hold_unsent,
    lock,
    make_room,
    note,
    tell_if_too_much,
    tell_staff,
)


def hear_of_dispute(
    payment_id: int, dispute_id: str, *, may_take_money: bool, now: datetime
) -> bool:
    """Ask about a dispute that an event names, and write down what it does to the refunds.

    False when that is known already. Raises when the provider could not be asked.
    """
    payment = Payment.objects.get(pk=payment_id)
    gateway = gateway_of(payment.provider)
    if gateway is None:
        return False
    try:
        found = _ask(gateway, payment, dispute_id)
        # One that has ended may be followed by another. Asked again, so that it is not an
        # answer from before the end.
        ended = Payment.objects.filter(pk=payment_id, dispute_ended_at__isnull=False)
        is_another = bool(found and found.status == "open" and ended.exists())
        if is_another:
            found = _ask(gateway, payment, dispute_id)
        is_lost = bool(found and found.status == "lost")
        listed = gateway.list_refunds(payment.provider_ref, now=now) if is_lost else None
    except Exception:
        if may_take_money:
            disputed(payment_id, status="open", now=now)
        raise
    if found is None:
        return False
    return disputed(
        payment_id,
        status=found.status,
        amount_minor=found.amount_minor,
        listed=listed,
        is_another=is_another,
        now=now,
    )


def _ask(gateway: Gateway, payment: Payment, dispute_id: str) -> Dispute | None:
    """None for a dispute of some other payment."""
    found = gateway.fetch_dispute(dispute_id, currency=payment.currency)
    return found if found and payment.provider_ref in found.payment_refs else None


def disputed(
    payment_id: int,
    *,
    status: DisputeStatus,
    now: datetime,
    amount_minor: int | None = None,
    listed: list[ListedRefund] | None = None,
    is_another: bool = False,
) -> bool:
    """What the provider says of the dispute now; False when that is known already.

    `listed` are all refunds of the payment, among them perhaps what a lost dispute took. A
    dispute that has ended does not open again, unless it is certainly another one; that one is
    for a person to close.
    """
    with transaction.atomic():
        rows, payment = lock(payment_id)
        is_first = payment.dispute_ended_at is None
        # A dispute is about the whole payment unless the provider says otherwise.
        whole = payment.captured_minor if amount_minor is None else amount_minor
        lost = whole if status == "lost" else 0
        if status == "open":
            is_news = not payment.is_disputed and (is_first or is_another)
        else:
            is_news = is_first or lost > payment.dispute_lost_minor
        if not is_news:
            return False
        if status == "open":
            payment.is_disputed = True
        else:
            payment.is_disputed = payment.is_disputed and not is_first
            payment.dispute_ended_at = now
        if status == "lost":
            _count_lost(payment, lost, rows, listed)
        payment.save(
            update_fields=[
                "is_disputed", "dispute_ended_at", "dispute_lost_minor", "returned_external_minor",
            ]
        )  # fmt: skip
        verb = {"open": "dispute_opened", "won": "dispute_won", "lost": "dispute_lost"}[status]
        note(payment, verb, payment.dispute_lost_minor, now=now)
        if status == "lost":
            make_room(payment, rows, now=now)
            tell_if_too_much(payment, now=now)
            tell_staff(payment.booking, now=now, why=f"dispute lost, {lost}")
        if _waits(payment, status):
            hold_unsent(payment_id, holds.DISPUTE, now=now)
        elif is_first:
            holds.let_go(holds.DISPUTE, now=now, note=f"Dispute {status}.", payment_id=payment_id)
    return True


def _count_lost(
    payment: Payment, lost: int, rows: list[Refund], listed: list[ListedRefund] | None
) -> None:
    more = max(0, lost - payment.dispute_lost_minor)
    payment.dispute_lost_minor += more
    if listed is None:
        payment.returned_external_minor += more
    else:
        payment.returned_external_minor = external_minor(payment, listed, rows)


def _waits(payment: Payment, status: DisputeStatus) -> bool:
    """Whether what is unsent and still fits is for a person to let go: while a dispute is open,
    and where it cannot be told for certain which entry of a list a lost one is."""
    return status == "open" or (status == "lost" and payment.provider in LISTS_LOST_ONES)
