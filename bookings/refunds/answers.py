"""What a provider says about a refund, written down: from an answer, a list, or a poll alike.

Every write is conditional on the row being as it was when the provider was asked (fencing), so
an answer that comes late changes nothing. What an answer changes is decided without the database,
by the rules in the last part of this file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Any, cast

from django.db import transaction
from django.db.models import Expression, Field

from bookings import clocks, emails, timeline
from bookings.fan_out import together
from bookings.gateways import Answer, Doubt, Status
from bookings.models import Payment, Refund, RefundState
from bookings.refunds import crash_points, timing
from bookings.states import SYSTEM, Actor

ABSENT = Answer(
    Status.UNKNOWN,
    message="The provider does not list this refund.",
    doubt=Doubt.NOT_LISTED,
)
"""It was sent so long ago that the key may be forgotten: nobody sends it again by itself."""
DECIDE = "Look in the provider's dashboard; then try again, or pay it by hand and record that."
SLOW = "The bank has had it for more than ten days."
_READ = ("pk", "state", "attempts", "lease_token")
_as_it_was = attrgetter(*_READ)
_VERBS = {
    RefundState.ACCEPTED: "refund_accepted",
    RefundState.SUCCEEDED: "refund_succeeded",
    RefundState.DECLINED: "refund_declined",
    RefundState.REVERSED: "refund_reversed",
}


def record(refund: Refund, answer: Answer, *, now: datetime) -> bool:
    """False when the row is not as it was read: whoever changed it knows more."""
    return bool(_record([(refund, answer)], now=now))


def record_all(
    answered: Sequence[tuple[Refund, Answer]],
    *,
    now: datetime,
    failed: Callable[[tuple[Refund, Answer], Exception], None] | None = None,
) -> list[Refund]:
    """The same for many, in one transaction, or one by one if that fails; those written. `failed`
    hears of each that cannot be written."""
    return together(partial(_record, now=now), answered, failed=failed)


def _record(answered: Sequence[tuple[Refund, Answer]], *, now: datetime) -> list[Refund]:
    with transaction.atomic():
        unchanged = _unchanged([refund for refund, _ in answered])
        written = [
            (refund, answer, changes_of(refund, answer, now=now))
            for refund, answer in answered
            if refund.pk in unchanged
        ]
        _write(written)
        crash_points.reached("recording")
        moved, lines = [], []
        for refund, answer, changes in written:
            is_new = changes["state"] != refund.state
            if is_new:
                moved.append(refund)
            if is_new and (verb := _VERBS.get(changes["state"])):
                lines.append(_line(refund, verb, answer.message, answer.reference))
            elif changes.get("alerted_at"):
                alert(refund, now=now, why=now.isoformat())
        watch(moved, now=now)
        _tell_all(lines, now=now)
    return [refund for refund, _, _ in written]


def _unchanged(refunds: Sequence[Refund]) -> set[int]:
    """Lock these rows; those that still are as they were read (fencing)."""
    rows = Refund.objects.select_for_update(no_key=True).filter(pk__in=[row.pk for row in refunds])
    locked = set(rows.order_by("pk").values_list(*_READ))
    return {row.pk for row in refunds if _as_it_was(row) in locked}


def _write(written: Sequence[tuple[Refund, Answer, dict[str, Any]]]) -> None:
    """One statement for all rows that change in the same fields."""
    alike: dict[tuple[str, ...], list[tuple[Refund, dict[str, Any]]]] = {}
    for refund, _, changes in written:
        alike.setdefault(tuple(changes), []).append((refund, changes))
    for names, group in alike.items():
        values = {
            name: _each(name, {refund.pk: changes[name] for refund, changes in group})
            for name in names
        }
        rows = Refund.objects.filter(pk__in=[refund.pk for refund, _ in group])
        rows.update(lease_token=None, **values)


def _each(name: str, values: dict[int, Any]) -> Any:
    first, *others = values.values()
    if all(value == first for value in others):
        return first
    return _ByKey(cast("Field[Any, Any]", Refund._meta.get_field(name)), values)


class _ByKey(Expression):
    """Another value for each row. What `Case` says too, but that resolves a filter for each."""

    def __init__(self, field: Field[Any, Any], values: dict[int, Any]) -> None:
        super().__init__(output_field=field)
        self.values = values

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        parameters: list[Any] = []
        for pk, value in self.values.items():
            parameters += [pk, self.output_field.get_db_prep_save(value, connection)]
        return f"CASE bookings_refund.id {'WHEN %s THEN %s ' * len(self.values)}END", parameters


def watch(refunds: Sequence[Refund], *, now: datetime) -> None:
    """Something happens to them: their payments are compared with the provider's books again."""
    if refunds:
        Payment.objects.filter(
            pk__in=[refund.payment_id for refund in refunds], next_compare_at=None
        ).update(next_compare_at=clocks.next_compare_at(now, now=now))


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


def tell(
    refund: Refund,
    verb: str,
    *,
    now: datetime,
    note: str = "",
    reference: str = "",
    actor: Actor = SYSTEM,
) -> None:
    """One line in the booking's history, and the e-mails it promises."""
    _tell_all([_line(refund, verb, note, reference)], now=now, actor=actor)


def _line(refund: Refund, verb: str, note: str, reference: str) -> timeline.Line:
    data = {
        "refund": str(refund.uuid),
        "amount_minor": refund.amount_minor,
        "currency": refund.currency,
        "reference": reference,
    }
    return timeline.Line(refund.booking, verb, note=note, data=data)


def _tell_all(lines: Sequence[timeline.Line], *, now: datetime, actor: Actor = SYSTEM) -> None:
    events = timeline.append_all(lines, actor=actor, at=now)
    emails.queue_for(events, now=now, not_before=now)


def alert(refund: Refund, *, now: datetime, why: str) -> None:
    """Staff hears of it, once for each reason."""
    emails.queue(
        "staff_refund_failed",
        booking=refund.booking,
        now=now,
        dedupe=f"{refund.uuid}? {why}",
        facts={"refund": str(refund.uuid)},
    )


# --- what an answer changes: the rules, without a database ---------------------------------------


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
