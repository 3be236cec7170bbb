"""A process whose clock is not the database's does nothing that is due, and staff is told.

Which of the two is wrong cannot be known here, and money that is sent too early does not come back.
"""

from __future__ import annotations

import logging
import socket
from datetime import datetime, timedelta

from django.db import connection, transaction

from bookings import database_time, emails
from bookings.database_time import Comparison
from bookings.models import Heartbeat, OutboxEmail

logger = logging.getLogger(__name__)

WRONG = "wrong clock"
"""Heartbeat of the last process that was found with one."""
OVER_AFTER = timedelta(minutes=10)
"""Nobody was found with a wrong clock for as long: the next one is news."""
ALARM = "staff_clock_wrong"


def time_to_act() -> datetime | None:
    """The database's time for whatever is due; None where this process must leave it alone."""
    found = database_time.compare()
    if found.agrees:
        return found.database
    logger.error(
        "the clock of this machine is %s by %s: nothing that is due is done",
        "ahead of the database's" if found.ahead > timedelta(0) else "behind the database's",
        abs(found.ahead),
    )
    _raise_alarm(found)
    return None


def is_any_wrong(now: datetime) -> bool:
    """Whether a worker has found its clock wrong lately."""
    beat = Heartbeat.objects.filter(name=WRONG).first()
    return beat is not None and is_lately(beat.finished_at, now)


def forget_wrong() -> None:
    """A person has settled it."""
    Heartbeat.objects.filter(name=WRONG).delete()


def is_lately(at: datetime, now: datetime) -> bool:
    return abs(now - at) < OVER_AFTER


def _raise_alarm(found: Comparison) -> None:
    """One mail for an outage, sent from here: perhaps no other worker is left to send it."""
    now = found.database
    with transaction.atomic():
        beat, is_new = Heartbeat.objects.select_for_update().get_or_create(
            name=WRONG, defaults={"finished_at": now}
        )
        is_known = not is_new and is_lately(beat.finished_at, now)
        facts = {"host": socket.gethostname(), "ahead_s": round(found.ahead.total_seconds())}
        Heartbeat.objects.filter(pk=beat.pk).update(finished_at=now, counts=facts)
        if not is_known:
            facts |= {"database": connection.vendor}
            emails.queue(ALARM, now=now, dedupe=now.isoformat(), facts=facts)
    due = OutboxEmail.objects.due(now).filter(kind=ALARM)
    emails.deliver_all(due.ids(1), now=now)
