"""What beat triggers: passed deadlines, reminders, undelivered e-mails, unfinished refunds.

Safe to run twice, or on many machines at once: it only finds rows and asks the verbs, which
refuse what is not due. One failure is logged and the rest goes on.
"""

from __future__ import annotations

import logging
import random
from datetime import datetime, timedelta

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from bookings import (
    checkouts,
    clocks,
    emails,
    lifecycle,
    provider_events,
    refunds,
    tasks,
    timeline,
)
from bookings.models import Booking, Checkout, Heartbeat, OutboxEmail, ProviderEvent, Refund
from bookings.models.booking import BookingQuerySet
from bookings.refunds import breaker, holds, points, reconciling, recovery
from bookings.states import SYSTEM, State, TransitionNotAllowed

logger = logging.getLogger(__name__)

BATCH = 500
DEADLINES = 20_000
AT_MOST = 2000
"""of each kind in one run, so that a run ends; the next one goes on"""
COMPARED = 20
"""payments with the provider's books in one run; each is compared once a day"""
LATE_AFTER_PERIODS = 3


@shared_task(name="bookings.tasks.sweep", ignore_result=True)
def sweep() -> dict[str, int]:
    return run(now=timezone.now())


def run(*, now: datetime) -> dict[str, int]:
    """One sweep; how many rows of each kind it has moved."""
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
        "refunds": tasks.execute_all(Refund.objects.to_drive(now).ids(AT_MOST), now=now),
        "emails": tasks.deliver_all(OutboxEmail.objects.due(now).ids(AT_MOST), now=now),
    }
    counts["forgotten"] = forget_old(now=now)
    Heartbeat.objects.update_or_create(
        name="sweep", defaults={"finished_at": timezone.now(), "counts": counts}
    )
    return counts


def forget_old(*, now: datetime) -> int:
    """Delete what nobody needs any more: webhooks and purchases that came to nothing."""
    try:
        return provider_events.forget_old(now=now) + checkouts.forget_old(now=now)
    except Exception:
        logger.exception("old rows could not be deleted; the next sweep tries again")
        return 0


def run_deadlines(*, now: datetime) -> int:
    """Ask the verbs of the bookings whose deadline has passed, many in one transaction."""
    moved = 0
    last: tuple[datetime, int] | None = None
    for _ in range(DEADLINES // BATCH):
        due = Booking.objects.overdue(now, after=last)[:BATCH]
        try:
            batch = lifecycle.run_deadlines(due, now=now)
        except Exception:
            logger.exception("deadlines did not pass together; now one by one")
            batch = _one_by_one(due, now=now)
        moved += batch.moved
        last = batch.last
        if batch.looked_at < BATCH:
            break
    return moved


def _one_by_one(due: BookingQuerySet, *, now: datetime) -> lifecycle.Batch:
    """So that one poisoned row stops nobody."""
    bookings = list(due)
    moved = sum(_run_deadline(booking, now=now) for booking in bookings)
    last = (bookings[-1].deadline_at or now, bookings[-1].pk) if bookings else None
    return lifecycle.Batch(len(bookings), moved, last)


def _run_deadline(booking: Booking, *, now: datetime) -> bool:
    try:
        lifecycle.run_deadline(booking.pk, state=booking.state, now=now)
    except TransitionNotAllowed as refused:  # somebody was faster, or the grace is not over
        logger.debug("booking %s: %s", booking, refused)
        return False
    except Exception:
        logger.exception("deadline of booking %s failed; the next sweep tries again", booking)
        return False
    return True


_REMINDERS = {
    State.SCHEDULED: "after_call",
    State.NO_SHOW_REPORTED: "time_left",
    State.RESCHEDULE_OFFERED: "offer_reminder",
    State.CONTESTED: "staff_contest_reminder",
}


def send_reminders(*, now: datetime) -> int:
    """Queue the reminder that is due for each booking, and set its next one."""
    sent = 0
    for booking_id in Booking.objects.reminder_due(now).values_list("pk", flat=True)[:AT_MOST]:
        try:
            sent += remind(booking_id, now=now)
        except Exception:
            logger.exception("reminder of booking %s failed; the next sweep tries", booking_id)
    return sent


def remind(booking_id: int, *, now: datetime) -> bool:
    """In one transaction: move `next_reminder_at` on, and queue the mail only if that was us."""
    with transaction.atomic():
        booking = (
            Booking.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
            .with_people()
            .filter(pk=booking_id, next_reminder_at__lte=now)
            .first()
        )
        if booking is None:
            return False
        due_at = booking.next_reminder_at
        following = clocks.next_reminder_at(
            state=booking.state,
            ends_at=booking.ends_at,
            deadline_at=booking.deadline_at,
            limits=booking.limits,
            now=now,
        )
        moved = Booking.objects.filter(pk=booking.pk, next_reminder_at=due_at).update(
            next_reminder_at=following
        )
        kind = _REMINDERS.get(State(booking.state))
        if not moved or kind is None:
            return False
        facts = {}
        if booking.deadline_at is not None and due_at is not None:
            facts["hours"] = round((booking.deadline_at - due_at) / timedelta(hours=1))
        event = timeline.append(
            booking, "reminder", actor=SYSTEM, at=now, data={"kind": kind, **facts}
        )
        emails.queue(kind, booking=booking, now=now, event=event, facts=facts)
        tasks.wake(booking)
    return True


def watch_refunds(*, now: datetime) -> None:
    """What no driver does: holds, alerts, probes, and the daily comparison of a few payments."""
    try:
        if settings.REFUNDS_HOLD:
            waiting = Refund.objects.to_drive(now).exclude(state="accepted")
            holds.hold_restored(waiting.select_related("booking")[:AT_MOST], now=now)
        reconciling.tell_of_old(now=now)
        recovery.probe(now=now)
        due = reconciling.to_compare(since=now - reconciling.WATCHED_FOR, now=now)
        # Any of them, so that one that always fails does not keep the others waiting.
        some = random.sample(due, min(COMPARED, len(due)))
        refunds.reconcile(some, now=now, most_failures=1)
    except Exception:
        logger.exception("refunds were not watched; the next sweep tries again")


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
