"""The one clock that money and deadlines go by: the database's.

Web and workers ask it, so that a machine whose own clock is wrong neither pays early nor refuses a
click that came in time. It is read from time to time and carried on by the machine's steady clock,
which nobody sets.

SQLite has no clock of its own. There the last sweep writes down what the time was and for how long
the machine had been running; a clock that is set forward or back since then is seen. After the
machine was started again only a clock that is behind can be seen.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.db import connection
from django.utils import timezone

from bookings.models import Heartbeat

MOST_APART = timedelta(seconds=30)
READ_EVERY = 10.0
"""Seconds. In between the steady clock goes on."""
REFERENCE = "clock"
"""Heartbeat of SQLite: what the time was, and since when the machine is running."""
_UPTIME, _BOOT_ID = Path("/proc/uptime"), Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Comparison:
    database: datetime
    ahead: timedelta
    """By how much the clock of this process is ahead, at least; negative when it is behind."""

    @property
    def agrees(self) -> bool:
        return abs(self.ahead) <= MOST_APART


@dataclass(frozen=True, slots=True)
class _Reading:
    database: datetime
    steady: float


_last: _Reading | None = None


def now() -> datetime:
    """The database's time."""
    last, steady = _last, _steady()
    if last is None or not 0 <= steady - last.steady < READ_EVERY:
        last = _keep(read())
    return last.database + timedelta(seconds=_steady() - last.steady)


def compare() -> Comparison:
    """Ask the database now, and how far this process is from it. However long the answer takes,
    what cannot be known is not held against the process."""
    before = timezone.now()
    database = _keep(read()).database
    after = timezone.now()
    return Comparison(database, max(before - database, min(after - database, timedelta(0))))


def read() -> datetime:
    """What the database says at this moment."""
    if connection.vendor != "postgresql":
        return _since_the_last_sweep(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found


def remember() -> None:
    """On SQLite: this process's clock is right at this moment."""
    if connection.vendor == "postgresql":
        return
    counts = {"boot": _read(_BOOT_ID), "uptime": _uptime()}
    beat = {"finished_at": timezone.now(), "counts": counts}
    Heartbeat.objects.update_or_create(name=REFERENCE, defaults=beat)


def _since_the_last_sweep(process: datetime) -> datetime:
    beat = Heartbeat.objects.filter(name=REFERENCE).first()
    if beat is None:
        return process
    uptime, then = _uptime(), beat.counts.get("uptime")
    is_same_run = beat.counts.get("boot") == _read(_BOOT_ID) and uptime and then
    if not is_same_run or uptime < then:
        return max(process, beat.finished_at)
    return beat.finished_at + timedelta(seconds=uptime - then)


def _uptime() -> float:
    """Seconds since the machine was started, those asleep included; 0 where nobody says so."""
    return float(_read(_UPTIME).partition(" ")[0] or 0)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _keep(database: datetime) -> _Reading:
    global _last
    _last = reading = _Reading(database, _steady())
    return reading


def _steady() -> float:
    """Seconds of a clock that nobody sets, those asleep included where the system counts them."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
