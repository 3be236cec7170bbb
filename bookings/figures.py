"""How the site is: the figures behind `/healthz/deep`, `/metrics`, the pings and the alarms.

Each is read by an index of rows that are due or need somebody, or from a single row, and counted up
to `MOST`: with ten million bookings it takes as long as with ten.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from bookings import clock_check, database_time
from bookings.models import Heartbeat, OutboxEmail, OutboxState, Refund
from bookings.models.booking import DueQuerySet
from bookings.outages import FAILING, MAIL

SWEEP, WORKER, WEB, BEAT = "sweep", "worker", "web", "beat"
"""Heartbeats: of a finished sweep, of a task that a worker took from the broker, of a look of a web
process, of a sweep that beat asked for."""
MISSED_SWEEPS = 3
MISSED_BEATS = 2
"""One less: who finds it waits for another period, see `bookings/alarms.py`."""
BEAT_LATER = timedelta(seconds=15)
SHORTEST_ALARM = timedelta(seconds=60)
LONGEST_AGE = timedelta(days=366)
"""A heartbeat that seems to be older was written by a wrong clock."""
MOST_AHEAD = timedelta(seconds=5)
"""The same for one that seems to come: what is carried on by a steady clock is not so far off."""
SILENT_AFTER = timedelta(minutes=3)
FAILING_AFTER = timedelta(minutes=3)
"""A mail server or a provider that is started again is no outage."""
LATE_AFTER = timedelta(minutes=5)
"""E-mails and refunds that have been due for so long: the sweeps do not keep up."""
GIVEN_UP_WITHIN = timedelta(days=2)
"""After they were written; a mail is tried for most of a day before it is given up."""
LEAST_FREE = 100 * 1024 * 1024
"""Bytes, where DATA_DIR is."""
MOST = 1000


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat: `ok`, `late`, `never`, or `wrong` where its age cannot be."""

    is_how: str
    age: timedelta | None = None

    @property
    def is_late(self) -> bool:
        return self.is_how == "late"

    @property
    def seconds(self) -> int | None:
        return None if self.age is None else max(0, int(self.age.total_seconds()))


@dataclass(frozen=True, slots=True)
class Figures:
    sweep: Beat
    worker: Beat
    web: Beat
    beat: Beat
    is_clock_wrong: bool
    clock_ahead: timedelta
    refund_oldest: timedelta
    """How long the refund that waits longest has been due; nothing where none is."""
    refunds_held: int
    email_oldest: timedelta
    emails_given_up: int
    failing: Mapping[str, timedelta]
    """For how long the mail server, or a payment provider, has taken nothing from us."""

    def is_failing(self, name: str) -> bool:
        return self.failing.get(name, timedelta(0)) >= FAILING_AFTER

    @property
    def failing_providers(self) -> list[str]:
        return sorted(name for name in self.failing if name != MAIL and self.is_failing(name))


def longest_wait() -> timedelta:
    """For a finished sweep."""
    return max(SHORTEST_ALARM, MISSED_SWEEPS * settings.SWEEP_EVERY)


def read() -> Figures:
    found = database_time.compare()
    now = found.database
    beats = {
        name: (at, counts)
        for name, at, counts in Heartbeat.objects.filter(
            name__in=[SWEEP, WORKER, WEB, BEAT, clock_check.WRONG]
        ).values_list("name", "finished_at", "counts")
    }
    at = {name: moment for name, (moment, _) in beats.items()}
    wrong = at.get(clock_check.WRONG)
    return Figures(
        sweep=beat(at.get(SWEEP), longest_wait(), now),
        worker=beat(at.get(WORKER), SILENT_AFTER, now),
        web=beat(at.get(WEB), SILENT_AFTER, now),
        beat=_of_beat(at.get(BEAT), at.get(WORKER), now),
        is_clock_wrong=not found.agrees
        or (wrong is not None and clock_check.is_lately(wrong, now)),
        clock_ahead=found.ahead,
        refund_oldest=_oldest(Refund.objects.due(now), now),
        refunds_held=_count(Refund.objects.needing_staff().exclude(hold_reason="")),
        email_oldest=_oldest(OutboxEmail.objects.due(now), now),
        emails_given_up=_given_up(now),
        failing={name: now - since for name, since in _failing()},
    )


def beat(last: datetime | None, limit: timedelta, now: datetime) -> Beat:
    """An age that cannot be is not an age."""
    if last is None:
        return Beat("never")
    age = now - last
    if not -MOST_AHEAD <= age <= LONGEST_AGE:
        return Beat("wrong")
    return Beat("ok" if age <= limit else "late", age)


def _of_beat(last: datetime | None, worker: datetime | None, now: datetime) -> Beat:
    """It is missed only while there are workers who would do what it asks for: one has taken
    something else since, when a sweep of beat's was long due."""
    found = beat(last, max(SHORTEST_ALARM, MISSED_BEATS * settings.SWEEP_EVERY), now)
    if found.is_late and last and worker and worker - last < settings.SWEEP_EVERY + BEAT_LATER:
        return Beat("ok", found.age)
    return found


def is_disk_full() -> bool:
    """Nearly: what is left is what the logs of an hour may need."""
    try:
        return shutil.disk_usage(settings.DATA_DIR).free < LEAST_FREE
    except OSError:
        return False  # a site whose files are elsewhere has no such folder


def broker() -> str:
    """`ok`, `none`, `failed`, or `full`: it answers, and takes nothing. So something is written."""
    if not settings.BROKER_CONFIGURED:
        return "none"
    from redis import Redis, RedisError
    from redis.exceptions import OutOfMemoryError

    client = Redis.from_url(
        settings.CACHES["default"]["LOCATION"], socket_timeout=1, socket_connect_timeout=1
    )
    try:
        client.set("topmate:is-there-room", "x" * 64, ex=60)
    except OutOfMemoryError:
        return "full"
    except (RedisError, OSError):
        return "failed"
    finally:
        client.close()
    return "ok"


def failing_names() -> list[str]:
    return [name for name, _ in _failing()]


def _failing() -> list[tuple[str, datetime]]:
    rows = Heartbeat.objects.filter(name__startswith=FAILING).values_list("name", "finished_at")
    return [(name.removeprefix(FAILING), since) for name, since in rows]


def _oldest(due: DueQuerySet[OutboxEmail] | DueQuerySet[Refund], now: datetime) -> timedelta:
    since = due.values_list("next_attempt_at", flat=True).first()
    return now - since if since else timedelta(0)


def _count(rows: QuerySet[Refund]) -> int:
    return len(rows.order_by("id").values_list("pk", flat=True)[:MOST])


def _given_up(now: datetime) -> int:
    """Among the newest: the index has only their ids, which are given in the order of time."""
    failed = OutboxEmail.objects.filter(state=OutboxState.FAILED).order_by("-id")
    since = now - GIVEN_UP_WITHIN
    return sum(at >= since for at in failed.values_list("created_at", flat=True)[:MOST])
