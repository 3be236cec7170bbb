"""W04 and W02 against the web processes that `make run` starts: a flood of webhooks over HTTP.

How many in a second depends on the machine and is only printed: pytest -s tests/test_webhook_flood.py
"""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bookings.gateways.webhooks import MOST_BYTES
from tests import clock
from tests.effort import effort
from tests.webhooks import SECRETS, event_of, signed
from topmate.embedded.__main__ import ROOT, Run, processes

FLOOD = effort(600)
EACH_NTH_IS_TRUE = 20
VISITORS = 6


@dataclass
class Site:
    port: int
    database: Path

    def ask(self, method: str, path: str, body: Any = None, headers: Any = None) -> int:
        """The status; 0 when the line was cut before all was sent or answered."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            line.request(method, path, body, headers or {})
            answer = line.getresponse()
            answer.read()
            return answer.status
        except (BrokenPipeError, ConnectionResetError):
            return 0
        finally:
            line.close()

    def events(self) -> list[tuple[str, str]]:
        with sqlite3.connect(self.database) as connection:
            rows = connection.execute("SELECT provider, event_id FROM bookings_providerevent")
            return sorted(rows.fetchall())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With a database of its own; no broker: an event that is kept waits for the sweep."""
    data = tmp_path_factory.mktemp("site")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    kept = ("PATH", "HOME", "LANG", "TMPDIR")
    env = (
        {name: value for name, value in os.environ.items() if name in kept}
        | clock.carried()
        | {
            "DJANGO_SETTINGS_MODULE": "topmate.settings",
            "DATA_DIR": str(data),
            "PORT": str(port),
            "DEMO": "0",
            "LOG_LEVEL": "ERROR",
            "STRIPE_SECRET_KEY": "sk_test_standin",
            "STRIPE_WEBHOOK_SECRET": ",".join(SECRETS["stripe"]),
            "RAZORPAY_WEBHOOK_SECRET": ",".join(SECRETS["razorpay"]),
        }
    )
    prepare = [sys.executable, "-m", "topmate.embedded.prepare", str(data / "start.json")]
    subprocess.run(prepare, env=env, cwd=ROOT, check=True, capture_output=True)
    commands = processes(Run("127.0.0.1", port, data, env))
    web = next(child.command for child in commands if child.name == "web")
    process = subprocess.Popen(web, env=env, cwd=ROOT)
    found = Site(port, data / "topmate.sqlite3")
    try:
        _wait_for(found, process)
        yield found
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(site: Site, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + 60
    while True:
        try:
            assert site.ask("GET", "/healthz") == 200
            return
        except OSError:
            assert process.poll() is None, "the web processes ended"
            assert time.monotonic() < ends, "nobody listens"
            time.sleep(0.1)


def test_w04_a_flood_of_forged_and_repeated_webhooks(site: Site) -> None:
    """Forged ones are refused, true ones kept once however often they come, and the pages are
    still there for everybody else."""
    before = site.events()
    chance = random.Random(4)
    jobs = [_job(number, chance) for number in range(FLOOD)]
    seen: Counter[tuple[str, int]] = Counter()
    lock = threading.Lock()

    def visit() -> None:
        while True:
            with lock:
                if not jobs:
                    return
                what, path, body, headers = jobs.pop()
            status = site.ask("POST" if body else "GET", path, body, headers)
            with lock:
                seen[what, status] += 1

    began = time.monotonic()
    threads = [threading.Thread(target=visit) for _ in range(VISITORS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{FLOOD} requests, {FLOOD / (time.monotonic() - began):.0f} in a second: {dict(seen)}")
    assert set(seen) == {("forged", 400), ("true", 200), ("page", 200)}
    assert len(site.events()) - len(before) == 2, "one of each provider"


def _job(number: int, chance: random.Random) -> tuple[str, str, bytes | None, dict[str, str]]:
    if number % 50 == 0:
        return "page", "/sign-in/", None, {}
    name = chance.choice(["stripe", "razorpay"])
    is_true = number % EACH_NTH_IS_TRUE == 0 or number < 3
    body = json.dumps(event_of(name, 1 if is_true else number)).encode()
    # Signed again each time, as a provider does, and by Razorpay under another id.
    secret = "" if is_true else "forged"
    headers = signed(name, body, secret=secret, event_id=f"ev_{number}")
    return "true" if is_true else "forged", f"/webhooks/{name}/", body, headers


def test_w02_too_large_and_odd_requests_over_http(site: Site) -> None:
    """What a test client cannot send: lengths that lie, chunks without end, no length at all."""
    before = site.events()
    body = json.dumps(event_of("stripe", 77)).encode()
    headers = signed("stripe", body)
    large = b"x" * (MOST_BYTES + 1)
    assert site.ask("POST", "/webhooks/stripe/", large, headers) == 413
    chunks = (large[:4096] for _ in range(200))
    # It does not wait for the end of them, so the refusal may be lost with the line.
    assert site.ask("POST", "/webhooks/stripe/", chunks, headers) in (400, 413, 0)
    for length in ("-1", "x", "9" * 30):
        odd = {**headers, "Content-Length": length}
        assert _raw(site, "/webhooks/stripe/", odd, body) in (400, 413)
    assert site.ask("GET", "/webhooks/stripe/") == 405
    assert site.events() == before
    assert site.ask("GET", "/healthz") == 200


def _raw(site: Site, path: str, headers: dict[str, str], body: bytes) -> int:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as line:
        line.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        line.shutdown(socket.SHUT_WR)
        return int(line.recv(65536).split()[1])
