"""Bring our rows in line with the provider's list of one payment's refunds.

Webhooks, the nightly comparison and `manage.py reconcile` all come here, so that order,
duplicates and losses of events make no difference. Refunds made without us, in the provider's
dashboard or through a lost dispute, are added up on the payment.
"""

from __future__ import annotations

import logging
import math
import time
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from bookings import clocks
from bookings.gateways import Answer, ListedRefund, Status, gateway_of, is_counted_alike
from bookings.gateways.listing import find_in
from bookings.models import Payment, Refund, RefundState
from bookings.refunds import timing
from bookings.refunds.external import is_paid_by_hand, settle, tell_staff
from bookings.refunds.frozen import to_look_for
from bookings.refunds.recording import alert, as_read, record

logger = logging.getLogger(__name__)

ASK_AGAIN = timedelta(hours=1)
"""A payment that could not be asked about does not keep the others waiting."""
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
    if not is_counted_alike(payment.provider, payment.currency):
        return changed  # amounts that cannot be added to ours: a person compares them
    return changed + settle(payment_id, listed, now=now)


def touched_since(since: datetime) -> list[int]:
    """Payments made or refunded since, the ones that were compared longest ago first."""
    recent = Payment.objects.filter(
        Q(paid_at__gte=since)
        | Q(refunds__created_at__gte=since)
        | Q(refunds__finished_at__gte=since)
    )
    order = F("reconciled_at").asc(nulls_first=True)
    # Grouped here, not in the database: one payment has several refunds.
    return list(dict.fromkeys(recent.order_by(order, "pk").values_list("pk", flat=True)))


def reconcile(
    payment_ids: list[int], *, now: datetime, seconds: float = math.inf
) -> tuple[int, int]:
    """Compare these payments; how many rows changed, and how many could not be compared.

    None is begun after `seconds`: a provider may be silent.
    """
    changed = failed = 0
    ends = time.monotonic() + seconds
    for pk in payment_ids:
        if time.monotonic() > ends:
            break
        try:
            changed += refetch(pk, now=now)
        except Exception as error:  # one that cannot be asked about must not stop the others
            logger.warning("payment %s not compared (%s: %s)", pk, type(error).__name__, error)
            failed += 1
            _set_next_compare(pk, now=now, sooner=ASK_AGAIN)
        else:
            _set_next_compare(pk, now=now)
    return changed, failed


def _set_next_compare(payment_id: int, *, now: datetime, sooner: timedelta | None = None) -> None:
    """While a refund is on its way, and for a week after the last thing that happened."""
    with transaction.atomic():
        payment = Payment.objects.select_for_update(no_key=True).get(pk=payment_id)
        moments = [payment.paid_at]
        for refund in payment.refunds.all():
            if refund.state == RefundState.SUCCEEDED and refund.absent_at and not refund.alerted_at:
                sooner = sooner or timing.SECOND_LOOK
                moments.append(now)
            is_over = refund.state == RefundState.VOID
            moments.append(refund.finished_at or (refund.created_at if is_over else now))
        again_at = clocks.next_compare_at(max(moments), now=now)
        payment.next_compare_at = clocks.after(now, sooner) if again_at and sooner else again_at
        payment.save(update_fields=["next_compare_at"])


def _align(refund: Refund, listed: list[ListedRefund], *, now: datetime) -> bool:
    if is_paid_by_hand(refund):
        return False
    answer = find_in(listed, to_look_for(refund))
    if answer is None:
        return _missed(refund, now=now)
    if refund.state == RefundState.SUCCEEDED and refund.absent_at is not None:
        as_read(refund, absent_at=None, alerted_at=None)
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
    """We say it was paid, the provider does not know it: staff must look. Not after a first look:
    lists are behind, and the next one may have it."""
    is_missed = refund.state == RefundState.SUCCEEDED and refund.provider_refund_id
    if not is_missed or (refund.absent_at is not None and refund.alerted_at is not None):
        return False
    if refund.absent_at is None:
        again_at = clocks.after(now, timing.SECOND_LOOK)
        Payment.objects.filter(pk=refund.payment_id).update(next_compare_at=again_at)
        return as_read(refund, absent_at=now, alerted_at=None)
    if now - refund.absent_at < timing.SECOND_LOOK:
        return False
    with transaction.atomic():
        if changed := as_read(refund, alerted_at=now):
            tell_staff(refund.booking, now=now, why=f"{refund.uuid} not listed")
    return changed


def tell_of_old(*, now: datetime) -> int:
    """Refunds to be paid by hand that nobody has paid for a day."""
    old = Refund.objects.filter(
        state=RefundState.MANUAL_DUE,
        hold_reason="",
        alerted_at=None,
        created_at__lte=now - timing.BY_HAND_WITHIN,
    )
    told = 0
    for refund in old.select_related("booking").order_by("pk")[:100]:
        try:
            with transaction.atomic():
                if as_read(refund, alerted_at=now):
                    alert(refund, now=now, why="by hand")
                    told += 1
        except Exception:  # the others are told of all the same
            logger.exception("staff could not be told of refund %s", refund.uuid)
    return told
