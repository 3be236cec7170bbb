"""Planning a refund: its row, in the transaction that decided it, and the words to ask with.

Too many refunds in an hour are more likely a mistake than a truth: the circuit breaker plans
those too, but on hold, where they wait for a person.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from bookings.gateways import RefundRequest
from bookings.models import (
    Booking,
    Heartbeat,
    Payment,
    Provider,
    Refund,
    RefundState,
    TimelineEvent,
)
from bookings.refunds import crash_points, holds
from bookings.refunds.answers import tell, watch
from bookings.states import ActorKind, TransitionNotAllowed

HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
CONTINUED = "breaker continued"
GAP = "sweep gap"
"""Names of heartbeats: staff let the breaker go on, and the sweep was silent for hours."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One refund for one cause. The payment is locked or new, so what is left of it is true."""

    payment: Payment
    booking: Booking
    event: TimelineEvent
    amount_minor: int


def lock_payments(bookings: Sequence[Booking]) -> dict[int, Payment]:
    """The payments of these bookings by booking id, locked until the end of the transaction; a
    free call has none."""
    payments = Payment.objects.select_for_update(no_key=True).filter(booking__in=bookings)
    return {payment.booking_id: payment for payment in payments.order_by("pk")}


def request_all(wanted: Sequence[Wanted], *, now: datetime, not_before: datetime) -> list[Refund]:
    """A refund for each cause, not sent before `not_before`; the database refuses more than was
    captured in any case."""
    if not wanted:
        return []
    room = _room(len(wanted), now=now)
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
    if room > 0:
        return ""
    holds.tell_staff(holds.BREAKER, now=now, dedupe=f"{now:%Y-%m-%d %H}")  # one mail an hour
    return holds.BREAKER


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


# --- the circuit breaker --------------------------------------------------------------------------


def _room(wanted: int, *, now: datetime) -> int:
    """How many of the `wanted` refunds may be planned now; the others wait for a person."""
    began = now - HOUR
    continued = Heartbeat.objects.filter(name=CONTINUED).first()
    if continued and began < continued.finished_at <= now:
        began = continued.finished_at
    planned = Refund.objects.filter(created_at__gt=began, created_at__lte=now).count()
    if planned + wanted <= settings.BREAKER_LEAST:
        return wanted  # so few that it does not matter what is usual
    return min(wanted, max(0, limit(now=now) - planned))


def limit(*, now: datetime) -> int:
    """How many may be planned in an hour: some, or several times what is usual. After a gap in
    the sweeps the work of all its hours comes at once."""
    week = Refund.objects.filter(created_at__gt=now - WEEK, created_at__lte=now - HOUR).count()
    usual = math.ceil(settings.BREAKER_TIMES * week / (WEEK / HOUR))
    gap = Heartbeat.objects.filter(name=GAP).first()
    hours = gap.counts.get("hours", 1) if gap and now - gap.finished_at < HOUR else 1
    return max(settings.BREAKER_LEAST, usual) * max(1, hours)


def note_gap(silent_for: timedelta, *, now: datetime) -> None:
    """The sweep was silent for hours."""
    hours = math.ceil(silent_for / HOUR)
    Heartbeat.objects.update_or_create(
        name=GAP, defaults={"finished_at": now, "counts": {"hours": hours}}
    )


# --- the words to ask with ------------------------------------------------------------------------
#
# They are frozen when a refund is planned and read when it is sent. A row may come from another
# release, or from a person's hand: what this release cannot read word for word it does not send.


class Unreadable(Exception):
    """Says what is wrong with the row, for staff."""


def freeze(refund: Refund) -> dict[str, Any]:
    """The words to ask with, from the columns of the row."""
    return {
        "payment_ref": refund.payment.provider_ref,
        "amount_minor": refund.amount_minor,
        "currency": refund.currency,
        "booking_code": refund.booking.code,
        "refund_uuid": str(refund.uuid),
    }


def request_of(refund: Refund) -> RefundRequest:
    """The words frozen when the refund was planned, and the key of this epoch; `check_words` has
    been asked before."""
    return RefundRequest(idempotency_key=refund.idempotency_key, **refund.request)


def to_look_for(refund: Refund) -> RefundRequest:
    """What the refund is found by in a list, whatever was frozen."""
    return RefundRequest(idempotency_key=refund.idempotency_key, **freeze(refund))


def check_provider(refund: Refund) -> None:
    """Raises Unreadable where this release cannot even ask about it."""
    provider = refund.payment.provider
    if provider not in Provider.values:
        raise Unreadable(f"This release does not know the provider {provider!r}.")


def check_words(refund: Refund) -> None:
    """Raises Unreadable where the frozen request is not what this release would send."""
    frozen, ours = refund.request, freeze(refund)
    if not isinstance(frozen, dict):
        raise Unreadable("The frozen request is not an object.")
    if strange := sorted(set(frozen) - set(ours)):
        raise Unreadable(f"This release does not know {_named(strange)} of the frozen request.")
    if missing := sorted(set(ours) - set(frozen)):
        raise Unreadable(f"The frozen request lacks {_named(missing)}.")
    for name, value in ours.items():
        if type(frozen[name]) is not type(value):
            raise Unreadable(f"The {name} of the frozen request is {frozen[name]!r:.100}.")
        if name != "booking_code" and frozen[name] != value:
            raise Unreadable(
                f"The {name} of the frozen request is {frozen[name]!r:.100}, the refund's is "
                f"{value!r}."
            )


def _named(names: list[str]) -> str:
    return ", ".join(f"{name!r:.50}" for name in names[:5])
