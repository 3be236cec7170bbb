"""What a provider says about a refund, written down: from an answer, a list, or a poll alike.

Every write is conditional on the row being as it was when the provider was asked (fencing), so
an answer that comes late changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, cast

from django.db import transaction
from django.db.models import Expression, Field

from bookings import clocks, emails, timeline
from bookings.fan_out import together
from bookings.gateways import Answer
from bookings.models import Payment, Refund, RefundState, TimelineEvent
from bookings.refunds import crash_points
from bookings.refunds.outcomes import changes_of
from bookings.states import SYSTEM, Actor

_READ = ("state", "attempts", "lease_token")
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
        fresh = _as_read([refund for refund, _ in answered])
        written = [
            (refund, answer, changes_of(refund, answer, now=now))
            for refund, answer in answered
            if refund.pk in fresh
        ]
        _write([(refund, changes) for refund, _, changes in written])
        watch([row for row, _, changes in written if changes["state"] != row.state], now=now)
        crash_points.reached("recording")
        told = []
        for refund, answer, changes in written:
            verb = _VERBS.get(changes["state"])
            if changes["state"] != refund.state and verb:
                told.append(Told(refund, verb, note=answer.message, reference=answer.reference))
            elif changes.get("alerted_at"):
                alert(refund, now=now, why=now.isoformat())
        tell_all(told, now=now)
    return [refund for refund, _, _ in written]


def _as_read(refunds: Sequence[Refund]) -> set[int]:
    """Lock these rows; those that still are as they were read (fencing)."""
    rows = Refund.objects.select_for_update(no_key=True).filter(pk__in=[row.pk for row in refunds])
    found = {pk: read for pk, *read in rows.order_by("pk").values_list("pk", *_READ)}
    return {row.pk for row in refunds if found.get(row.pk) == [getattr(row, n) for n in _READ]}


def _write(rows: Sequence[tuple[Refund, dict[str, Any]]]) -> None:
    """One statement for all rows that change in the same fields."""
    alike: dict[tuple[str, ...], list[tuple[Refund, dict[str, Any]]]] = {}
    for refund, changes in rows:
        alike.setdefault(tuple(changes), []).append((refund, changes))
    for names, group in alike.items():
        values = {name: {refund.pk: changes[name] for refund, changes in group} for name in names}
        Refund.objects.filter(pk__in=[refund.pk for refund, _ in group]).update(
            lease_token=None,
            **{name: _each(name, theirs) for name, theirs in values.items()},
        )


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


@dataclass(frozen=True, slots=True)
class Told:
    """A line of a booking's history about one of its refunds."""

    refund: Refund
    verb: str
    note: str = ""
    reference: str = ""


def tell(
    refund: Refund, verb: str, *, now: datetime, note: str = "", actor: Actor = SYSTEM
) -> TimelineEvent:
    """One line in the booking's history, and the e-mails it promises."""
    return tell_all([Told(refund, verb, note)], now=now, actor=actor)[0]


def tell_all(told: Sequence[Told], *, now: datetime, actor: Actor = SYSTEM) -> list[TimelineEvent]:
    lines = [
        timeline.Line(
            one.refund.booking,
            one.verb,
            note=one.note,
            data={
                "refund": str(one.refund.uuid),
                "amount_minor": one.refund.amount_minor,
                "currency": one.refund.currency,
                "reference": one.reference,
            },
        )
        for one in told
    ]
    events = timeline.append_all(lines, actor=actor, at=now)
    bookings = [one.refund.booking for one in told]
    emails.queue_for_all(zip(events, bookings, strict=True), now=now, not_before=now)
    return events


def alert(refund: Refund, *, now: datetime, why: str) -> None:
    """Staff hears of it, once for each reason."""
    emails.queue(
        "staff_refund_failed",
        booking=refund.booking,
        now=now,
        dedupe=f"{refund.uuid}? {why}",
        facts={"refund": str(refund.uuid)},
    )
