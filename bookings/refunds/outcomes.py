"""What an answer changes about a refund: the rules, without a database."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bookings.gateways import Answer, Status
from bookings.models import Refund, RefundState
from bookings.refunds import pace

ABSENT = Answer(Status.UNKNOWN, message="The provider does not list this refund.")
"""It was sent so long ago that the key may be forgotten: nobody sends it again by itself."""


def changes_of(refund: Refund, answer: Answer, *, now: datetime) -> dict[str, Any]:
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


def _poll_wait(refund: Refund, *, now: datetime) -> timedelta:
    return pace.before_poll(now - (refund.accepted_at or now))
