"""Bring our rows in line with the provider's list of one payment's refunds.

Webhooks, the nightly comparison and `manage.py reconcile` all come here, so that order,
duplicates and losses of events make no difference. Refunds made without us, in the provider's
dashboard or through a lost dispute, are added up on the payment.
"""

from __future__ import annotations

import logging
import uuid
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from bookings import emails, timeline
from bookings.gateways import Answer, ListedRefund, Status, gateway_of
from bookings.gateways.listing import find_in
from bookings.models import Booking, Payment, Refund, RefundState
from bookings.models.money import NOT_LIVE
from bookings.refunds import pace
from bookings.refunds.driving import request_of
from bookings.refunds.recording import alert, as_read, record, tell
from bookings.refunds.requesting import plan
from bookings.states import SYSTEM

logger = logging.getLogger(__name__)

DAILY = timedelta(days=1)
WATCHED_FOR = timedelta(days=7)
"""A payment is compared every day for as long after it was made, or last refunded."""
_RANK = {RefundState.ACCEPTED: 1, RefundState.SUCCEEDED: 2, RefundState.REVERSED: 3}


def refetch(payment_id: int, *, now: datetime) -> int:
    """How many rows changed. Raises when the provider could not be asked."""
    payment = Payment.objects.get(pk=payment_id)
    gateway = gateway_of(payment.provider)
    if gateway is None:
        return 0
    # Read before the provider is asked: a row that changes meanwhile is left to who changed it.
    rows = list(payment.refunds.select_related("payment", "booking").order_by("pk"))
    listed = gateway.list_refunds(payment.provider_ref, now=now)
    changed = sum(_align(refund, listed, now=now) for refund in rows)
    return changed + settle(payment_id, listed, now=now)


def to_compare(*, since: datetime, now: datetime, is_daily: bool = True) -> list[int]:
    """Payments made or refunded since, the ones that were compared longest ago first; without
    those of today, unless asked for by hand."""
    recent = Payment.objects.filter(
        Q(paid_at__gte=since)
        | Q(refunds__created_at__gte=since)
        | Q(refunds__finished_at__gte=since)
    )
    if is_daily:
        recent = recent.filter(Q(reconciled_at=None) | Q(reconciled_at__lte=now - DAILY))
    order = F("reconciled_at").asc(nulls_first=True)
    # Grouped here, not in the database: one payment has several refunds.
    return list(dict.fromkeys(recent.order_by(order, "pk").values_list("pk", flat=True)))


def reconcile(
    payment_ids: list[int], *, now: datetime, most_failures: int | None = None
) -> tuple[int, int]:
    """Compare these payments; how many rows changed, and how many could not be compared."""
    changed = failed = 0
    for pk in payment_ids:
        if failed == most_failures:
            break
        try:
            changed += refetch(pk, now=now)
        except Exception as error:  # one that cannot be asked about must not stop the others
            logger.warning("payment %s not compared (%s: %s)", pk, type(error).__name__, error)
            failed += 1
    return changed, failed


def _align(refund: Refund, listed: list[ListedRefund], *, now: datetime) -> bool:
    if is_paid_by_hand(refund):
        return False
    answer = find_in(listed, request_of(refund))
    if answer is None:
        return _missed(refund, now=now)
    if answer.status == Status.UNKNOWN or not _is_news(refund, answer):
        return False
    try:
        return record(refund, answer, now=now)
    except IntegrityError:  # the cap: other money has taken its place, see `settle`
        logger.exception("refund %s lives at the provider, but not here", refund.uuid)
        return False


def _is_news(refund: Refund, answer: Answer) -> bool:
    """Never back from the bank to the provider; a late failure is always news."""
    state = RefundState(answer.status.value)
    if refund.state in (RefundState.DECLINED, RefundState.VOID):
        return state != RefundState.REVERSED
    if state == refund.state:
        return bool(answer.reference and not refund.reference)
    return _RANK[state] > _RANK.get(RefundState(refund.state), 0) or (
        refund.state == RefundState.REVERSED and state == RefundState.SUCCEEDED
    )


def _missed(refund: Refund, *, now: datetime) -> bool:
    """We say it was paid, the provider does not know it: staff must look."""
    is_missed = refund.state == RefundState.SUCCEEDED and refund.provider_refund_id
    if not is_missed or refund.alerted_at is not None:
        return False
    with transaction.atomic():
        if changed := as_read(refund, alerted_at=now):
            _tell_staff(refund.booking, now=now, why=f"{refund.uuid} not listed")
    return changed


def is_paid_by_hand(refund: Refund) -> bool:
    return refund.state == RefundState.SUCCEEDED and not refund.provider_refund_id


# --- what went back without us ------------------------------------------------------------------


def settle(payment_id: int, listed: list[ListedRefund], *, now: datetime) -> int:
    """Write down what went back without us, and make our unsent refunds fit what is left."""
    with transaction.atomic():
        rows = lock_refunds(payment_id)
        payment = Payment.objects.select_for_update(no_key=True).get(pk=payment_id)
        if payment.reconciled_at and payment.reconciled_at > now:
            return 0  # a later list has been read already
        outside = outside_minor(listed, rows) + payment.dispute_lost_minor
        more = outside - payment.returned_external_minor
        Payment.objects.filter(pk=payment_id).update(
            reconciled_at=now, returned_external_minor=outside
        )
        payment.returned_external_minor = outside
        if more > 0:
            _note(payment, more, now=now)
        if more < 0:
            logger.warning("payment %s: %s of outside refunds came back", payment_id, -more)
        voided = make_room(payment, rows, now=now) if more else 0
        tell_if_too_much(payment, now=now)
    return voided + bool(more)


def lock_refunds(payment_id: int) -> list[Refund]:
    """Refunds before their payment, in the order in which the triggers lock them."""
    rows = Refund.objects.select_for_update(no_key=True, of=("self",)).filter(payment=payment_id)
    return list(rows.select_related("booking", "payment").order_by("pk"))


def outside_minor(listed: list[ListedRefund], rows: list[Refund]) -> int:
    """All that is listed and is not the one entry of a live refund of ours."""
    ours = {row.uuid.hex for row in rows if row.state not in NOT_LIVE and not is_paid_by_hand(row)}
    outside = 0
    for entry in listed:
        if not entry.is_live:
            continue
        if (name := _hex(entry.refund_uuid)) in ours:
            ours.discard(name)
        else:
            outside += entry.amount_minor
    return outside


def _hex(text: str) -> str:
    try:
        return uuid.UUID(text).hex
    except ValueError:  # written by somebody else
        return ""


def _note(payment: Payment, amount_minor: int, *, now: datetime) -> None:
    timeline.append(
        payment.booking,
        "returned_elsewhere",
        actor=SYSTEM,
        at=now,
        data={"amount_minor": amount_minor, "currency": payment.currency},
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
                _again_smaller(row, room, now=now)
            room, voided = 0, voided + 1
        else:
            room -= row.amount_minor
    return voided


def is_unsent(refund: Refund) -> bool:
    waits = refund.state in (RefundState.DUE, RefundState.MANUAL_DUE)
    return waits and refund.first_sent_at is None


def _again_smaller(refund: Refund, amount_minor: int, *, now: datetime) -> None:
    """The amount of a refund never changes, so a smaller one takes its place."""
    event = timeline.append(
        refund.booking,
        "refund_reduced",
        actor=SYSTEM,
        at=now,
        data={"refund_minor": amount_minor, "currency": refund.currency},
    )
    plan(
        refund.payment,
        refund.booking,
        event=event,
        amount_minor=amount_minor,
        now=now,
        not_before=refund.next_attempt_at or now,
        hold_reason=refund.hold_reason,
    )


def tell_if_too_much(payment: Payment, *, now: datetime) -> None:
    """More went back than came in: nobody can undo that but a person."""
    fresh = Payment.objects.select_related("booking").get(pk=payment.pk)
    if fresh.captured_minor >= fresh.reserved_minor + fresh.returned_external_minor:
        Payment.objects.filter(pk=payment.pk).exclude(alerted_at=None).update(alerted_at=None)
    elif Payment.objects.filter(pk=payment.pk, alerted_at=None).update(alerted_at=now):
        too_much = fresh.reserved_minor + fresh.returned_external_minor
        _tell_staff(fresh.booking, now=now, why=f"{too_much} returned")


def _tell_staff(booking: Booking, *, now: datetime, why: str) -> None:
    emails.queue("staff_money_differs", booking=booking, now=now, dedupe=why)


def tell_of_old(*, now: datetime) -> int:
    """Refunds to be paid by hand that nobody has paid for a day."""
    old = Refund.objects.filter(
        state=RefundState.MANUAL_DUE,
        hold_reason="",
        alerted_at=None,
        created_at__lte=now - pace.BY_HAND_WITHIN,
    )
    told = 0
    for refund in old.select_related("booking").order_by("pk")[:100]:
        with transaction.atomic():
            if as_read(refund, alerted_at=now):
                alert(refund, now=now, why="by hand")
                told += 1
    return told
