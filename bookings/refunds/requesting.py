"""Phase one: the refund row, in the transaction that decided it."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from bookings.models import Booking, Payment, Provider, Refund, RefundState, TimelineEvent
from bookings.refunds import breaker, holds, points
from bookings.refunds.recording import tell
from bookings.states import TransitionNotAllowed


def refundable_minor(booking: Booking) -> int:
    """What could go back now, in minor units; the payment row is locked until the end."""
    payment = Payment.objects.select_for_update(no_key=True).filter(booking=booking).first()
    return payment.refundable_minor if payment else 0


def request(
    booking: Booking,
    *,
    event: TimelineEvent,
    amount_minor: int,
    now: datetime,
    not_before: datetime,
) -> Refund | None:
    """One refund for one cause (`event`), not sent before `not_before`; None for nothing.

    The caller has asked `refundable_minor` in the same transaction, so the payment is locked;
    the database refuses more than was captured in any case.
    """
    if amount_minor == 0:
        return None
    payment = Payment.objects.get(booking=booking)
    if not 0 < amount_minor <= payment.refundable_minor:
        raise TransitionNotAllowed("bad_amount", "This is more than can still be refunded.")
    hold_reason = _reason_to_hold(payment, now=now)
    refund = plan(
        payment,
        booking,
        event=event,
        amount_minor=amount_minor,
        now=now,
        not_before=not_before,
        hold_reason=hold_reason,
    )
    points.reached("refund_inserted")
    if hold_reason == holds.DISPUTE:
        tell(refund, "refund_held", now=now, note=hold_reason)
    elif hold_reason:
        tell(refund, "refund_paused", now=now, note=hold_reason)
    return refund


def _reason_to_hold(payment: Payment, *, now: datetime) -> str:
    if payment.is_disputed:
        return holds.DISPUTE
    if settings.REFUNDS_HOLD:
        return holds.RESTORE
    return breaker.trip(now=now) if breaker.is_tripped(now=now) else ""


def plan(
    payment: Payment,
    booking: Booking,
    *,
    event: TimelineEvent,
    amount_minor: int,
    now: datetime,
    not_before: datetime,
    hold_reason: str = "",
) -> Refund:
    """The row itself, with the words the provider will be asked with."""
    is_manual = payment.provider == Provider.MANUAL
    refund = Refund(
        payment=payment,
        booking=booking,
        event=event,
        amount_minor=amount_minor,
        currency=payment.currency,
        state=RefundState.MANUAL_DUE if is_manual else RefundState.DUE,
        hold_reason=hold_reason,
        next_attempt_at=None if is_manual or hold_reason else not_before,
        created_at=now,
        alerted_at=now if hold_reason else None,
    )
    refund.request = {
        "payment_ref": payment.provider_ref,
        "amount_minor": amount_minor,
        "currency": payment.currency,
        "booking_code": booking.code,
        "refund_uuid": str(refund.uuid),
    }
    refund.save(force_insert=True)
    return refund


def void(event: TimelineEvent) -> bool:
    """Take back the refund of an undone verb. False when it is already on its way."""
    refunds = Refund.objects.filter(event=event)
    if not refunds.exists():
        return True
    return bool(
        refunds.filter(
            state__in=[RefundState.DUE, RefundState.MANUAL_DUE], first_sent_at__isnull=True
        ).update(state=RefundState.VOID, next_attempt_at=None, hold_reason="")
    )
