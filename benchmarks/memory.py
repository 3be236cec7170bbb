"""How much memory of this process some work needs at most: the kernel's figure, C included."""

from __future__ import annotations

import gc
import resource
from collections.abc import Callable
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def growth(work: Callable[[], object]) -> int:
    """Bytes by which the resident memory rises above what it was before, at its highest."""
    gc.collect()
    if not _CLEAR.exists():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        work()
        return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    _CLEAR.write_text("5")  # the high-water mark falls to what is resident now
    before = _high_water()
    work()
    return _high_water() - before


def _high_water() -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
