"""What differs from production, in one place: shorter waits, a killer at the named points, a clock
that is wrong, and, when asked for, the one guard removed that must be seen to matter."""

from __future__ import annotations

import os
import random
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SCALED = (
    "LEASE", "SECOND_LOOK", "NEXT_KEY_AFTER", "PROBE_EVERY", "SPREAD", "RETRY_AFTER",
    "POLL_AFTER",
)  # fmt: skip
DAY_HERE = timedelta(seconds=6)
LIST_LAG = timedelta(minutes=5)
"""The most by which the provider's lists are behind; scaled as `timing.SECOND_LOOK` is, which is how
old an absence must be to be believed."""
AGAIN_HERE = [timedelta(seconds=seconds) for seconds in (0.2, 1, 3, 6)]


def arm() -> None:
    from bookings import clocks, emails, provider_events
    from bookings.refunds import crash_points, reconciling, timing

    _scale(timing, SCALED)
    _scale(emails, ("LEASE", "RETRY_AFTER"))
    _scale(provider_events, ("LEASE",))
    provider_events.TRY_AGAIN_AFTER = AGAIN_HERE
    clocks.COMPARED_EVERY = reconciling.ASK_AGAIN = DAY_HERE
    _count_tasks()
    if os.environ.get("CHAOS_FRESH_KEYS"):
        _use_a_fresh_key_per_try()
    if os.environ.get("CHAOS_HASTY_KEYS"):
        _take_the_next_key_at_once()
    if days := os.environ.get("CHAOS_DAYS_AHEAD"):
        _set_the_clock_ahead(timedelta(days=float(days)))
    if os.environ.get("CHAOS_NO_CLOCK_GUARD"):
        _go_by_the_own_clock()
    if os.environ.get("CHAOS_CRASH_RATE"):
        crash_points.reached = Killer().reached


def scale_of_waits() -> float:
    return float(os.environ.get("CHAOS_PACE", "0.02"))


def _scale(module: Any, names: tuple[str, ...]) -> None:
    scale = scale_of_waits()
    for name in names:
        value = getattr(module, name)
        is_list = isinstance(value, list)
        setattr(module, name, [one * scale for one in value] if is_list else value * scale)


def _count_tasks() -> None:
    """One line for each task that a worker ends: to see who works after the broker was away."""
    from celery.signals import task_postrun

    def note(task: Any, **_: Any) -> None:
        name = str(task.request.hostname or "?").partition("@")[0]
        append(Path(os.environ["CHAOS_FOLDER"]) / "tasks", f"{name}\n")

    task_postrun.connect(note, weak=False)


class Killer:
    """Ends the process it is in, now and then, where nobody expects it.

    The nth process to start draws the same numbers in every run of a seed.
    """

    def __init__(self) -> None:
        self.folder = Path(os.environ["CHAOS_FOLDER"])
        self.rate = float(os.environ["CHAOS_CRASH_RATE"])
        self.at = os.environ.get("CHAOS_CRASH_AT", "")
        self.pid, self.dice = 0, random.Random()

    def reached(self, point: str) -> None:
        if self.pid != os.getpid():  # forked: a number of its own
            self.pid = os.getpid()
            self.dice = random.Random(f"{os.environ['CHAOS_SEED']} {self._number()}")
        if self.at and point not in self.at.split(","):
            return
        if self.dice.random() < self.rate and not (self.folder / "healing").exists():
            append(self.folder / "crashes", f"{point}\n")
            os.kill(self.pid, signal.SIGKILL)

    def _number(self) -> int:
        return append(self.folder / "processes", ".")


def append(path: Path, text: str) -> int:
    """How long the file is now; whole lines even when many write at once."""
    with open(path, "ab", buffering=0) as file:
        file.write(text.encode())
        return file.tell()


def lines(path: Path) -> list[str]:
    """What was appended so far."""
    return path.read_text().split() if path.exists() else []


def _use_a_fresh_key_per_try() -> None:
    """The mistake that this design exists to avoid; the comparison must see what it does."""
    from bookings.models import Refund

    def key(self: Refund) -> str:
        return f"rf_{self.uuid.hex}_{self.epoch}_{self.attempts}"

    Refund.idempotency_key = property(key)  # type: ignore[assignment,method-assign]


def _take_the_next_key_at_once() -> None:
    """Without the bound of epochs: the second error of the provider's own brings the next key,
    however young the absence is, and as often as it takes."""
    from bookings.refunds import answers

    def repeated(refund: Any, *, at_most: int, now: datetime) -> dict[str, Any]:
        if refund.stored_failure_at is None:
            return {"stored_failure_at": now}
        return {"epoch": refund.epoch + 1}

    answers._repeated = repeated


def _set_the_clock_ahead(offset: timedelta) -> None:
    """Of this machine, as Django reads it; the database's is right."""
    from django.utils import timezone

    timezone.now = lambda: datetime.now(UTC) + offset


def _go_by_the_own_clock() -> None:
    """Without the guard of clocks: every process believes its own."""
    from django.utils import timezone

    from bookings import database_time

    database_time.now = database_time.read = lambda: timezone.now()
