"""Start a site, send the requests, and tell what came back."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.site import Site

SENDERS = 4
FRESH_AFTER = 100
"""Requests after which ids, tokens and sessions are read again: what is sent changes them."""


@dataclass
class Seen:
    lock: threading.Lock = field(default_factory=threading.Lock)
    statuses: Counter[int] = field(default_factory=Counter)
    bare: Counter[int] = field(default_factory=Counter)
    """answers without the security headers: those the server gave by itself"""
    failures: list[str] = field(default_factory=list)
    slowest: list[tuple[float, str]] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)
    count: int = 0

    def add(self, attempt: Any, answer: Any) -> None:
        with self.lock:
            self.count += 1
            self.statuses[answer.status] += 1
            if answer.status and "content-security-policy" not in answer.headers:
                self.bare[answer.status] += 1
            # Nobody sweeps here, and the probe that says so by a 503 is right.
            is_alarm = answer.status == 503 and "/healthz/deep" in str(attempt)
            if (answer.status >= 500 or answer.status == 0) and not is_alarm:
                self.failures.append(f"{answer.status or 'no answer'}: {attempt}")
                print(self.failures[-1], flush=True)
            self.slowest = sorted([*self.slowest, (answer.seconds, str(attempt))], reverse=True)[:5]


def main() -> int:
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    site = Site(folder)
    print(f"Starting a site in {folder}", flush=True)
    site.start(on_postgres=options.postgres)
    try:
        _become_a_part_of(site)
        seen = Seen()
        started = time.monotonic()
        _send_all(site, seen, options)
        seconds = time.monotonic() - started
        is_good = _tell(site, seen, options, seconds)
    finally:
        site.stop()
        if not options.keep:
            import shutil

            shutil.rmtree(folder, ignore_errors=True)
    return 0 if is_good else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--keep", action="store_true", help="leave the site's folder there")
    return parser.parse_args()


def _become_a_part_of(site: Site) -> None:
    """This process reads the site's database and signs with its key."""
    os.environ.update(site.env)
    os.environ["DJANGO_SETTINGS_MODULE"] = "topmate.settings"
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    import django

    django.setup()


def _send_all(site: Site, seen: Seen, options: argparse.Namespace) -> None:
    """Side by side, each sender with requests of its own."""
    from tests.fuzz.making import Maker
    from tests.fuzz.world import gather

    random = Random(options.seed)
    while seen.count < options.requests:
        world = gather()
        seen.secrets.update(world.secrets)
        each = min(FRESH_AFTER, -(-(options.requests - seen.count) // SENDERS))
        makers = [Maker(Random(random.random()), world) for _ in range(SENDERS)]
        threads = [
            threading.Thread(target=_send_some, args=(site, seen, maker, each)) for maker in makers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(f"{seen.count} sent, {len(seen.failures)} failed", flush=True)


def _send_some(site: Site, seen: Seen, maker: Any, count: int) -> None:
    from tests.fuzz.sending import send

    for _ in range(count):
        attempt = maker.attempt()
        answer = send(attempt, site.port)
        seen.add(attempt, answer)
        if "html" in answer.headers.get("content-type", ""):
            maker.learn(attempt, answer.body.decode("utf-8", "replace"))


def _tell(site: Site, seen: Seen, options: argparse.Namespace, seconds: float) -> bool:
    said = site.said().decode(errors="replace")
    shown = [secret for secret in seen.secrets if secret in said]
    broken = site.verify()
    print("=" * 80)
    print(f"{seen.count} requests in {seconds:.0f} s, seed {options.seed}, "
          f"{'PostgreSQL' if options.postgres else 'SQLite'}")  # fmt: skip
    print(
        "answers      ", "  ".join(f"{status}: {n}" for status, n in sorted(seen.statuses.items()))
    )
    print("without our headers ", dict(seen.bare), "(refused by the web server itself)")
    print(f"slowest       {', '.join(f'{1000 * it[0]:.0f} ms' for it in seen.slowest)}")
    for slow, attempt in seen.slowest[:2]:
        print(f"{slow:.2f} s {attempt}")
    print(f"5xx or none   {len(seen.failures)}")
    print(f"tracebacks    {said.count('Traceback')}")
    print(f"private tokens in the log: {len(shown)}")
    print(f"invariants    {broken or 'hold'}")
    return not (seen.failures or shown or broken or "Traceback" in said)


if __name__ == "__main__":
    sys.exit(main())
