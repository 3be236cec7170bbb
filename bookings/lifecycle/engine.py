"""How every verb runs: lock, check, change, append, queue; again after a deadlock.

Lock order everywhere: expert (only where a slot is claimed), booking, payment, refund.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.db import IntegrityError, OperationalError, transaction

from bookings import clocks, compiled, emails, rules, tasks, timeline
from bookings.lifecycle.locking import BookingRef, acted_before, lock
from bookings.models import Booking, TimelineEvent
from bookings.states import (
    TABLE,
    Actor,
    ActorKind,
    State,
    TransitionNotAllowed,
    Verb,
    changed_meanwhile,
)

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
Ask = Callable[[Booking], Mapping[str, Any]]

TRIES = 3
WORTH_ANOTHER_TRY = {"40001", "40P01", "55P03"}
"""PostgreSQL: serialization failure, deadlock, lock not available"""


def verb(
    name: Verb, *, claims_slot: bool = False
) -> Callable[[Callable[..., None]], Callable[..., Booking]]:
    """Make `body(booking, *, actor, now, ...)` a verb: `verb(booking_ref, *, actor, now, ...)`.

    Instead of the details it takes `ask`, which reads them off a form and the locked booking.
    """

    def make(body: Callable[..., None]) -> Callable[..., Booking]:
        @functools.wraps(body)
        def run(
            booking_ref: BookingRef,
            *,
            actor: Actor,
            now: datetime,
            ask: Ask | None = None,
            **details: Any,
        ) -> Booking:
            def once() -> Booking:
                booking = lock(booking_ref, claims_slot=claims_slot)
                asked = ask(booking) if ask else details
                if refused := rules.refusal(booking, name, actor, now=now):
                    raise refused
                body(booking, actor=actor, now=now, **asked)
                tasks.wake(booking)
                return booking

            try:
                return in_transaction(once, name)
            except TransitionNotAllowed:
                acted = acted_before(booking_ref, actor)
                if acted is None:
                    raise
                if TABLE[name].to and acted.state not in TABLE[name].to:
                    raise changed_meanwhile() from None  # it acted, and was undone or overtaken
                return acted

        return run

    return make


def in_transaction(once: Callable[[], Result], name: str) -> Result:
    """Run `once`, and again after a deadlock; refused in words where the database refuses."""
    for tries_left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                return once()
        except OperationalError as error:
            if not tries_left or _sqlstate(error) not in WORTH_ANOTHER_TRY:
                raise
            logger.info("%s runs again: %s", name, _sqlstate(error))
        except IntegrityError as error:
            raise _refused_by_database(error) from error
    raise AssertionError("unreachable")


def _sqlstate(error: Exception) -> str:
    return getattr(error.__cause__, "sqlstate", None) or ""


_SOMEBODY_WAS_FASTER = (
    "one_open", "acts_once", "once_per_call", "link_one_current_per_purpose",
    "timelineevent.request_key", "noshowreport.booking_id", "offer.booking_id",
    "contest.booking_id", "privatelink.booking_id",
)  # fmt: skip
"""Names of the constraints on PostgreSQL, and the columns that SQLite names instead."""


def _refused_by_database(error: IntegrityError) -> Exception:
    """The promises the database keeps, in words; anything else stays an error."""
    text = str(error)
    if "booking_no_overlap" in text:
        return TransitionNotAllowed("taken", "This time has just been taken.")
    if "payment_refund_cap" in text:
        return TransitionNotAllowed("bad_amount", "This is more than can still be refunded.")
    if any(name in text for name in _SOMEBODY_WAS_FASTER):
        return changed_meanwhile()
    return error


@dataclass(frozen=True, slots=True)
class Step:
    """Where one booking goes; what its event says about it, and which columns change besides."""

    booking: Booking
    to: State
    data: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)


def transition(
    booking: Booking,
    name: Verb,
    to: State,
    *,
    actor: Actor,
    now: datetime,
    note: str = "",
    data: Mapping[str, Any] | None = None,
    **changes: Any,
) -> TimelineEvent:
    step = Step(booking, to, data or {}, changes)
    return transition_all([step], name, actor=actor, now=now, note=note)[0]


def transition_all(
    steps: Sequence[Step], name: Verb, *, actor: Actor, now: datetime, note: str = ""
) -> list[TimelineEvent]:
    """The only code that writes a state: a conditional UPDATE for all that change alike, and one
    event each. If one of them is not as it was read, none moves.

    `deadline_at` and `next_reminder_at` start by the rules of the new state unless `changes`
    names them. The bookings are changed in memory too.
    """
    move = TABLE[name]
    is_undoable = move.is_undoable and actor.kind == ActorKind.EXPERT
    alike: dict[tuple[Any, ...], list[Booking]] = {}
    lines = []
    for step in steps:
        if move.to and step.to not in move.to:
            raise ValueError(f"{name} does not lead to {step.to}")
        booking = step.booking
        data = {**step.data, **({"before": snapshot(booking)} if is_undoable else {})}
        lines.append(timeline.Line(booking, name.value, booking.state, note, data))
        columns = tuple(sorted(_columns(step, is_undoable=is_undoable, now=now).items()))
        alike.setdefault((booking.state, booking.version, columns), []).append(booking)
    for (from_state, version, columns), bookings in alike.items():
        ids = [booking.pk for booking in bookings]
        as_read = {"id__in": ids, "state": from_state, "version": version}
        if compiled.update(Booking, as_read, dict(columns)) != len(bookings):
            raise changed_meanwhile()
        for booking in bookings:
            for column, value in columns:
                setattr(booking, column, value)
    return timeline.append_all(lines, actor=actor, at=now)


def _columns(step: Step, *, is_undoable: bool, now: datetime) -> dict[str, Any]:
    booking, limits = step.booking, step.booking.limits
    columns = {
        "deadline_at": clocks.deadline_for(step.to, limits=limits, now=now),
        **step.changes,
        "state": step.to.value,
        "version": booking.version + 1,
        "undo_until": clocks.after(now, limits.undo_window) if is_undoable else None,
        "updated_at": now,
    }
    if "next_reminder_at" not in columns:
        columns["next_reminder_at"] = clocks.next_reminder_at(
            state=step.to.value,
            ends_at=columns.get("ends_at", booking.ends_at),
            deadline_at=columns["deadline_at"],
            limits=limits,
            now=now,
        )
    return columns


RESTORED_BY_UNDO = (
    "state",
    "deadline_at",
    "next_reminder_at",
    "resume_state",
    "resume_deadline_at",
    "has_open_report",
    "offers_after_report",
    "marked_at",
    "calendar_sequence",
)


def snapshot(booking: Booking) -> dict[str, Any]:
    """What an undo puts back; instants as ISO text with microseconds."""
    values = {column: getattr(booking, column) for column in RESTORED_BY_UNDO}
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in values.items()}


def not_before(booking: Booking, now: datetime) -> datetime:
    """When what a verb caused may leave the house: at once, or when the undo has run out."""
    return booking.undo_until or now


def tell(events: Sequence[TimelineEvent], *, now: datetime) -> None:
    """Queue the e-mails that these changes of state promise, all of them of the same verb."""
    emails.queue_for(events, now=now, not_before=not_before(events[0].booking, now))
