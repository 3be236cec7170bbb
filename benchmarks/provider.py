"""Services that answer after 50 ms: a payment provider in a process of its own, a mail server."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from benchmarks.databases import ROOT

DELAY_MS = 50


@dataclass(frozen=True, slots=True)
class Provider:
    url: str

    def take(self, payments: list[tuple[str, int]]) -> None:
        """Payments of this id and amount exist from now on."""
        told = [
            {"provider": "stripe", "amount": amount, "currency": "inr", "id": reference}
            for reference, amount in payments
        ]
        self._call("/_control", {"payments": told, "settles_after": 0})

    def books(self) -> dict[str, Any]:
        """What went back of each payment."""
        found: dict[str, Any] = self._call("/_books")["payments"]
        return found

    def _call(self, path: str, told: dict[str, Any] | None = None) -> Any:
        body = json.dumps(told).encode() if told else None
        with urllib.request.urlopen(self.url + path, body, timeout=60) as answer:
            return json.load(answer)


@contextmanager
def provider() -> Iterator[Provider]:
    """`python -m tests.provider` that waits before every answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.provider", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--delay-ms", str(DELAY_MS)],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "topmate.settings"},
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        if not process.stdout.readline():  # it prints its address once it listens
            raise SystemExit("The provider's stand-in did not start.")
        yield Provider(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(10)


class SlowMailServer(BaseEmailBackend):
    """Takes every e-mail, after as long as the provider needs for an answer."""

    is_remote = True
    taken = 0
    _lock = threading.Lock()

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            message.message().as_bytes()
            time.sleep(DELAY_MS / 1000)
        with self._lock:
            type(self).taken += len(email_messages)
        return len(email_messages)
