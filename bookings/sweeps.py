"""What beat triggers: passed deadlines, reminders, undelivered e-mails, unfinished refunds.

Safe to run twice, or on many machines at once: it only finds rows and asks the verbs, which
refuse what is not due. One failure is logged and the rest goes on.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from axes.models import AccessAttempt
from celery import shared_task
from django.conf import settings
from django.contrib.sessions.models import Session

from bookings import (
    batches,
    clock_check,
    database_time,
    emails,
    fan_out,
    lifecycle,
    provider_events,
    refunds,
    reminders,
    tasks,
    unreadable,
)
from bookings.batches import Step
from bookings.checkouts import settling
from bookings.models import (
    Booking,
    Checkout,
    Heartbeat,
    OutboxEmail,
    OutboxState,
    Payment,
    ProviderEvent,
    Refund,
)
from bookings.refunds import crash_points, holds, planning, reconciling, sending

logger = logging.getLogger(__name__)

AT_MOST = 2000
"""So many of each kind in one run, so that a run ends. The next one goes on."""
COMPARED, COMPARED_WITHIN = 60, 20.0
"""So many payments are compared with the provider's books in one run, for so many seconds at most.
Each is compared once a day."""
LATE_AFTER_PERIODS = 3
FORGET_AT_MOST = 1000
ATTEMPTS_KEPT_FOR = RESETS_KEPT_FOR = timedelta(days=1)
READ_AT_ONCE = 500
NAMED = 20
"""So many are named in one e-mail; the others are counted."""


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
    """What a passed deadline asks for, by the verbs' own rules."""
    step = Step("deadline_at", Booking.objects.overdue, lifecycle.run_deadlines)
    return batches.run(step, now=now)


def send_reminders(*, now: datetime) -> int:
    """Queue the reminder that is due for each booking, and set its next one."""
    step = Step("next_reminder_at", Booking.objects.reminder_due, reminders.send)
    return batches.run(step, now=now)


def watch_refunds(*, now: datetime) -> None:
    """What no driver does: holds, alerts, probes, and the daily comparison of a few payments."""
    for watch in (_hold_restored, reconciling.tell_of_old, sending.probe, _compare_some):
        _tried(watch, now=now)


def _hold_restored(*, now: datetime) -> None:
    holds.hold_restored(Refund.objects.due(now), now=now)


def _compare_some(*, now: datetime) -> None:
    some = Payment.objects.due_by("next_compare_at", now).ids(COMPARED)
    refunds.reconcile(some, now=now, seconds=COMPARED_WITHIN)


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


# --- old rows, and rows that cannot be read -------------------------------------------------------


def forget_old(*, now: datetime) -> int:
    """Delete what nobody needs any more; how many rows that was.

    Webhooks and purchases that came to nothing after 90 days; sessions that are over; attempts to
    sign in with the address they came from, and who asked for a new password, after a day.
    """
    return sum(
        _tried(forget, now=now)
        for forget in (
            provider_events.forget_old,
            settling.forget_old,
            _forget_sessions,
            _forget_attempts,
            _forget_resets,
        )
    )


def _forget_sessions(*, now: datetime) -> int:
    over = Session.objects.filter(expire_date__lt=now).values_list("pk", flat=True)
    return Session.objects.filter(pk__in=list(over[:FORGET_AT_MOST])).delete()[0]


def _forget_resets(*, now: datetime) -> int:
    """Everybody can have any address written there. Those that cannot be sent stay: staff looks."""
    asked = OutboxEmail.objects.filter(
        kind="password_reset",
        created_at__lt=now - RESETS_KEPT_FOR,
        state__in=[OutboxState.SENT, OutboxState.CANCELLED],
    )
    ids = list(asked.order_by("created_at").values_list("pk", flat=True)[:FORGET_AT_MOST])
    return OutboxEmail.objects.filter(pk__in=ids).delete()[0]


def _forget_attempts(*, now: datetime) -> int:
    old = AccessAttempt.objects.filter(attempt_time__lt=now - ATTEMPTS_KEPT_FOR)
    ids = list(old.order_by().values_list("pk", flat=True)[:FORGET_AT_MOST])
    deleted: int = AccessAttempt.objects.filter(pk__in=ids).delete()[0]
    return deleted


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
    """0 where it fails: then the others are done all the same."""
    try:
        return act(now=now) or 0
    except Exception:
        logger.exception("%s failed; the next sweep tries again", act.__qualname__)
        return 0
