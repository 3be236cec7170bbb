"""Phases two and three: ask the provider outside any transaction, then write down its answer.

Whatever dies in between: the row says `sending` with a step in the future, and the next driver
first asks the provider what became of it. The same key is used for every try; see `recording`
for the one case in which it changes.
"""

from __future__ import annotations

import logging
import time
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Coalesce

from bookings.gateways import Answer, Gateway, RefundRequest, Status, gateway_of
from bookings.models import Payment, Refund, RefundState
from bookings.refunds import holds, pace, points, recovery
from bookings.refunds.recording import ABSENT, record

logger = logging.getLogger(__name__)

_DRIVEN = (RefundState.DUE, RefundState.SENDING, RefundState.UNKNOWN, RefundState.ACCEPTED)


def execute(refund_id: int, *, now: datetime) -> bool:
    """Take the next step of a refund if one is due. False when there was nothing to do."""
    began = time.monotonic()
    if (refund := _claim(refund_id, now=now)) is None:
        return False
    points.reached("claimed")
    gateway = gateway_of(refund.payment.provider)
    if gateway is None:
        answer: Answer | None = Answer(
            Status.UNKNOWN, message=f"No keys for {refund.payment.provider}."
        )
    else:
        answer = _ask(gateway, refund, now=now)
    if answer is None:
        return False
    points.reached("answered")
    then = now + timedelta(seconds=time.monotonic() - began)
    written = record(refund, answer, now=then)
    points.reached("recorded")
    if answer.status != Status.UNKNOWN:
        recovery.wake_waiting(refund.payment.provider, now=then)
    return written


def request_of(refund: Refund) -> RefundRequest:
    """The words frozen when the refund was planned, and the key of this epoch."""
    return RefundRequest(idempotency_key=refund.idempotency_key, **refund.request)


def _claim(refund_id: int, *, now: datetime) -> Refund | None:
    """Take the lease in one conditional update; two drivers cannot both win."""
    lease = uuid.uuid4()
    due = Refund.objects.filter(
        pk=refund_id, next_attempt_at__lte=now, hold_reason="", state__in=_DRIVEN
    )
    before = due.select_related("payment", "booking").first()
    if before is None:
        return None
    is_poll = before.state == RefundState.ACCEPTED
    if settings.REFUNDS_HOLD and not is_poll:
        holds.hold_restored([before], now=now)
        return None
    state = RefundState.ACCEPTED if is_poll else RefundState.SENDING
    claimed = due.filter(state=before.state, attempts=before.attempts).update(
        state=state,
        lease_token=lease,
        lease_until=now + pace.LEASE,
        next_attempt_at=now + pace.LEASE,
        attempts=F("attempts") + 1,
    )
    if not claimed:
        return None
    before.state, before.lease_token = state, lease
    before.attempts += 1
    return before


def _ask(gateway: Gateway, refund: Refund, *, now: datetime) -> Answer | None:
    """Look first; send only what the provider does not have. None when it is not to be sent."""
    request = request_of(refund)
    try:
        if found := gateway.find(request, now=now):
            return found
        points.reached("listed")
        if refund.state == RefundState.ACCEPTED:
            return Answer(Status.UNKNOWN, message=ABSENT.message)
        if refund.first_sent_at and now - refund.first_sent_at > pace.KEY_LIFE:
            return ABSENT
        if not _may_send(refund, now=now):
            return None
        points.reached("marked")
        return gateway.send(request, now=now)
    except Exception as error:  # an exception is no answer, whatever its class
        logger.warning("refund %s: no answer (%s: %s)", refund.uuid, type(error).__name__, error)
        return Answer(Status.UNKNOWN, message=f"{type(error).__name__}: {error}"[:400])


def _may_send(refund: Refund, *, now: datetime) -> bool:
    """The lease is still ours and no dispute has come; from here on it counts as sent."""
    if Payment.objects.filter(pk=refund.payment_id, is_disputed=True).exists():
        holds.hold(refund, holds.DISPUTE, now=now)
        return False
    return bool(
        Refund.objects.filter(pk=refund.pk, lease_token=refund.lease_token).update(
            first_sent_at=Coalesce("first_sent_at", now)
        )
    )
