"""Phase one: the refund row, in the transaction that decided it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from bookings.models import Booking, Payment, Provider, Refund, RefundState, TimelineEvent
from bookings.refunds import breaker, crash_points, holds
from bookings.refunds.frozen import freeze
from bookings.refunds.recording import tell, watch
from bookings.states import ActorKind, TransitionNotAllowed


def lock_payments(bookings: Sequence[Booking]) -> dict[int, Payment]:
    """The payments of these bookings by booking id, locked until the end of the transaction; a
    free call has none."""
    payments = Payment.objects.select_for_update(no_key=True).filter(booking__in=bookings)
    return {payment.booking_id: payment for payment in payments.order_by("pk")}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One refund for one cause. The payment is locked or new, so what is left of it is true."""

    payment: Payment
    booking: Booking
    event: TimelineEvent
    amount_minor: int


def request_all(wanted: Sequence[Wanted], *, now: datetime, not_before: datetime) -> list[Refund]:
    """A refund for each cause, not sent before `not_before`; the database refuses more than was
    captured in any case."""
    if not wanted:
        return []
    room = breaker.room(len(wanted), now=now)
    planned: list[Refund] = []
    for one in wanted:
        if not 0 < one.amount_minor <= one.payment.refundable_minor:
            raise TransitionNotAllowed("bad_amount", "This is more than can still be refunded.")
        reason = _reason_to_hold(one, room=room - len(planned), now=now)
        planned.append(plan(one, now=now, not_before=not_before, hold_reason=reason))
    Refund.objects.bulk_create(planned)
    watch([refund for refund in planned if refund.payment.next_compare_at is None], now=now)
    crash_points.reached("refund_inserted")
    for refund in planned:
        if refund.hold_reason:
            is_alone = refund.hold_reason in (holds.DISPUTE, holds.LOST)
            verb = "refund_held" if is_alone else "refund_paused"
            tell(refund, verb, now=now, note=refund.hold_reason)
    return planned


def _reason_to_hold(wanted: Wanted, *, room: int, now: datetime) -> str:
    payment = wanted.payment
    if payment.is_disputed:
        return holds.DISPUTE
    if wanted.event.actor_kind != ActorKind.STAFF and holds.has_lost_ones(payment):
        return holds.LOST
    if settings.REFUNDS_HOLD:
        return holds.RESTORE
    return "" if room > 0 else breaker.trip(now=now)


def plan(wanted: Wanted, *, now: datetime, not_before: datetime, hold_reason: str = "") -> Refund:
    """The row itself, not saved yet, with the words the provider will be asked with."""
    payment = wanted.payment
    is_manual = payment.provider == Provider.MANUAL
    refund = Refund(
        payment=payment,
        booking=wanted.booking,
        event=wanted.event,
        amount_minor=wanted.amount_minor,
        currency=payment.currency,
        state=RefundState.MANUAL_DUE if is_manual else RefundState.DUE,
        hold_reason=hold_reason,
        next_attempt_at=None if is_manual or hold_reason else not_before,
        created_at=now,
        alerted_at=now if hold_reason else None,
    )
    refund.request = freeze(refund)
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
