"""What beat triggers: passed deadlines, reminders, undelivered e-mails, unfinished refunds.

Safe to run twice, or on many machines at once: it only finds rows and asks the verbs, which
refuse what is not due. One failure is logged and the rest goes on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from bookings import (
    emails,
    housekeeping,
    lanes,
    lifecycle,
    refunds,
    reminders,
    row_watch,
    tasks,
)
from bookings.lifecycle.engine import in_transaction
from bookings.models import (
    Booking,
    Checkout,
    Heartbeat,
    OutboxEmail,
    Payment,
    ProviderEvent,
    Refund,
)
from bookings.models.booking import BookingQuerySet, Place
from bookings.refunds import breaker, holds, points, reconciling, recovery
from bookings.states import TransitionNotAllowed

logger = logging.getLogger(__name__)

BATCH = 500
MOST_BOOKINGS = 20_000
AT_MOST = 2000
"""of each kind in one run, so that a run ends; the next one goes on"""
COMPARED, COMPARED_WITHIN = 60, 20.0
"""payments with the provider's books in one run, and seconds; each is compared once a day"""
BATCHES_WITHIN = 40.0
"""seconds, for each kind of deadline"""
LATE_AFTER_PERIODS = 3


@shared_task(name="bookings.tasks.sweep", ignore_result=True, soft_time_limit=240, time_limit=270)
def sweep() -> dict[str, int]:
    return run(now=timezone.now())


def run(*, now: datetime) -> dict[str, int]:
    """One sweep; how many rows of each kind it has moved."""
    clock = lanes.Clock(now)
    points.reached("sweep_began")
    _tell_if_late(now)
    deadlines = run_deadlines(now=now)
    points.reached("deadlines_done")
    watch_refunds(now=now)
    counts = {
        "deadlines": deadlines,
        "reminders": send_reminders(now=now),
        "events": tasks.work_on_all(ProviderEvent.objects.due(now).ids(AT_MOST), now=now),
        "checkouts": tasks.poll_all(Checkout.objects.to_ask_about(now).ids(AT_MOST), now=now),
    }
    # A lease begins when a row is taken, not when the sweep began; and mails of what has just
    # happened are due, too.
    due = Refund.objects.to_drive(clock.now).ids(AT_MOST)
    counts["refunds"] = tasks.execute_all(due, now=clock.now)
    waiting = OutboxEmail.objects.due(clock.now).ids(AT_MOST)
    counts["emails"] = tasks.deliver_all(waiting, now=clock.now)
    counts["forgotten"] = housekeeping.forget_old(now=now)
    counts["unreadable"] = _read_on(now=now)
    Heartbeat.objects.update_or_create(
        name="sweep", defaults={"finished_at": timezone.now(), "counts": counts}
    )
    return counts


def run_deadlines(*, now: datetime) -> int:
    """What a passed deadline asks for, by the verbs' own rules."""

    def alone(booking: Booking) -> bool:
        try:
            lifecycle.run_deadline(booking.pk, state=booking.state, now=now)
        except TransitionNotAllowed as refused:  # somebody was faster, or the grace is not over
            logger.debug("booking %s: %s", booking, refused)
            return False
        return True

    return _in_batches(
        "deadline_at", Booking.objects.overdue, lifecycle.run_deadlines, alone, now=now
    )


def send_reminders(*, now: datetime) -> int:
    """Queue the reminder that is due for each booking, and set its next one."""

    def alone(booking: Booking) -> bool:
        return reminders.send_one(booking.pk, now=now)

    return _in_batches(
        "next_reminder_at", Booking.objects.reminder_due, reminders.send, alone, now=now
    )


def _in_batches(
    column: str,
    due: Callable[..., BookingQuerySet],
    together: Callable[..., int],
    alone: Callable[[Booking], bool],
    *,
    now: datetime,
) -> int:
    """Many in one transaction, of those that nobody else holds; where that fails one by one, so
    that one poisoned row stops nobody. `column` is what `due` goes by."""

    def in_one_transaction(chosen: BookingQuerySet) -> tuple[list[Place], int]:
        bookings = list(chosen.locked_for_us())
        places = [_place(booking, column) for booking in bookings]
        return places, together(bookings, now=now) if bookings else 0

    def one_by_one(chosen: BookingQuerySet) -> tuple[list[Place], int]:
        bookings = list(chosen)
        return [_place(booking, column) for booking in bookings], sum(map(tried, bookings))

    def tried(booking: Booking) -> bool:
        try:
            return alone(booking)
        except Exception:
            logger.exception("%s of %s failed; the next sweep tries again", column, booking)
            return False

    done = 0
    last: Place | None = None
    ends = time.monotonic() + BATCHES_WITHIN
    for _ in range(MOST_BOOKINGS // BATCH):
        if time.monotonic() > ends:
            logger.warning("%s: the rest is left to the next sweep", column)
            break
        chosen = due(now, after=last)[:BATCH]
        try:
            places, done_now = in_transaction(partial(in_one_transaction, chosen), column)
        except Exception:
            logger.exception("%s: a batch did not pass together; now one by one", column)
            places, done_now = one_by_one(chosen)
        done += done_now
        if len(places) < BATCH:
            break
        last = places[-1]
    return done


def _place(booking: Booking, column: str) -> Place:
    return getattr(booking, column), booking.pk


def watch_refunds(*, now: datetime) -> None:
    """What no driver does: holds, alerts, probes, and the daily comparison of a few payments."""
    try:
        if settings.REFUNDS_HOLD:
            waiting = Refund.objects.to_drive(now).exclude(state="accepted")
            holds.hold_restored(waiting.select_related("booking")[:AT_MOST], now=now)
        reconciling.tell_of_old(now=now)
        recovery.probe(now=now)
        some = Payment.objects.to_compare(now).ids(COMPARED)
        refunds.reconcile(some, now=now, seconds=COMPARED_WITHIN)
    except Exception:
        logger.exception("refunds were not watched; the next sweep tries again")


def _read_on(*, now: datetime) -> int:
    try:
        return row_watch.read_on(now=now)
    except Exception:
        logger.exception("bookings were not read through; the next sweep tries again")
        return 0


def _tell_if_late(now: datetime) -> None:
    """Silence is the alarm: a sweep that comes late says so to staff."""
    beat = Heartbeat.objects.filter(name="sweep").first()
    if beat and now - beat.finished_at > LATE_AFTER_PERIODS * max(
        settings.SWEEP_EVERY, timedelta(seconds=60)
    ):
        breaker.note_gap(now - beat.finished_at, now=now)
        minutes = int((now - beat.finished_at) / timedelta(minutes=1))
        emails.queue(
            "staff_sweep_late",
            now=now,
            dedupe=beat.finished_at.isoformat(),
            facts={"minutes": minutes},
        )
