"""Effects: send what a booking's last change has queued. A hint that shortens the wait.

A lost message loses nothing: the next sweep finds the same rows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, cast

from celery import shared_task

from bookings import (
    clock_check,
    database_time,
    emails,
    fan_out,
    figures,
    provider_events,
    refunds,
)
from bookings.checkouts import settling
from bookings.models import Booking, Heartbeat, OutboxEmail, ProviderEvent, Refund

if TYPE_CHECKING:
    from topmate.broker import WakeUpTask

logger = logging.getLogger(__name__)

AT_ONCE = 20
"""So many e-mails are sent right after an event. The sweep sends the others."""


def wake(booking: Booking) -> None:
    """After the commit, tell a worker to look at this booking: now, or when the undo is over."""
    task = cast("WakeUpTask", follow_up)
    if booking.undo_until is None:
        task.delay_on_commit(booking.pk)
    else:
        held = (booking.undo_until - booking.updated_at).total_seconds() + 1
        task.apply_async_on_commit((booking.pk,), countdown=held)


def wake_for(email: OutboxEmail) -> None:
    """After the commit, tell a worker to send an e-mail that belongs to no booking."""
    cast("WakeUpTask", send).delay_on_commit(email.pk)


def wake_for_event(event: ProviderEvent) -> None:
    """After the commit, tell a worker that a provider has told us something."""
    cast("WakeUpTask", work_on_event).delay_on_commit(event.pk)


@shared_task(ignore_result=True)
def work_on_event(event_id: int) -> None:
    if now := clock_check.time_to_act():
        work_on_all([event_id], now=now)
        emails.deliver_all(OutboxEmail.objects.due(now).ids(AT_ONCE), now=now)


ANSWER_WITHIN = 60
"""Seconds. A worker that comes back has nothing of it to do."""


@shared_task(ignore_result=True, expires=ANSWER_WITHIN)
def answer() -> None:
    """A worker was asked whether it is there."""
    note_worker()


def ask_for_a_worker() -> None:
    """Have a worker say that it is there, if the broker carries the question to one."""
    answer.delay()


def note_worker(*, is_for_beat: bool = False) -> None:
    """A worker has taken something from the broker, perhaps something that beat put there."""
    now = database_time.now()
    for name in (figures.WORKER, figures.BEAT) if is_for_beat else (figures.WORKER,):
        Heartbeat.objects.update_or_create(name=name, defaults={"finished_at": now})


@shared_task(ignore_result=True)
def send(email_id: int) -> None:
    if now := clock_check.time_to_act():
        emails.deliver_all([email_id], now=now)


@shared_task(ignore_result=True)
def follow_up(booking_id: int) -> None:
    """Take every due step of one booking: its e-mails, then its refunds."""
    if now := clock_check.time_to_act():
        mails = OutboxEmail.objects.due(now).filter(booking_id=booking_id)
        emails.deliver_all(mails.ids(), now=now)
        due = Refund.objects.due(now).filter(booking_id=booking_id)
        refunds.drive(due.ids(), now=now)


def work_on_all(event_ids: list[int], *, now: datetime) -> int:
    """Ask about what these events name; how many were taken."""
    return _each(event_ids, lambda pk: provider_events.work_on(pk, now=now), "event")


def poll_all(checkout_ids: list[int], *, now: datetime) -> int:
    """Ask whether these checkouts were paid; how many were taken."""
    return _each(checkout_ids, lambda pk: settling.poll(pk, now=now), "checkout")


def _each(ids: list[int], act: Callable[[int], bool], what: str) -> int:
    taken = 0
    ends = time.monotonic() + fan_out.BUDGET_SECONDS
    for pk in ids:
        if time.monotonic() > ends:
            logger.warning("%s steps are left to the next sweep: this one took too long", what)
            break
        try:
            taken += act(pk)
        except Exception:  # one poisoned row must not stop the others
            logger.exception("%s %s failed; the next sweep tries again", what, pk)
    return taken
