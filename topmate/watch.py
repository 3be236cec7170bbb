"""Every web process looks at the site by itself, each half minute, in a thread of its own.

It needs no visitor, no worker and no broker, and no page waits for it or asks the database for it.
What it finds missing it tells staff from here; see `bookings/alarms.py`. While the database is away
there is no row to note that in: then a file in DATA_DIR says which process has told staff.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connections
from django.utils import timezone

from bookings import alarms, database_time, emails, figures, tasks
from bookings.models import Heartbeat

logger = logging.getLogger(__name__)

EVERY = 30.0
"""Seconds."""
TOLD_AFTER = 50.0
"""Seconds without a database: one that is started again is no outage."""
FORGOTTEN_AFTER = 180.0
ASKED_EVERY, ASKED_AGAIN = 45.0, 600.0
"""Seconds after which a worker is asked whether it is there; less often while none answers, so that
questions do not pile up."""

_process = 0
_asked_at = 0.0


def begin() -> None:
    """Look from now on; once in each process, also in one that is a copy of another."""
    global _process
    if _process != os.getpid():
        _process = os.getpid()
        threading.Thread(target=_go_on, name="watch", daemon=True).start()


def _go_on() -> None:
    while True:
        time.sleep(EVERY)
        try:
            look()
        except Exception:  # it must not end
            logger.exception("this process could not look at the site")
        finally:
            connections.close_all()


def look() -> None:
    """Once, from this process."""
    try:
        now = database_time.read()
        _note_web(now)
        found = figures.read()
        broker = figures.broker()
        alarms.judge(alarms.of_web(found, broker=broker), alarms.SEEN_BY_WEB, now=now)
    except DatabaseError as error:
        database_is_away(error, time.time())
        return
    database_is_there(time.time())
    if broker == "ok":
        _ask_for_a_worker(found)


def _note_web(now: Any) -> None:
    Heartbeat.objects.update_or_create(name=figures.WEB, defaults={"finished_at": now})


def _ask_for_a_worker(found: figures.Figures) -> None:
    global _asked_at
    age = found.worker.seconds
    since, is_silent = time.monotonic() - _asked_at, found.worker.is_how != "ok"
    if since > (ASKED_AGAIN if is_silent and _asked_at else 0) and (
        age is None or age >= ASKED_EVERY
    ):
        _asked_at = time.monotonic()
        with suppress(Exception):  # whatever the transport raises: the broker is looked at as well
            tasks.ask_for_a_worker()


# --- without a database ---------------------------------------------------------------------------

_remembered: dict[str, Any] | None = None
"""What the file would say if it could be written."""


def database_is_away(error: Exception, at: float) -> None:
    """Tell staff, when it has been away for a while and no other process here has."""
    with _alone() as is_alone:
        if not is_alone:
            return
        away = _read()
        if away is None or at - away["last"] > FORGOTTEN_AFTER:
            away = {"since": at, "last": at, "is_told": False}
        away["last"] = at
        if not away["is_told"] and at - away["since"] >= TOLD_AFTER:
            why = str(error).strip().splitlines()[:1]
            lasted = timedelta(seconds=at - away["since"])
            facts = alarms.facts_of("database", lasted, why[0] if why else "")
            try:
                emails.send_directly("staff_trouble", facts, now=timezone.now())
                away["is_told"] = True
            except Exception:  # the next look tries again
                logger.exception("nobody could be told that the database is away")
        _write(away)


def database_is_there(at: float) -> None:
    """Tell staff that it is back, where staff was told that it was away."""
    if _remembered is None and not _file().exists():
        return
    with _alone() as is_alone:
        away = _read() if is_alone else None
        if away is None:
            return
        _forget()
        if away["is_told"]:
            lasted = timedelta(seconds=at - away["since"])
            alarms.tell_over("database", lasted, now=database_time.now())


def _file() -> Path:
    return Path(settings.DATA_DIR) / "database_away.json"


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether no other process of this machine is at it. Without a folder each is on its own."""
    try:
        lock = open(_file().with_suffix(".lock"), "a")  # noqa: SIM115  closed below
    except OSError:
        yield True
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def _read() -> dict[str, Any] | None:
    """What was written could be read by all; what could not be written is known here only."""
    try:
        found: dict[str, Any] = json.loads(_file().read_text())
    except (OSError, ValueError):
        return _remembered
    return found if {"since", "last", "is_told"} <= found.keys() else None


def _write(away: dict[str, Any]) -> None:
    global _remembered
    draft = _file().with_suffix(f".{os.getpid()}")
    try:
        draft.write_text(json.dumps(away))
        draft.replace(_file())
    except OSError:  # perhaps there is no room
        _remembered = away
    else:
        _remembered = None


def _forget() -> None:
    global _remembered
    _remembered = None
    with suppress(OSError):
        _file().unlink(missing_ok=True)
