"""What an answer changes about a refund: the rules, without a database."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bookings.gateways import Answer, Doubt, Status
from bookings.models import Refund, RefundState
from bookings.refunds import timing

ABSENT = Answer(
    Status.UNKNOWN,
    message="The provider does not list this refund.",
    doubt=Doubt.NOT_LISTED,
)
"""It was sent so long ago that the key may be forgotten: nobody sends it again by itself."""
DECIDE = "Look in the provider's dashboard; then try again, or pay it by hand and record that."
SLOW = "The bank has had it for more than ten days."


def changes_of(refund: Refund, answer: Answer, *, now: datetime) -> dict[str, Any]:
    if answer.status == Status.UNKNOWN:
        return _unanswered(refund, answer, now=now)
    said = {
        "last_answer": answer.message[:500],
        "provider_refund_id": answer.provider_refund_id or refund.provider_refund_id,
        "reference": answer.reference or refund.reference,
        "absent_at": None,
    }
    if answer.status == Status.ACCEPTED:
        return {**said, **_accepted(refund, answer, now=now)}
    return {
        **said,
        "state": RefundState(answer.status.value),
        "next_attempt_at": None,
        "finished_at": refund.finished_at if answer.status.value == refund.state else now,
        "hold_reason": "",
        "alerted_at": None if answer.status == Status.SUCCEEDED else now,
    }


def _unanswered(refund: Refund, answer: Answer, *, now: datetime) -> dict[str, Any]:
    """A poll that fails leaves an accepted refund accepted: it never goes back to "send"."""
    if refund.state == RefundState.ACCEPTED:
        wait = max(answer.retry_after or timing.POLL_AFTER[0], _poll_wait(refund, now=now))
        return {
            "state": RefundState.ACCEPTED,
            "next_attempt_at": now + wait,
            **_with_the_bank(refund, answer, now=now),
        }
    changes: dict[str, Any] = {
        "state": RefundState.UNKNOWN,
        "next_attempt_at": now + (answer.retry_after or timing.before_retry(refund.attempts)),
        "absent_at": None,
        "stored_failure_at": None,
        **_doubted(refund, answer, now=now),
    }
    return {**changes, **_told(refund, answer, changes, now=now)}


def _doubted(refund: Refund, answer: Answer, *, now: datetime) -> dict[str, Any]:
    match answer.doubt:
        case Doubt.FAILED_INSIDE:
            return _repeated(refund, at_most=timing.KEYS_AFTER_FAILURES, now=now)
        case Doubt.REFUSED:
            return _repeated(refund, at_most=timing.KEYS_AFTER_REFUSALS, now=now)
        case Doubt.REFUSED_FOR_GOOD:
            soon = timing.before_retry(1)
            return _next_key(refund, at_most=timing.KEYS_AFTER_REFUSALS, wait=soon, now=now)
        case Doubt.NO_SUCH_PAYMENT | Doubt.NOT_LISTED:
            return _absent(refund, now=now)
    return {}


def _repeated(refund: Refund, *, at_most: int, now: datetime) -> dict[str, Any]:
    """The provider would say the same for as long as it remembers the key. When it has said
    nothing else for a while, and what it did the first time would be listed by now, only a new
    key helps."""
    since = refund.stored_failure_at or now
    if now - since < timing.SECOND_LOOK:
        return {"stored_failure_at": since}
    return _next_key(refund, at_most=at_most, wait=timing.NEXT_KEY_AFTER, now=now)


def _next_key(refund: Refund, *, at_most: int, wait: timedelta, now: datetime) -> dict[str, Any]:
    """Or a person, when that did not help often enough."""
    if refund.epoch >= at_most:
        return {"absent_at": now, "next_attempt_at": None}
    return {"epoch": refund.epoch + 1, "next_attempt_at": now + wait}


def _absent(refund: Refund, *, now: datetime) -> dict[str, Any]:
    """A person may decide at once. Where the key is forgotten nobody else does: after a second
    look `next_attempt_at` stays empty until then."""
    since = refund.absent_at or now
    if not is_old(refund, now=now):
        return {"absent_at": since}
    is_second = now - since >= timing.SECOND_LOOK
    return {
        "absent_at": since,
        "next_attempt_at": None if is_second else since + timing.SECOND_LOOK,
    }


def is_old(refund: Refund, *, now: datetime) -> bool:
    """Whether the provider may have forgotten the first key of this refund."""
    return now - _since(refund) > timing.KEY_LIFE


def _since(refund: Refund) -> datetime:
    return refund.first_sent_at or refund.created_at


def _told(
    refund: Refund, answer: Answer, changes: dict[str, Any], *, now: datetime
) -> dict[str, Any]:
    """What staff reads in its queue; and when it is told of it by e-mail, once for each reason."""
    since, told_at = _since(refund), refund.alerted_at
    is_for_staff = changes["absent_at"] is not None or is_old(refund, now=now)
    was_for_staff = refund.absent_at is not None or (
        told_at is not None and told_at - since > timing.KEY_LIFE
    )
    is_news = (
        changes["next_attempt_at"] is None
        or (is_for_staff and not was_for_staff)
        or (told_at is None and now - since >= timing.ALERT_AFTER)
    )
    words = f"{answer.message[:400]} {DECIDE}" if is_for_staff else answer.message
    return {"last_answer": words[:500], **({"alerted_at": now} if is_news else {})}


def _accepted(refund: Refund, answer: Answer, *, now: datetime) -> dict[str, Any]:
    is_new = refund.state != RefundState.ACCEPTED
    return {
        "state": RefundState.ACCEPTED,
        "next_attempt_at": now + _poll_wait(refund, now=now),
        "accepted_at": refund.accepted_at or now,
        "hold_reason": "",
        **({"alerted_at": None} if is_new else _with_the_bank(refund, answer, now=now)),
    }


def _with_the_bank(refund: Refund, answer: Answer, *, now: datetime) -> dict[str, Any]:
    """Whether it answers or not, staff is told once when that takes too long."""
    if not is_slow(refund, now=now):
        return {"last_answer": answer.message[:500]}
    words = " ".join(filter(None, [SLOW, answer.message[:300], DECIDE]))
    return {"last_answer": words[:500], **({} if refund.alerted_at else {"alerted_at": now})}


def is_slow(refund: Refund, *, now: datetime) -> bool:
    """With the bank for too long."""
    return refund.accepted_at is not None and now - refund.accepted_at >= timing.SLOW_BANK


def _poll_wait(refund: Refund, *, now: datetime) -> timedelta:
    return timing.before_poll(now - (refund.accepted_at or now))
