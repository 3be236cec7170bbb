"""The processes of a site, started, killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers import dies_with_us

CELERY = [sys.executable, "-m", "celery", "--app", "topmate", "--quiet"]
WORKER = [*CELERY, "worker", "--pool", "prefork", "--concurrency", "2", "--loglevel", "ERROR"]
COMMANDS = {
    "worker-1": [*WORKER, "--hostname", "one@%h"],
    "worker-2": [*WORKER, "--hostname", "two@%h"],
    "beat": [*CELERY, "beat", "--pidfile=", "--loglevel", "ERROR"],
    "sweeper": [sys.executable, "-m", "tests.chaos.sweeper"],
}
OFTEN = ("worker-1", "worker-2", "sweeper") * 5 + ("beat",)
"""Beat has no children and does little; the others are where refunds are driven."""
WHOLE = 0.06
"""How often all of a program is killed rather than one of its children: it is slow to start."""


@dataclass
class Site:
    env: dict[str, str]
    folder: Path
    root: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    kills: dict[str, int] = field(default_factory=dict)

    def keep_up(self) -> None:
        """Start what is not running."""
        for name, command in COMMANDS.items():
            process = self.running.get(name)
            if process is None or process.poll() is not None:
                self.running[name] = self._start(name, command)

    def _start(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        with open(self.folder / f"{name}.log", "ab") as log:
            return subprocess.Popen(
                command,
                env=self.env,
                cwd=self.root,
                stdout=log,
                stderr=log,
                preexec_fn=dies_with_us(signal.SIGKILL),
            )

    def kill(self, dice: object) -> bool:
        """kill -9 of one process of the site; False when there was none to kill."""
        import random

        assert isinstance(dice, random.Random)
        name = dice.choice(OFTEN)
        process = self.running.get(name)
        if process is None or process.poll() is not None:
            return False
        victims = children_of(process.pid)
        is_whole = not victims or dice.random() < WHOLE
        if not victims and name != "beat":
            return False  # still starting
        pid = process.pid if is_whole else dice.choice(victims)
        orphans = victims if is_whole else []
        try:
            for one in [pid, *orphans]:
                os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            return False
        what = name if is_whole else f"child of {name}"
        self.kills[what] = self.kills.get(what, 0) + 1
        return True

    def stop(self) -> None:
        for process in self.running.values():
            for pid in [process.pid, *children_of(process.pid)]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
        for process in self.running.values():
            process.wait(10)


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


def wait(seconds: float) -> float:
    time.sleep(seconds)
    return time.monotonic()
