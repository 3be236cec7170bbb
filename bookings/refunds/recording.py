"""What a provider says about a refund, written down: from an answer, a list, or a poll alike.

Every write is conditional on the row being as it was when the provider was asked (fencing), so
an answer that comes late changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from bookings import emails, timeline
from bookings.gateways import Answer, Status
from bookings.models import Refund, RefundState, TimelineEvent
from bookings.refunds import pace, points
from bookings.states import SYSTEM, Actor

ABSENT = Answer(Status.UNKNOWN, message="The provider does not list this refund.")
"""It was sent so long ago that the key may be forgotten: nobody sends it again by itself."""
_VERBS = {
    RefundState.ACCEPTED: "refund_accepted",
    RefundState.SUCCEEDED: "refund_succeeded",
    RefundState.DECLINED: "refund_declined",
    RefundState.REVERSED: "refund_reversed",
}


def record(refund: Refund, answer: Answer, *, now: datetime) -> bool:
    """False when the row is not as it was read: whoever changed it knows more."""
    changes = _changes(refund, answer, now=now)
    with transaction.atomic():
        if not as_read(refund, lease_token=None, lease_until=None, **changes):
            return False
        points.reached("recording")
        verb = _VERBS.get(changes["state"])
        if changes["state"] != refund.state and verb:
            tell(refund, verb, now=now, note=answer.message, reference=answer.reference)
        elif changes.get("alerted_at"):
            alert(refund, now=now, why=f"{refund.epoch} {changes['next_attempt_at'] is None}")
    return True


def as_read(refund: Refund, **changes: Any) -> bool:
    """Change the row in the database if it is as it was read; the object stays as it is."""
    return bool(
        Refund.objects.filter(
            pk=refund.pk,
            state=refund.state,
            attempts=refund.attempts,
            lease_token=refund.lease_token,
        ).update(**changes)
    )


def _changes(refund: Refund, answer: Answer, *, now: datetime) -> dict[str, Any]:
    said = {"last_answer": answer.message[:500]}
    if answer.status == Status.UNKNOWN:
        return {**said, **_unanswered(refund, answer, now=now)}
    said |= {
        "provider_refund_id": answer.provider_refund_id or refund.provider_refund_id,
        "reference": answer.reference or refund.reference,
    }
    if answer.status == Status.ACCEPTED:
        return {**said, **_accepted(refund, now=now)}
    ended: dict[str, Any] = {
        "state": RefundState(answer.status.value),
        "next_attempt_at": None,
        "finished_at": refund.finished_at if answer.status.value == refund.state else now,
        "hold_reason": "",
    }
    if answer.status != Status.SUCCEEDED:
        ended["alerted_at"] = now
    return {**said, **ended}


def _unanswered(refund: Refund, answer: Answer, *, now: datetime) -> dict[str, Any]:
    """A poll that fails leaves an accepted refund accepted: it never goes back to "send"."""
    if refund.state == RefundState.ACCEPTED:
        wait = max(answer.retry_after or pace.POLL_AFTER[0], _poll_wait(refund, now=now))
        return {"state": RefundState.ACCEPTED, "next_attempt_at": now + wait}
    since = refund.first_sent_at or refund.created_at
    is_worrying = refund.alerted_at is None and now - since >= pace.ALERT_AFTER
    changes: dict[str, Any] = {
        "state": RefundState.UNKNOWN,
        "next_attempt_at": now + (answer.retry_after or pace.before_retry(refund.attempts)),
        **({"alerted_at": now} if is_worrying else {}),
    }
    if answer is ABSENT:
        return {**changes, **_missing(refund, now=now)}
    if answer.is_stored_failure:
        return {**changes, **_failed_inside(refund, now=now)}
    return changes


def _failed_inside(refund: Refund, *, now: datetime) -> dict[str, Any]:
    """The provider would repeat its 5xx for as long as it remembers the key. When it did, after
    a while and with nothing in its list, the work was not done: only a new key helps."""
    if refund.stored_failure_at is None:
        return {"stored_failure_at": now}
    if now - refund.stored_failure_at < pace.STORED_AGAIN:
        return {}
    return {"stored_failure_at": None, "epoch": refund.epoch + 1}


def _missing(refund: Refund, *, now: datetime) -> dict[str, Any]:
    """Twice not in the list: a person decides; `next_attempt_at` stays empty until then."""
    if refund.absent_at is None:
        return {"absent_at": now, "next_attempt_at": now + pace.SECOND_LOOK}
    if now - refund.absent_at < pace.SECOND_LOOK:
        return {"next_attempt_at": refund.absent_at + pace.SECOND_LOOK}
    return {"next_attempt_at": None, "alerted_at": now}


def _accepted(refund: Refund, *, now: datetime) -> dict[str, Any]:
    since = refund.accepted_at or now
    is_slow = refund.alerted_at is None and now - since >= pace.SLOW_BANK
    return {
        "state": RefundState.ACCEPTED,
        "next_attempt_at": now + _poll_wait(refund, now=now),
        "accepted_at": since,
        "hold_reason": "",
        **({"alerted_at": now} if is_slow else {}),
    }


def _poll_wait(refund: Refund, *, now: datetime) -> Any:
    return pace.before_poll(now - (refund.accepted_at or now))


def tell(
    refund: Refund,
    verb: str,
    *,
    now: datetime,
    note: str = "",
    reference: str = "",
    actor: Actor = SYSTEM,
    **data: Any,
) -> TimelineEvent:
    """One line in the booking's history, and the e-mails it promises."""
    event = timeline.append(
        refund.booking,
        verb,
        actor=actor,
        at=now,
        note=note,
        data={
            "refund": str(refund.uuid),
            "amount_minor": refund.amount_minor,
            "currency": refund.currency,
            "reference": reference,
            **data,
        },
    )
    emails.queue_for(event, booking=refund.booking, now=now, not_before=now)
    return event


def alert(refund: Refund, *, now: datetime, why: str) -> None:
    """Staff hears of it, once for each reason."""
    emails.queue(
        "staff_refund_failed",
        booking=refund.booking,
        now=now,
        dedupe=f"{refund.uuid}? {why}",
        facts={"refund": str(refund.uuid)},
    )
