"""A bank dispute: unsent refunds wait while it is open; money lost to it has gone back."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from django.db import transaction

from bookings import timeline
from bookings.models import Payment
from bookings.refunds import holds
from bookings.refunds.outside import is_unsent, lock_refunds, make_room, tell_if_too_much
from bookings.states import SYSTEM

LISTS_LOST_ONES = ("razorpay",)
"""Providers that list a lost dispute as a refund; it is counted there."""


def disputed(
    payment_id: int,
    *,
    status: Literal["open", "won", "lost"],
    now: datetime,
    amount_minor: int | None = None,
) -> bool:
    """What the provider says of the dispute now; False when that is known already.

    A dispute that has ended does not open again, whatever event comes late.
    """
    with transaction.atomic():
        rows = lock_refunds(payment_id)
        payment = Payment.objects.select_for_update(no_key=True).get(pk=payment_id)
        if payment.dispute_ended_at or (status == "open" and payment.is_disputed):
            return False
        payment.is_disputed = status == "open"
        payment.dispute_ended_at = None if status == "open" else now
        if status == "lost" and payment.provider not in LISTS_LOST_ONES:
            lost = _lost_minor(payment, amount_minor)
            payment.dispute_lost_minor = lost
            payment.returned_external_minor += lost
        payment.save(
            update_fields=[
                "is_disputed", "dispute_ended_at", "dispute_lost_minor", "returned_external_minor",
            ]
        )  # fmt: skip
        _note(payment, status, now=now)
        if status == "open":
            for row in rows:
                if is_unsent(row) and not row.hold_reason:
                    holds.hold(row, holds.DISPUTE, now=now)
            return True
        if status == "lost":
            make_room(payment, rows, now=now)
            tell_if_too_much(payment, now=now)
        holds.let_go(holds.DISPUTE, now=now, note=f"Dispute {status}.", payment_id=payment_id)
    return True


def _lost_minor(payment: Payment, amount_minor: int | None) -> int:
    """A dispute is about the whole payment unless the provider says otherwise."""
    return payment.captured_minor if amount_minor is None else amount_minor


def _note(payment: Payment, status: str, *, now: datetime) -> None:
    verb = {"open": "dispute_opened", "won": "dispute_won", "lost": "dispute_lost"}[status]
    data = {"amount_minor": payment.dispute_lost_minor, "currency": payment.currency}
    timeline.append(payment.booking, verb, actor=SYSTEM, at=now, data=data)
