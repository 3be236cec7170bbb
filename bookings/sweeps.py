"""What beat triggers: passed deadlines, reminders, undelivered e-mails, unfinished refunds.

Safe to run twice, or on many machines at once: it only finds rows and asks the verbs, which
refuse what is not due. One failure is logged and the rest goes on.

What is due for many bookings is done in one transaction for as many as possible. When one of them
fails, the batch is halved until that one is found. It is set aside for a person to look at, so that
the next sweep does the others together again.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F

from bookings import (
    alarms,
    clock_check,
    database_time,
    emails,
    erasing,
    fan_out,
    housekeeping,
    lifecycle,
    ping,
    provider_events,
    refunds,
    reminders,
    rules,
    tasks,
    timeline,
    unreadable,
)
from bookings.checkouts import settling
from bookings.lifecycle.engine import in_transaction
from bookings.models import (
    Booking,
    Checkout,
    Heartbeat,
    OutboxEmail,
    Payment,
    ProviderEvent,
    Refund,
    SetAside,
)
from bookings.models.booking import BookingQuerySet, Place
from bookings.policy import Policy
from bookings.refunds import crash_points, holds, planning, sending, staff
from bookings.states import Actor, TransitionNotAllowed

logger = logging.getLogger(__name__)

AT_MOST = 2000
"""One run takes at most this many of each kind, so that it ends. The next one takes the rest."""
COMPARED, COMPARED_WITHIN = 60, 20.0
"""How many payments one run compares with the provider's books, and for how many seconds at most.
Each payment is compared once a day."""
LATE_AFTER_PERIODS = 3
READ_AT_ONCE = 500
NAMED = 20
"""One e-mail names at most this many bookings and only counts the others."""
BATCH = 500
MOST_BOOKINGS = 20_000
WITHIN = 40.0
"""Seconds for each kind of work."""
AGAIN_AFTER = [timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(days=1)]
"""By then another release may be able to read it, or somebody may have repaired it."""
AGAIN_AT_MOST = 50
"""One sweep tries this many again."""


@shared_task(name="bookings.tasks.sweep", ignore_result=True, soft_time_limit=240, time_limit=270)
def sweep() -> dict[str, int] | None:
    """Run one sweep now. None means that the clock of this process is wrong, so it did nothing.

    Whoever watches for silence is told of its beginning and its end, and of what is missing then.
    """
    ping.send("start")
    try:
        counts, missing = _sweep()
    except Exception as error:
        ping.send("fail", f"The sweep failed: {type(error).__name__}")
        raise
    ping.send("fail" if missing else "", "\n".join(missing))
    return counts


def _sweep() -> tuple[dict[str, int] | None, list[str]]:
    """What has moved, and what is missing."""
    if not sweep.request.called_directly:
        # Celery marks what beat asks for. A worker that starts asks for a sweep as well.
        tasks.note_worker(is_for_beat=bool(sweep.request.get("celery_beat_task")))
    now = clock_check.time_to_act()
    if now is None:
        return None, ["The clock of this machine is not the database's"]
    database_time.remember()
    counts = run(now=now)
    return counts, alarms.after_sweep(now=database_time.now())


def run(*, now: datetime) -> dict[str, int]:
    """Run one sweep, and return how many rows of each kind it has moved."""
    clock = fan_out.Clock(now)
    crash_points.reached("sweep_began")
    _tell_if_late(now)
    deadlines = run_deadlines(now=now)
    crash_points.reached("deadlines_done")
    watch_refunds(now=now)
    counts = {
        "deadlines": deadlines,
        "reminders": send_reminders(now=now),
        "events": tasks.work_on_all(ProviderEvent.objects.due(now).ids(AT_MOST), now=now),
        "checkouts": tasks.poll_all(Checkout.objects.to_ask_about(now).ids(AT_MOST), now=now),
    }
    # A lease begins when a row is taken, not when the sweep began; and mails of what has just
    # happened are due, too.
    _tried(emails.try_one_again, now=clock.now)
    due = Refund.objects.due(clock.now).ids(AT_MOST)
    counts["refunds"] = refunds.drive(due, now=clock.now)
    waiting = OutboxEmail.objects.due(clock.now).ids(AT_MOST)
    counts["emails"] = emails.deliver_all(waiting, now=clock.now)
    counts["forgotten"] = forget_old(now=now)
    counts["unreadable"] = _tried(read_on, now=now)
    Heartbeat.objects.update_or_create(
        name="sweep", defaults={"finished_at": database_time.now(), "counts": counts}
    )
    return counts


def run_deadlines(*, now: datetime) -> int:
    """Do what each passed deadline asks for, by the rules of the verbs."""
    step = Step("deadline_at", Booking.objects.overdue, lifecycle.run_deadlines)
    return in_batches(step, now=now)


def send_reminders(*, now: datetime) -> int:
    """Queue the reminder that is due for each booking, and set its next one."""
    step = Step("next_reminder_at", Booking.objects.reminder_due, reminders.send)
    return in_batches(step, now=now)


def watch_refunds(*, now: datetime) -> None:
    """What no driver does: holds, alerts, probes, and the daily comparison of a few payments."""
    for watch in (_hold_restored, staff.tell_of_old, sending.probe, _compare_some):
        _tried(watch, now=now)


def _hold_restored(*, now: datetime) -> None:
    holds.hold_restored(Refund.objects.due(now), now=now)


def _compare_some(*, now: datetime) -> None:
    some = Payment.objects.due_by("next_compare_at", now).ids(COMPARED)
    refunds.reconcile(some, now=now, seconds=COMPARED_WITHIN)


def _tell_if_late(now: datetime) -> None:
    """A sweep that comes late tells staff about it, unless a web process has: then staff is told
    when this one has ended."""
    beat = Heartbeat.objects.filter(name="sweep").first()
    if beat and now - beat.finished_at > LATE_AFTER_PERIODS * max(
        settings.SWEEP_EVERY, timedelta(seconds=60)
    ):
        planning.note_gap(now - beat.finished_at, now=now)
        if alarms.is_told("sweep"):
            return
        minutes = int((now - beat.finished_at) / timedelta(minutes=1))
        emails.queue(
            "staff_sweep_late",
            now=now,
            dedupe=beat.finished_at.isoformat(),
            facts={"minutes": minutes},
        )


# --- old rows, and rows that cannot be read -------------------------------------------------------


def forget_old(*, now: datetime) -> int:
    """Delete what nobody needs any more, and finish erasing people; how many rows that was. How
    long each kind is kept is in docs/privacy.md."""
    forgets = (provider_events.forget_old, settling.forget_old, *housekeeping.ALL)
    return sum(_tried(forget, now=now) for forget in (*forgets, erasing.finish_all))


def read_on(*, now: datetime) -> int:
    """How many of the next bookings cannot be read: some in every sweep, from the first to the last
    and then again, as no sweep may read a table of millions at once.

    A page shows such a booking with a sentence in place of what is wrong. Staff must hear of it
    without opening that page, and of the same ones only once.
    """
    beat, _ = Heartbeat.objects.get_or_create(name="rows_read", defaults={"finished_at": now})
    last = beat.counts.get("last", 0)
    bookings = list(Booking.objects.filter(pk__gt=last).order_by("pk").with_people()[:READ_AT_ONCE])
    found = [booking for booking in bookings if unreadable.for_staff(booking)]
    if found:
        _tell_of_unreadable(found, now=now)
    last = bookings[-1].pk if len(bookings) == READ_AT_ONCE else 0
    Heartbeat.objects.filter(pk=beat.pk).update(finished_at=now, counts={"last": last})
    return len(found)


def _tell_of_unreadable(found: Sequence[Booking], *, now: datetime) -> None:
    lines = [
        f"{booking.code}: {sentence}"
        for booking in found
        for sentence in unreadable.for_staff(booking)
    ]
    emails.queue(
        "staff_unreadable",
        now=now,
        dedupe=hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32],
        facts={"lines": lines[:NAMED], "count": len(found)},
    )


def _tried(act: Callable[..., int | None], *, now: datetime) -> int:
    """What `act` returns, or 0 when it fails, so that the others are done all the same."""
    try:
        return act(now=now) or 0
    except Exception:
        logger.exception("%s failed; the next sweep tries again", act.__qualname__)
        return 0


# --- many bookings in one transaction -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """`column` is what `due` goes by. `act` gets locked bookings and says how many it has moved."""

    column: str
    due: Callable[..., BookingQuerySet]
    act: Callable[..., int]


def in_batches(step: Step, *, now: datetime) -> int:
    """Work on the bookings that are due and return how many have moved. No batch begins after
    `WITHIN`."""
    ends = time.monotonic() + WITHIN
    done = _those_set_aside(step, ends, now=now)
    last: Place | None = None
    for _ in range(MOST_BOOKINGS // BATCH):
        if time.monotonic() > ends:
            logger.warning("%s: the rest is left to the next sweep", step.column)
            break
        aside = SetAside.objects.filter(step=step.column).values("booking_id")
        due = step.due(now, after=last).exclude(pk__in=aside)
        places = cast("list[Place]", list(due.values_list(step.column, "pk")[:BATCH]))
        done += _together(step, [pk for _, pk in places], now=now)
        if len(places) < BATCH:
            break
        last = places[-1]
    return done


def _together(step: Step, ids: Sequence[int], *, now: datetime, is_half: bool = False) -> int:
    """Do them in one transaction; when that fails, each half in its own. The log has one line for
    that and one for each booking that is to blame, however often they were tried."""
    if len(ids) < 2:
        return sum(_alone(step, pk, now=now) for pk in ids)
    try:
        return _in_one_transaction(step, ids, now=now)
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:
        level = logging.DEBUG if is_half else logging.WARNING
        logger.log(
            level, "%s of %s at once failed (%r), now in halves", step.column, len(ids), error
        )
    half = len(ids) // 2
    return sum(_together(step, some, now=now, is_half=True) for some in (ids[:half], ids[half:]))


def _alone(step: Step, pk: int, *, now: datetime) -> int:
    """Do one by itself, and set it aside when it fails."""
    try:
        return _in_one_transaction(step, [pk], now=now)
    except TransitionNotAllowed as refused:  # somebody was faster
        logger.debug("booking %s: %s", pk, refused)
    except SoftTimeLimitExceeded:
        raise  # it is not the booking's fault
    except Exception as error:
        set_aside(pk, step.column, error, now=now)
    return 0


def _in_one_transaction(step: Step, ids: Sequence[int], *, now: datetime) -> int:
    """Do those of them that nobody else has locked."""

    def once() -> int:
        bookings = list(step.due(now).filter(pk__in=ids).locked_for_us())
        for booking in bookings:
            # A page shows such a booking by the limits of today. Nothing is done to it by itself:
            # what its clock has promised is not known.
            if names := ", ".join(booking.unreadable_limits):
                raise ValueError(f"These limits of the booking cannot be read: {names}.")
        return step.act(bookings, now=now) if bookings else 0

    try:
        return in_transaction(once, step.column, acts_once=True)
    except (OperationalError, InterfaceError) as error:
        logger.error(
            "%s: the database did not do it (%s); the next sweep tries again", step.column, error
        )
        return 0


# --- what could not be done -----------------------------------------------------------------------


def set_aside(booking_id: int, step: str, error: Exception, *, now: datetime) -> None:
    """Leave the booking out from here on and tell staff, in one e-mail an hour for all of them."""
    why = f"{type(error).__name__}: {error}"[:500]
    logger.error("booking %s is set aside: %s failed: %s", booking_id, step, why, exc_info=error)
    with transaction.atomic():
        row, is_new = SetAside.objects.select_for_update().get_or_create(
            booking_id=booking_id,
            step=step,
            defaults={"since": now, "next_attempt_at": now + AGAIN_AFTER[0], "last_error": why},
        )
        if is_new:
            facts = {"set_aside": row.pk, "why": why}
            emails.queue(
                "staff_bookings_set_aside", now=now, dedupe=f"{now:%Y-%m-%d %H}", facts=facts
            )
            return
        wait = AGAIN_AFTER[min(row.attempts, len(AGAIN_AFTER) - 1)]
        SetAside.objects.filter(pk=row.pk).update(
            attempts=F("attempts") + 1, next_attempt_at=now + wait, last_error=why
        )


def _those_set_aside(step: Step, ends: float, *, now: datetime) -> int:
    """Those whose turn has come again, one by one; each that works, or is due no more, goes back
    to the others."""
    aside = SetAside.objects.filter(step=step.column)
    done = 0
    for pk in list(aside.due(now).values_list("booking_id", flat=True)[:AGAIN_AT_MOST]):
        if time.monotonic() > ends:
            break
        moved = _alone(step, pk, now=now)
        if moved or not step.due(now).filter(pk=pk).exists():
            aside.filter(booking_id=pk).delete()
        done += moved
    return done


# --- what staff does ------------------------------------------------------------------------------


def try_again(pk: int, *, actor: Actor, now: datetime, reason: str) -> None:
    """Have the next sweep try it again."""
    rules.check_staff(actor, reason)
    SetAside.objects.filter(pk=pk).update(next_attempt_at=now)


def give_limits_in_force(pk: int, *, actor: Actor, now: datetime, reason: str) -> None:
    """Give a booking whose limits cannot be read today's limits. Its deadline stays."""
    rules.check_staff(actor, reason)
    with transaction.atomic():
        row = SetAside.objects.select_for_update(of=("self",)).select_related("booking").get(pk=pk)
        if not row.booking.unreadable_limits:
            raise TransitionNotAllowed("state", "The limits of this booking can be read.")
        limits = Policy.in_force().to_json()
        Booking.objects.filter(pk=row.booking_id, version=row.booking.version).update(policy=limits)
        timeline.append(row.booking, "limits_renewed", actor=actor, at=now, note=reason)
        SetAside.objects.filter(booking=row.booking_id).update(next_attempt_at=now)
