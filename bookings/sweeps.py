"""What beat triggers: passed deadlines, reminders, undelivered e-mails, unfinished refunds.

Safe to run twice, or on many machines at once: it only finds rows and asks the verbs, which
refuse what is not due. One failure is logged and the rest goes on.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from functools import partial

from celery import shared_task
from django.conf import settings

from bookings import (
    batches,
    clock_check,
    database_time,
    emails,
    fan_out,
    housekeeping,
    lifecycle,
    refunds,
    reminders,
    row_watch,
    tasks,
)
from bookings.batches import Step
from bookings.models import (
    Booking,
    Checkout,
    Heartbeat,
    OutboxEmail,
    Payment,
    ProviderEvent,
    Refund,
)
from bookings.refunds import crash_points, holds, planning, reconciling, sending
from bookings.states import TransitionNotAllowed

logger = logging.getLogger(__name__)

BATCH = 500
MOST_BOOKINGS = 20_000
AT_MOST = 2000
"""So many of each kind in one run, so that a run ends. The next one goes on."""
COMPARED, COMPARED_WITHIN = 60, 20.0
"""So many payments are compared with the provider's books in one run, for so many seconds at most.
Each is compared once a day."""
BATCHES_WITHIN = 40.0
"""Seconds for each kind of deadline."""
LATE_AFTER_PERIODS = 3


@shared_task(name="bookings.tasks.sweep", ignore_result=True, soft_time_limit=240, time_limit=270)
def sweep() -> dict[str, int] | None:
    """None: the clock of this process is not the database's, so it has done nothing."""
    now = clock_check.time_to_act()
    if now is None:
        return None
    database_time.remember()
    return run(now=now)


def run(*, now: datetime) -> dict[str, int]:
    """One sweep; how many rows of each kind it has moved."""
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
    due = Refund.objects.to_drive(clock.now).ids(AT_MOST)
    counts["refunds"] = tasks.execute_all(due, now=clock.now)
    waiting = OutboxEmail.objects.due(clock.now).ids(AT_MOST)
    counts["emails"] = tasks.deliver_all(waiting, now=clock.now)
    counts["forgotten"] = housekeeping.forget_old(now=now)
    counts["unreadable"] = _read_on(now=now)
    Heartbeat.objects.update_or_create(
        name="sweep", defaults={"finished_at": database_time.now(), "counts": counts}
    )
    return counts


def run_deadlines(*, now: datetime) -> int:
    """What a passed deadline asks for, by the verbs' own rules."""

    def alone(pk: int) -> bool:
        state = Booking.objects.values_list("state", flat=True).get(pk=pk)
        try:
            lifecycle.run_deadline(pk, state=state, now=now)
        except TransitionNotAllowed as refused:  # somebody was faster, or the grace is not over
            logger.debug("booking %s: %s", pk, refused)
            return False
        return True

    step = Step("deadline_at", Booking.objects.overdue, lifecycle.run_deadlines, alone)
    return _in_batches(step, now=now)


def send_reminders(*, now: datetime) -> int:
    """Queue the reminder that is due for each booking, and set its next one."""
    alone = partial(reminders.send_one, now=now)
    step = Step("next_reminder_at", Booking.objects.reminder_due, reminders.send, alone)
    return _in_batches(step, now=now)


def _in_batches(step: Step, *, now: datetime) -> int:
    return batches.run(step, size=BATCH, most=MOST_BOOKINGS, seconds=BATCHES_WITHIN, now=now)


def watch_refunds(*, now: datetime) -> None:
    """What no driver does: holds, alerts, probes, and the daily comparison of a few payments."""
    for watch in (_hold_restored, reconciling.tell_of_old, sending.probe, _compare_some):
        try:
            watch(now=now)
        except Exception:  # the others are looked after all the same
            logger.exception("refunds were not watched; the next sweep tries again")


def _hold_restored(*, now: datetime) -> None:
    if settings.REFUNDS_HOLD:
        waiting = Refund.objects.to_drive(now).exclude(state="accepted")
        holds.hold_restored(waiting.select_related("booking")[:AT_MOST], now=now)


def _compare_some(*, now: datetime) -> None:
    some = Payment.objects.to_compare(now).ids(COMPARED)
    refunds.reconcile(some, now=now, seconds=COMPARED_WITHIN)


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
        planning.note_gap(now - beat.finished_at, now=now)
        minutes = int((now - beat.finished_at) / timedelta(minutes=1))
        emails.queue(
            "staff_sweep_late",
            now=now,
            dedupe=beat.finished_at.isoformat(),
            facts={"minutes": minutes},
        )
