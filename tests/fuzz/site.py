"""A site of its own to be tried: the demo's data, served as in production, on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests import servers
from tests.run import OURS

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Site:
    folder: Path
    port: int = 0
    env: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    log: IO[bytes] | None = None
    servers: ExitStack = field(default_factory=ExitStack)

    def start(self, *, on_postgres: bool) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        clean = {name: value for name, value in os.environ.items() if not OURS.match(name)}
        self.env = clean | {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "DATA_DIR": str(self.folder / "data"),
            "DEMO": "1",
            "TRUSTED_PROXIES": "1",
            "STRIPE_WEBHOOK_SECRET": "whsec_fuzz",
            "RAZORPAY_WEBHOOK_SECRET": "fuzz",
        }
        if on_postgres:
            self.folder.chmod(0o711)  # PostgreSQL may have to run as somebody else
            running = servers.start_postgres(self.folder)
            self.servers.callback(running.stop)
            self.env["DATABASE_URL"] = running.url.replace("/topmate?", "/postgres?")
        self.log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "topmate.embedded"],
            cwd=ROOT,
            env=self.env,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        end = time.monotonic() + 180
        while b"is running at" not in self.said():
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"The site did not start:\n{self.said().decode()[-2000:]}")
            time.sleep(0.2)

    def said(self) -> bytes:
        return (self.folder / "log").read_bytes()

    def verify(self) -> str:
        """Empty when every invariant holds."""
        done = subprocess.run(
            [sys.executable, "manage.py", "verify"],
            cwd=ROOT, env=self.env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return "" if done.returncode == 0 else done.stdout + done.stderr

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)
        self.servers.close()
