"""Read by every Python that runs under a shifted clock (tests/clock.py puts this folder first).

libfaketime 0.9.10 answers `clock_nanosleep` up to a moment with EINVAL when the monotonic clock is
left alone, and `time.sleep` of Python 3.11 and newer calls just that. Waiting in `select` works.
"""

import select
import time


class Sleep:
    """An object, not a function: kept as an attribute of a class it must not become a method."""

    def __call__(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        select.select([], [], [], seconds)


time.sleep = Sleep()
