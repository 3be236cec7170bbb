"""How every verb runs: find and lock the booking, check, change, append, queue; again after a
deadlock or when the connection broke. And what happens by itself when a deadline has passed.

Lock order everywhere: expert (only where a slot is claimed), booking, payment, refund.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction

from bookings import clocks, emails, rules, tasks, timeline
from bookings.database import failures, kept_statements
from bookings.database.kept_statements import KeptQuery
from bookings.models import Booking, Expert, NoShowReport, Offer, TimelineEvent
from bookings.models.booking import BookingQuerySet
from bookings.states import (
    SYSTEM,
    TABLE,
    WAITING,
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


@dataclass(frozen=True, slots=True)
class Own:
    """The booking of this code, if it is this expert's; its payment is loaded, too."""

    expert: Expert
    code: str

    def find(self, *, to_lock: bool = False) -> Booking | None:
        booking = (_OWN_LOCKED if to_lock else _OWN).first(self.expert.pk, self.code)
        if booking is not None:
            booking.expert = self.expert
        return booking


BookingRef = int | Own
"""The id of a booking, or what a page knows of it: one statement finds and locks it."""

TRIES = 3


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
                return in_transaction(once, name, acts_once=bool(actor.request_key))
            except TransitionNotAllowed:
                acted = _acted_before(booking_ref, actor)
                if acted is None:
                    raise
                if TABLE[name].to and acted.state not in TABLE[name].to:
                    raise changed_meanwhile() from None  # it acted, and was undone or overtaken
                return acted

        return run

    return make


def in_transaction(once: Callable[[], Result], name: str, *, acts_once: bool = False) -> Result:
    """Run `once`, and again after a deadlock, or on a new connection when the old one broke;
    refused in words where the database refuses.

    When the connection breaks at COMMIT, nobody knows whether it was done. Then only what
    `acts_once` runs again. A form does: its id can be written once, so the second run is refused,
    and the caller shows what the first one did. So does what reads its rows anew and goes by a
    conditional UPDATE. A link that is sent again, for example, would be sent twice.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                return once()
        except (OperationalError, InterfaceError) as error:
            if not tries_left or not _is_worth_another_try(error, acts_once=acts_once):
                raise
            logger.info("%s runs again: %s", name, failures.sqlstate(error) or error)
        except IntegrityError as error:
            raise _refused_by_database(error) from error
    raise AssertionError("unreachable")


def _is_worth_another_try(error: Exception, *, acts_once: bool) -> bool:
    if failures.may_be_done(error) and not acts_once:
        return False
    if failures.sqlstate(error) in failures.WORTH_ANOTHER_TRY:
        return True
    # One that could not be made is not asked for again and again: somebody waits for the answer.
    had_one = connection.connection is not None or connection.closed_in_transaction
    if not failures.was_dropped(error) or connection.in_atomic_block or not had_one:
        return False
    connection.close()
    return True


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


# --- finding and locking --------------------------------------------------------------------------


def lock(booking_ref: BookingRef, *, claims_slot: bool = False) -> Booking:
    """The row, locked on PostgreSQL; SQLite has one writer, and `transition` checks anyway."""
    if claims_slot:
        experts = Expert.objects.select_for_update(no_key=True)
        if isinstance(booking_ref, Own):
            experts.filter(pk=booking_ref.expert.pk).first()
        else:
            of_one = Booking.objects.filter(pk=booking_ref)
            experts.filter(pk__in=of_one.values("expert_id")).first()
    booking = _find(booking_ref, to_lock=True)
    if booking is None:
        raise TransitionNotAllowed("not_yours", "There is no such booking.")
    return booking


def _acted_before(booking_ref: BookingRef, actor: Actor) -> Booking | None:
    """The same form sent twice: the first one acted, the second one shows the result."""
    booking = _find(booking_ref) if actor.request_key else None
    acted = booking and booking.events.filter(request_key=actor.request_key).exists()
    return booking if acted else None


def _find(booking_ref: BookingRef, *, to_lock: bool = False) -> Booking | None:
    if isinstance(booking_ref, Own):
        return booking_ref.find(to_lock=to_lock)
    rows = Booking.objects.with_people().filter(pk=booking_ref)
    return (_locked(rows) if to_lock else rows).first()


def _own(expert_id: int, code: str) -> BookingQuerySet:
    own = Booking.objects.filter(expert_id=expert_id, code=code)
    return own.select_related("follower", "payment")


def _locked(rows: BookingQuerySet) -> BookingQuerySet:
    return rows.select_for_update(of=("self",), no_key=True)


_OWN = KeptQuery(_own, 1, "TM-0000000")
_OWN_LOCKED = KeptQuery(lambda expert_id, code: _locked(_own(expert_id, code)), 1, "TM-0000000")


# --- changing the state ---------------------------------------------------------------------------


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
        if kept_statements.update(Booking, as_read, dict(columns)) != len(bookings):
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
    """When what a verb caused may be sent: at once, or when the time to undo it has run out. An
    earlier verb's time to undo may have run out long ago."""
    return max(booking.undo_until or now, now)


def tell(events: Sequence[TimelineEvent], *, now: datetime) -> None:
    """Queue the e-mails that these changes of state promise, all of them of the same verb."""
    emails.queue_for(events, now=now, not_before=not_before(events[0].booking, now))


def close_cases(
    by: Sequence[TimelineEvent],
    *,
    now: datetime,
    report: NoShowReport.Outcome | None = None,
    offer: Offer.Outcome | None = None,
) -> None:
    """Close the open report and the open offer of these events' bookings, each with its outcome;
    None leaves it open. The state they came from says whether there was one."""
    offered = [event for event in by if event.from_state == State.RESCHEDULE_OFFERED]
    reported = [event for event in by if event.from_state == State.NO_SHOW_REPORTED]
    for model, outcome, events in (
        (NoShowReport, report, [*reported, *offered]),
        (Offer, offer, offered),
    ):
        if outcome and events:
            kept_statements.update(
                model,
                {"booking_id__in": [event.booking_id for event in events], "outcome": "open"},
                {
                    "outcome": outcome,
                    "closed_at": now,
                    "closed_by": timeline.of_its_booking(events),
                },
            )


# --- when a deadline has passed -------------------------------------------------------------------

Body = Callable[..., None]
AT_DEADLINE: dict[Verb, Body] = {}


def at_deadline(name: Verb) -> Callable[[Body], Body]:
    """Make `body(bookings, *, actor, now)` what a passed deadline does; the sweep asks for it."""

    def make(body: Body) -> Body:
        AT_DEADLINE[name] = body
        return body

    return make


def deadline_verb(name: Verb) -> Callable[..., Booking]:
    """The same as a verb of one booking."""

    def alone(booking: Booking, *, actor: Actor, now: datetime) -> None:
        AT_DEADLINE[name]([booking], actor=actor, now=now)

    return verb(name)(alone)


def run_deadline(booking_id: int, *, state: str, now: datetime) -> Booking:
    """Do what the passed deadline of a booking in `state` asks for; refused if it has not."""
    return deadline_verb(WAITING[State(state)].at_deadline)(booking_id, actor=SYSTEM, now=now)


def run_deadlines(bookings: Sequence[Booking], *, now: datetime) -> int:
    """The same for all of these, which the caller has locked; how many have moved.

    One that is not due by its own limits stays as it is. Nobody is woken: the sweep itself
    drives what this has made.
    """
    moved = 0
    for state, waiting in WAITING.items():
        name = waiting.at_deadline
        of_state = [booking for booking in bookings if booking.state == state]
        ready = [b for b in of_state if rules.allows(b, name, SYSTEM, now=now)]
        if ready:
            AT_DEADLINE[name](ready, actor=SYSTEM, now=now)
            moved += len(ready)
    return moved
