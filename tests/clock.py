"""The tests under a clock that shows another day: `python -m tests.run --clock "+45 days 23:50"`.

Debian's `faketime` moves the clock of every process that is started, the servers' with it. The
monotonic clock stays: waiting takes as long as ever. Chromium is left alone, because its threads
would wait busily; the clock of its pages is moved by `IN_A_PAGE`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

VARIABLE, SHIFT = "TEST_CLOCK", "TEST_CLOCK_SHIFT"
IN_A_PAGE = """(() => {
  const Shown = Date, shift = %d;
  globalThis.Date = class Date extends Shown {
    constructor(...parts) { super(...(parts.length ? parts : [Shown.now() + shift])); }
    static now() { return Shown.now() + shift; }
  };
})()"""
"""The script of a page whose clock is so many milliseconds ahead."""
_OPTIONS = ("-m", "--exclude-monotonic", "-f")
LONGEST_RUN = timedelta(hours=3)
FORMS = '"+45 days 23:50", "2028-02-29 00:10" or "23:50"'
PATTERN = re.compile(
    r"(?:(?:\+(?P<days>\d{1,5}) days?|(?P<day>\d{4}-\d\d-\d\d)) )?(?P<time>\d\d:\d\d)"
)


class Unusable(Exception):
    """The tests cannot run under this clock; the text says why."""


def moment(words: str, now: datetime) -> datetime:
    """What the clock shall show, in UTC; an hour alone is the next one of that name."""
    found = PATTERN.fullmatch(words)
    if not found:
        raise Unusable(f"--clock takes UTC, written like {FORMS}")
    try:
        hour = time.fromisoformat(found["time"])
        if found["day"]:
            return datetime.combine(datetime.fromisoformat(found["day"]), hour, UTC)
        wanted = datetime.combine(now + timedelta(days=int(found["days"] or 0)), hour, UTC)
    except (ValueError, OverflowError) as error:
        raise Unusable(f"--clock: {error}") from error
    return wanted if found["days"] or wanted > now else wanted + timedelta(days=1)


def _manners() -> dict[str, str]:
    """What every process needs that sees another clock."""
    shifted = str(Path(__file__).with_name("shifted"))
    others = [path for path in os.getenv("PYTHONPATH", "").split(os.pathsep) if path != shifted]
    return {
        "NO_FAKE_STAT": "1",
        # Else threads that wait for Python's lock do so busily, in libfaketime 0.9.10.
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        # It reads the environment again and again, in every thread, and a test may be changing it.
        "FAKETIME_CACHE_DURATION": "1000000",
        "PYTHONPATH": os.pathsep.join([shifted, *filter(None, others)]),
    }


def run_again(words: str, arguments: Sequence[str]) -> None:
    """Starts this program anew, under the clock that was asked for. Does not come back."""
    program = shutil.which("faketime")
    if program is None:
        raise Unusable("--clock needs the program `faketime` (apt-get install faketime)")
    now = datetime.now(UTC)
    wanted = moment(words, now)
    shift = f"{(wanted - now).total_seconds():.0f}"
    os.environ.update({VARIABLE: wanted.isoformat(), SHIFT: shift, **_manners()})
    start = [program, *_OPTIONS, f"{int(shift):+d}s"]
    os.execv(program, [*start, sys.executable, "-m", "tests.run", *arguments])


def ahead_by(seconds: int) -> dict[str, str]:
    """Variables of a process that sees a clock so many seconds ahead of the one of these tests."""
    program = shutil.which("faketime")
    if program is None:
        raise Unusable("the program `faketime` is missing (apt-get install faketime)")
    ask = [program, *_OPTIONS, "+1s", "/usr/bin/env"]
    said = subprocess.run(ask, env=real_environment(), capture_output=True, text=True, check=True)
    found = dict(line.split("=", 1) for line in said.stdout.splitlines() if "=" in line)
    of_faketime = {
        name: value
        for name, value in found.items()
        if name.startswith(_CARRIES_IT) and name not in ("FAKETIME_SHARED", "PYTHONPATH")
    }
    shift = int(os.environ.get(SHIFT, "0")) + seconds
    return {**of_faketime, **_manners(), "FAKETIME": f"{shift:+d}s"}


def check() -> str:
    """What the clock should show, or "" for the real one. Raises when it shows something else."""
    text = os.environ.get(VARIABLE, "")
    if not text:
        return ""
    wanted, now = datetime.fromisoformat(text), datetime.now(UTC)
    if not -timedelta(seconds=5) < now - wanted < LONGEST_RUN:
        raise Unusable(f"The clock shows {now:%Y-%m-%d %H:%M}, not {wanted:%Y-%m-%d %H:%M} UTC.")
    return f"{wanted:%Y-%m-%d %H:%M} UTC"


def page_script() -> str:
    """What shows a page this clock; "" where it is the real one."""
    seconds = int(os.environ.get(SHIFT, "0"))
    return IN_A_PAGE % (1000 * seconds) if seconds else ""


_CARRIES_IT = ("LD_PRELOAD", "FAKETIME", "NO_FAKE_STAT", VARIABLE, "PYTHONPATH")


def carried() -> dict[str, str]:
    """For a process that gets an environment of its own and shall see this clock."""
    is_shifted = bool(os.environ.get(VARIABLE))
    names = [name for name in os.environ if is_shifted and name.startswith(_CARRIES_IT)]
    return {name: os.environ[name] for name in names}


def real_environment() -> dict[str, str]:
    """For a process that shall see the real clock."""
    return {name: value for name, value in os.environ.items() if name not in carried()}
