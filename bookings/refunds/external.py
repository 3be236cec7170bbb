"""What went back without us, by a dashboard or a bank, and what that leaves for our refunds."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import transaction

from bookings import emails, timeline
from bookings.gateways import ListedRefund
from bookings.models import Booking, Payment, Refund, RefundState
from bookings.models.money import NOT_LIVE
from bookings.refunds import holds
from bookings.refunds.recording import as_read, tell
from bookings.refunds.requesting import Wanted, plan
from bookings.states import SYSTEM

LISTS_LOST_ONES = ("razorpay",)
"""Providers that list a lost dispute as a refund, sooner or later. It is counted at once all the
same, and only once: nothing may be sent meanwhile."""


def settle(payment_id: int, listed: list[ListedRefund], *, now: datetime) -> int:
    """Write down what went back without us, and make our unsent refunds fit what is left."""
    with transaction.atomic():
        rows = lock_refunds(payment_id)
        payment = Payment.objects.select_for_update(no_key=True).get(pk=payment_id)
        if payment.reconciled_at and payment.reconciled_at > now:
            return 0  # a later list has been read already
        external = external_minor(payment, listed, rows)
        more = external - payment.returned_external_minor
        Payment.objects.filter(pk=payment_id).update(
            reconciled_at=now, returned_external_minor=external
        )
        payment.returned_external_minor = external
        lost = _lost_ones(listed, rows)
        if more > 0:
            _note(
                payment,
                "returned_elsewhere",
                more,
                now=now,
                **({holds.LOST_ONES: lost} if lost else {}),
            )
        if more < 0 and _has_failed(listed, rows):
            _note(payment, "came_back_elsewhere", -more, now=now)
            tell_staff(payment.booking, now=now, why=f"{-more} came back, {external} left outside")
        voided = make_room(payment, rows, now=now) if more else 0
        if more > 0 and lost:
            _hold_the_rest(payment, now=now)
        tell_if_too_much(payment, now=now)
    return voided + bool(more)


def lock_refunds(payment_id: int) -> list[Refund]:
    """Refunds before their payment, in the order in which the triggers lock them."""
    rows = Refund.objects.select_for_update(no_key=True, of=("self",)).filter(payment=payment_id)
    return list(rows.select_related("booking", "payment").order_by("pk"))


def external_minor(payment: Payment, listed: list[ListedRefund], rows: list[Refund]) -> int:
    """All that is listed and is not the one entry of a live refund of ours, and what a lost
    dispute took, unless that is one of the entries."""
    ours = {row.uuid.hex for row in rows if row.state not in NOT_LIVE and not is_paid_by_hand(row)}
    amounts = []
    for entry in listed:
        if not entry.is_live:
            continue
        if (name := _hex(entry.refund_uuid)) in ours:
            ours.discard(name)
        else:
            amounts.append(entry.amount_minor)
    lost = payment.dispute_lost_minor
    is_listed = payment.provider in LISTS_LOST_ONES and lost in amounts
    return sum(amounts) + (0 if is_listed else lost)


def _lost_ones(listed: list[ListedRefund], rows: list[Refund]) -> list[str]:
    """Refunds that this site has made and does not know: the database is older than they are."""
    known = {row.uuid.hex for row in rows}
    marked = [entry for entry in listed if entry.is_live and _hex(entry.refund_uuid)]
    return [e.provider_refund_id for e in marked if _hex(e.refund_uuid) not in known]


def _hold_the_rest(payment: Payment, *, now: datetime) -> None:
    for row in lock_refunds(payment.pk):
        if is_unsent(row) and row.hold_reason in ("", holds.RESTORE):
            holds.hold(row, holds.LOST, now=now)


def _has_failed(listed: list[ListedRefund], rows: list[Refund]) -> bool:
    """A refund that was made without us came to nothing."""
    ours = {row.uuid.hex for row in rows}
    return any(not entry.is_live and _hex(entry.refund_uuid) not in ours for entry in listed)


def _hex(text: str) -> str:
    try:
        return uuid.UUID(text).hex
    except ValueError:  # written by somebody else
        return ""


def _note(
    payment: Payment, verb: str, amount_minor: int, *, now: datetime, **more: list[str]
) -> None:
    timeline.append(
        payment.booking,
        verb,
        actor=SYSTEM,
        at=now,
        data={"amount_minor": amount_minor, "currency": payment.currency, **more},
    )


def make_room(payment: Payment, rows: list[Refund], *, now: datetime) -> int:
    """Refunds that nobody has sent give way to money that has gone: they shrink or are void."""
    unsent = [row for row in rows if is_unsent(row)]
    sent = sum(row.amount_minor for row in rows if row.state not in NOT_LIVE and row not in unsent)
    room = payment.captured_minor - payment.returned_external_minor - sent
    voided = 0
    for row in unsent:
        if row.amount_minor > room and as_read(row, state=RefundState.VOID, next_attempt_at=None):
            tell(row, "refund_voided", now=now)
            if room > 0:
                again_smaller(row, room, now=now)
            room, voided = 0, voided + 1
        else:
            room -= row.amount_minor
    return voided


def is_unsent(refund: Refund) -> bool:
    waits = refund.state in (RefundState.DUE, RefundState.MANUAL_DUE)
    return waits and refund.first_sent_at is None


def again_smaller(refund: Refund, amount_minor: int, *, now: datetime) -> None:
    """The amount of a refund never changes, so a smaller one takes its place."""
    event = timeline.append(
        refund.booking,
        "refund_reduced",
        actor=SYSTEM,
        at=now,
        data={"refund_minor": amount_minor, "currency": refund.currency},
    )
    plan(
        Wanted(refund.payment, refund.booking, event, amount_minor),
        now=now,
        not_before=refund.next_attempt_at or now,
        hold_reason=refund.hold_reason,
    ).save(force_insert=True)


def tell_if_too_much(payment: Payment, *, now: datetime) -> None:
    """More went back than came in: nobody can undo that but a person."""
    fresh = Payment.objects.select_related("booking").get(pk=payment.pk)
    if fresh.captured_minor >= fresh.reserved_minor + fresh.returned_external_minor:
        Payment.objects.filter(pk=payment.pk).exclude(alerted_at=None).update(alerted_at=None)
    elif Payment.objects.filter(pk=payment.pk, alerted_at=None).update(alerted_at=now):
        too_much = fresh.reserved_minor + fresh.returned_external_minor
        tell_staff(fresh.booking, now=now, why=f"{too_much} returned")


def tell_staff(booking: Booking, *, now: datetime, why: str) -> None:
    emails.queue("staff_money_differs", booking=booking, now=now, dedupe=why)


def is_paid_by_hand(refund: Refund) -> bool:
    return refund.state == RefundState.SUCCEEDED and not refund.provider_refund_id
