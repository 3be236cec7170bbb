"""Phases two and three: ask the provider outside any transaction, then write down its answer.

Whatever dies in between: the row says `sending` with a step in the future, and the next driver
first asks the provider what became of it. The same key is used for every try.
"""

from __future__ import annotations

import logging
import time
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Coalesce

from bookings import emails, timeline
from bookings.gateways import Answer, Gateway, RefundRequest, Status, gateway_of
from bookings.models import Refund, RefundState
from bookings.states import SYSTEM

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=120)
"""Longer than any provider call; a driver that died is followed by another after this."""
KEY_LIFE = timedelta(hours=23)
"""Providers may forget a key after 24 hours: from then on we only look, and a person decides."""
RETRY_AFTER = [timedelta(seconds=s) for s in (5, 30, 120, 600, 3600)]
POLL_AFTER = [timedelta(seconds=s) for s in (20, 120, 600, 3600, 6 * 3600)]
ALERT_AFTER = timedelta(minutes=10)
_DRIVEN = (RefundState.DUE, RefundState.SENDING, RefundState.UNKNOWN, RefundState.ACCEPTED)


def execute(refund_id: int, *, now: datetime) -> bool:
    """Take the next step of a refund if one is due. False when there was nothing to do."""
    began = time.monotonic()
    if (refund := _claim(refund_id, now=now)) is None:
        return False
    gateway = gateway_of(refund.payment.provider)
    if gateway is None:
        answer = Answer(Status.UNKNOWN, message=f"No keys for {refund.payment.provider}.")
    else:
        answer = _ask(gateway, refund, now=now)
    return _record(refund, answer, now=now + timedelta(seconds=time.monotonic() - began))


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
    claimed = due.filter(state=before.state, attempts=before.attempts).update(
        state=RefundState.ACCEPTED if is_poll else RefundState.SENDING,
        lease_token=lease,
        lease_until=now + LEASE,
        next_attempt_at=now + LEASE,
        attempts=before.attempts + 1,
        first_sent_at=Coalesce("first_sent_at", now),
    )
    if not claimed:
        return None
    before.lease_token = lease
    before.attempts += 1
    return before


def _ask(gateway: Gateway, refund: Refund, *, now: datetime) -> Answer:
    """Look first if it was sent before; send only what the provider does not have."""
    request = RefundRequest(idempotency_key=refund.idempotency_key, **refund.request)
    try:
        if refund.first_sent_at is not None:
            if found := gateway.find(request, now=now):
                return found
            if now - refund.first_sent_at > KEY_LIFE or refund.state == RefundState.ACCEPTED:
                return Answer(Status.UNKNOWN, message="The provider does not list this refund.")
        return gateway.send(request, now=now)
    except Exception as error:  # an exception is no answer, whatever its class
        logger.warning("refund %s: no answer (%s: %s)", refund.uuid, type(error).__name__, error)
        return Answer(Status.UNKNOWN, message=f"{type(error).__name__}: {error}"[:400])


def _record(refund: Refund, answer: Answer, *, now: datetime) -> bool:
    """Write the answer only if the lease is still ours (fencing)."""
    changes = _changes(refund, answer, now=now)
    with transaction.atomic():
        written = Refund.objects.filter(pk=refund.pk, lease_token=refund.lease_token).update(
            lease_token=None, lease_until=None, last_answer=answer.message[:500], **changes
        )
        if not written:
            return False
        if changes["state"] != refund.state and (verb := _VERBS.get(changes["state"])):
            _tell(refund, verb, answer, now=now)
        elif changes.get("alerted_at"):
            emails.queue(
                "staff_refund_failed", booking=refund.booking, now=now, dedupe=f"{refund.uuid}?"
            )
    return True


def _changes(refund: Refund, answer: Answer, *, now: datetime) -> dict[str, Any]:
    known = {
        "provider_refund_id": answer.provider_refund_id or refund.provider_refund_id,
        "reference": answer.reference or refund.reference,
    }
    if answer.status == Status.UNKNOWN:
        # A poll that fails leaves an accepted refund accepted: it never goes back to "send".
        state = RefundState.UNKNOWN
        if refund.state == RefundState.ACCEPTED:
            state = RefundState.ACCEPTED
        wait = answer.retry_after or _step(RETRY_AFTER, refund.attempts)
        alert = {"alerted_at": now} if _is_worrying(refund, now=now) else {}
        return {"state": state, "next_attempt_at": now + wait, **alert}
    if answer.status == Status.ACCEPTED:
        wait = _step(POLL_AFTER, refund.attempts)
        accepted_at = refund.accepted_at or now
        state = RefundState.ACCEPTED
        return {"state": state, "next_attempt_at": now + wait, "accepted_at": accepted_at, **known}
    ended: dict[str, Any] = {
        "state": RefundState(answer.status.value),
        "next_attempt_at": None,
    }
    if answer.status != Status.SUCCEEDED:
        ended["alerted_at"] = now
    return {**ended, "finished_at": now, **known}


def _is_worrying(refund: Refund, *, now: datetime) -> bool:
    """Without an answer for so long that staff must hear of it, once."""
    if refund.alerted_at is not None or refund.first_sent_at is None:
        return False
    return now - refund.first_sent_at >= ALERT_AFTER


def _step(steps: list[timedelta], attempts: int) -> timedelta:
    return steps[min(max(attempts, 1), len(steps)) - 1]


_VERBS = {
    RefundState.ACCEPTED: "refund_accepted",
    RefundState.SUCCEEDED: "refund_succeeded",
    RefundState.DECLINED: "refund_declined",
    RefundState.REVERSED: "refund_reversed",
}


def _tell(refund: Refund, verb: str, answer: Answer, *, now: datetime) -> None:
    event = timeline.append(
        refund.booking,
        verb,
        actor=SYSTEM,
        at=now,
        note=answer.message,
        data={
            "refund": str(refund.uuid),
            "amount_minor": refund.amount_minor,
            "currency": refund.currency,
            "reference": answer.reference,
        },
    )
    emails.queue_for(event, booking=refund.booking, now=now, not_before=now)
