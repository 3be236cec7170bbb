"""Keeps a few processes running, prefixes what they say, and ends them all together.

One thread, one loop: read the pipes, look who died, look whether we were asked to stop.
"""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from topmate.embedded import running, tied
from topmate.embedded.running import is_ours

LONGEST_BACKOFF = 30.0
STEADY_AFTER = 30.0  # seconds after which a process counts as healthy again
STOP_WITHIN = 12.0  # seconds for running requests and tasks; then no more asking


@dataclass
class Child:
    name: str
    command: list[str]
    # How it ends when we are killed and cannot ask. The worker's unfinished tasks come again.
    death_signal: int = signal.SIGKILL
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_again_at: float = 0.0
    backoff: float = 1.0
    rest: bytes = field(default=b"", repr=False)

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    def __init__(
        self,
        children: list[Child],
        env: Mapping[str, str],
        cwd: Path,
        on_change: Callable[[list[int]], None],
    ) -> None:
        self.children = children
        self.env = dict(env)
        self.cwd = cwd
        self.on_change = on_change  # is told the process ids, for the state file
        self.selector = selectors.DefaultSelector()
        self.asked_to_stop = False

    def listen_for_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)

    def _ask_to_stop(self, number: int, frame: object) -> None:
        self.asked_to_stop = True

    def start(self, child: Child) -> None:
        wrapper = [sys.executable, tied.__file__, str(os.getpid()), str(int(child.death_signal))]
        child.process = subprocess.Popen(
            wrapper + child.command,
            env=self.env,
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C comes to us only, and we end them in order
        )
        child.started_at = time.monotonic()
        assert child.process.stdout is not None
        os.set_blocking(child.process.stdout.fileno(), False)
        self.selector.register(child.process.stdout, selectors.EVENT_READ, child)
        self.on_change([c.process.pid for c in self.children if c.process and c.is_alive])

    def run(self, each_turn: Callable[[], None]) -> None:
        """Returns when asked to stop; the children are still to be ended then."""
        for child in self.children:
            if child.process is None:
                self.start(child)
        while not self.asked_to_stop:
            self._read(0.25)
            for child in self.children:
                self._look_after(child)
            each_turn()

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.is_alive:
            if now - child.started_at > STEADY_AFTER:
                child.backoff = 1.0
        elif child.process is not None:
            code = child.process.returncode
            how = f"exit {code}" if code >= 0 else f"signal {-code}"
            self._forget(child)
            say(f"{child.name} stopped ({how}); starting it again in {child.backoff:.0f} s")
            child.start_again_at = now + child.backoff
            child.backoff = min(LONGEST_BACKOFF, child.backoff * 2)
        elif now >= child.start_again_at:
            self.start(child)

    def _forget(self, child: Child) -> None:
        if child.process is None or child.process.stdout is None:
            return
        self._take(child)
        self.selector.unregister(child.process.stdout)
        child.process.stdout.close()
        child.process = None

    def _read(self, seconds: float) -> None:
        for key, _ in self.selector.select(seconds):
            if not self._take(key.data):
                time.sleep(0.01)  # the pipe is closed; _look_after sees the end in a moment

    def _take(self, child: Child) -> bool:
        """Prints whole lines; False when there is nothing more to come."""
        assert child.process is not None
        assert child.process.stdout is not None
        try:
            data = os.read(child.process.stdout.fileno(), 65536)
        except BlockingIOError:
            return True
        *lines, child.rest = (child.rest + data).split(b"\n")
        if not data and child.rest:
            lines, child.rest = [child.rest], b""
        for line in lines:
            print(f"{child.name:>6} | {line.decode(errors='replace')}", flush=True)
        return bool(data)

    def stop(self) -> None:
        """In the order given backwards, so that the broker outlives those who use it."""
        end = time.monotonic() + STOP_WITHIN
        *first, last = reversed(self.children)
        self._end(first, end)
        self._end([last], end + 2)

    def _end(self, children: list[Child], end: float) -> None:
        for child in children:
            if child.process and child.is_alive:
                child.process.terminate()
        while any(child.is_alive for child in children) and time.monotonic() < end:
            self._read(0.1)
        for child in children:
            if child.process and child.is_alive:
                say(f"{child.name} did not end in time and is killed")
                # The whole session: a web server's own workers go with it.
                os.killpg(child.process.pid, signal.SIGKILL)
                child.process.wait()
            self._forget(child)


def say(text: str) -> None:
    print(f"Topmate: {text}", flush=True)


# --- One running copy per DATA_DIR, and no orphans of one that was killed -------------------------


class State:
    """A lock that the kernel gives back at death, beside a file with the process ids."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.file = data_dir / running.FILE
        self.lock_file: IO[str] = open(data_dir / "run.lock", "w")  # noqa: SIM115  held for life
        self.socket_folder: Path | None = None
        self.variables: dict[str, str] = {}
        """What this site was told, for `manage.py` in another shell."""

    def take(self) -> bool:
        """False when another copy runs on the same DATA_DIR."""
        try:
            fcntl.flock(self.lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        self._clean_up()
        return True

    def write(self, pids: list[int]) -> None:
        running.write(
            self.data_dir,
            pids=pids,
            socket_folder=str(self.socket_folder or ""),
            variables=self.variables,
        )

    def clear(self) -> None:
        running.clear(self.data_dir)
        if self.socket_folder:
            shutil.rmtree(self.socket_folder, ignore_errors=True)

    def _clean_up(self) -> None:
        """The lock was free, so whatever the file names belongs to a copy that was killed."""
        try:
            old: dict[str, Any] = json.loads(self.file.read_text())
        except (OSError, ValueError):
            return
        orphans = [pid for pid in old.get("pids", []) if is_ours(pid)]
        for pid in orphans:
            os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + 5
        while any(is_ours(pid) for pid in orphans) and time.monotonic() < end:
            time.sleep(0.1)
        for pid in filter(is_ours, orphans):
            os.kill(pid, signal.SIGKILL)
        folder = Path(old.get("socket_folder") or "/nowhere")
        if folder.name.startswith("topmate-"):
            shutil.rmtree(folder, ignore_errors=True)
        self.file.unlink(missing_ok=True)
