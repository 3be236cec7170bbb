"""One running copy per DATA_DIR, and no orphans of one that was killed."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import IO, Any


class State:
    """A lock that the kernel gives back at death, beside a file with the process ids."""

    def __init__(self, data_dir: Path) -> None:
        self.file = data_dir / "run.json"
        self.lock_file: IO[str] = open(data_dir / "run.lock", "w")  # noqa: SIM115  held for life
        self.socket_folder: Path | None = None

    def take(self) -> bool:
        """False when another copy runs on the same DATA_DIR."""
        try:
            fcntl.flock(self.lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        self._clean_up()
        return True

    def write(self, pids: list[int]) -> None:
        content = {"pids": pids, "socket_folder": str(self.socket_folder or "")}
        self.file.write_text(json.dumps(content))

    def clear(self) -> None:
        self.file.unlink(missing_ok=True)
        if self.socket_folder:
            shutil.rmtree(self.socket_folder, ignore_errors=True)

    def _clean_up(self) -> None:
        """The lock was free, so whatever the file names belongs to a copy that was killed."""
        try:
            old: dict[str, Any] = json.loads(self.file.read_text())
        except (OSError, ValueError):
            return
        orphans = [pid for pid in old.get("pids", []) if _is_ours(pid)]
        for pid in orphans:
            os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + 5
        while any(_is_ours(pid) for pid in orphans) and time.monotonic() < end:
            time.sleep(0.1)
        for pid in filter(_is_ours, orphans):
            os.kill(pid, signal.SIGKILL)
        folder = Path(old.get("socket_folder") or "/nowhere")
        if folder.name.startswith("topmate-"):
            shutil.rmtree(folder, ignore_errors=True)
        self.file.unlink(missing_ok=True)


def _is_ours(pid: int) -> bool:
    """A process id may have been given to somebody else meanwhile."""
    try:
        return b"topmate" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        if Path("/proc/self").exists():
            return False  # there is a /proc, so there is no such process
    ask = ["/bin/ps", "-o", "command=", "-p", str(pid)]
    try:
        return "topmate" in subprocess.run(ask, capture_output=True, text=True, check=False).stdout
    except OSError:
        return False
