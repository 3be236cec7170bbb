"""Effects: send what a booking's last change has queued. A hint that shortens the wait.

A lost message loses nothing: the next sweep finds the same rows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, cast

from celery import shared_task
from django.utils import timezone

from bookings import emails, refunds
from bookings.models import Booking, OutboxEmail, Refund

if TYPE_CHECKING:
    from topmate.broker import WakeUpTask

logger = logging.getLogger(__name__)


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


@shared_task(ignore_result=True)
def send(email_id: int) -> None:
    deliver_all([email_id], now=timezone.now())


@shared_task(ignore_result=True)
def follow_up(booking_id: int) -> None:
    """Take every due step of one booking: its e-mails, then its refunds."""
    now = timezone.now()
    deliver_all(OutboxEmail.objects.due(now).filter(booking_id=booking_id).ids(), now=now)
    execute_all(Refund.objects.to_drive(now).filter(booking_id=booking_id).ids(), now=now)


def deliver_all(email_ids: list[int], *, now: datetime) -> int:
    """Send these e-mails, one failure not stopping the next; how many were taken."""
    return _each(email_ids, lambda pk: emails.deliver(pk, now=now), "e-mail")


def execute_all(refund_ids: list[int], *, now: datetime) -> int:
    """Drive these refunds one step each; how many were taken."""
    return _each(refund_ids, lambda pk: refunds.execute(pk, now=now), "refund")


def _each(ids: list[int], act: Callable[[int], bool], what: str) -> int:
    taken = 0
    for pk in ids:
        try:
            taken += act(pk)
        except Exception:  # one poisoned row must not stop the others
            logger.exception("%s %s failed; the next sweep tries again", what, pk)
    return taken
