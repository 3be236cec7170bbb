"""The processes of a run: started, killed, and started again as they were."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers import dies_with_us


@dataclass
class Program:
    name: str
    kind: str
    command: Sequence[str | Path]
    cwd: Path
    log: Path
    env: Mapping[str, str] | None = None
    run_as: Mapping[str, Any] = field(default_factory=dict)
    whole: float = 1.0
    """how often all of it is killed rather than one of its children"""
    process: subprocess.Popen[bytes] | None = None
    up_at: float = 0.0
    was_killed: bool = True
    fell: int = 0
    """how often it ended without being killed"""

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def keep_up(self) -> None:
        """Start it when it is down and its time has come."""
        if self.is_up or time.monotonic() < self.up_at:
            return
        self.fell += not self.was_killed
        self.was_killed = False
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.command],
                env=self.env,
                cwd=self.cwd,
                stdout=log,
                stderr=log,
                preexec_fn=dies_with_us(signal.SIGKILL),
                **self.run_as,
            )

    def kill(self, dice: random.Random, down_for: float = 0.0) -> str:
        """kill -9 of one child, or of it all; what was killed, or nothing when it still starts."""
        if self.process is None or not self.is_up:
            return ""
        children = children_of(self.process.pid)
        if children and dice.random() >= self.whole:
            return f"child of {self.name}" if _kill(dice.choice(children)) else ""
        if not children and self.whole < 1:
            return ""
        self.end(down_for)
        return self.name

    def end(self, down_for: float = 0.0) -> None:
        """Itself and its children, at once; down for so many seconds."""
        if self.process is None:
            return
        for pid in [self.process.pid, *children_of(self.process.pid)]:
            _kill(pid)
        self.process.wait(10)
        self.was_killed, self.up_at = True, time.monotonic() + down_for


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def children_of(parent: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            found.append(int(path.parent.name))
    return sorted(found)
