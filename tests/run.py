"""`make test`: every part of the tests against real servers; 0 only when all of them ran.

    python -m tests.run                        everything
    python -m tests.run --only sqlite,broker   some parts (says so at the end)
    python -m tests.run -- -k reschedule       what follows -- goes to pytest
    python -m tests.run --clock "+45 days 23:50"   under another clock; needs `faketime`
    python -m tests.run --only sqlite --half 1     every other file, and --half 2 the rest

A missing PostgreSQL or Redis is a failure unless ALLOW_MISSING=postgres,redis names it;
a missing Chromium is a skip that the summary shows.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import IO

from tests import clock, servers, upgrade

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("sqlite", "postgres", "upgrade", "broker", "browser")
OURS = re.compile(
    r"(SITE_|POLICY_|EMAIL_URL|DATABASE_URL|REDIS_URL|DEFAULT_FROM|STAFF_EMAIL|SECRET_KEY|DEBUG"
    r"|ALLOWED_HOSTS|TRUSTED_PROXIES|INVITATION_|KEEP_|SECOND_FACTOR|DATA_DIR|SWEEP_EVERY|PING_URL|METRICS_|LOG_|STRIPE_|RAZORPAY_|PROVIDER_|BREAKER_"
    r"|REFUNDS_HOLD|PAYMENTS$|ROOM_ADDRESS|EMBED_FROM|DIRECTORY|RECEIPT_|TAX_|HOST$|PORT$|DEMO$)"
)
PLAIN_TESTS = "not broker and not browser"
RED, GREEN, PLAIN = ("\033[31m", "\033[32m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


@dataclass
class Outcome:
    results: list[str] = field(default_factory=list)
    servers: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    is_failed: bool = False
    has_run: bool = False

    def lacks(self, what: str, why: str, *, is_allowed: bool) -> None:
        self.missing.append(f"NOT TESTED: {what} — {why}")
        self.is_failed |= not is_allowed

    def print(self, seconds: float) -> None:
        print("\n" + "=" * 80)
        for line in self.results:
            print(line)
        for line in self.missing:
            print(f"{RED}{line}{PLAIN}")
        used = [f"Python {platform.python_version()}", f"Django {version('django')}"]
        print(" · ".join([*used, *(self.servers or ["no server was used"])]))
        verdict = f"{RED}FAILED{PLAIN}" if self.is_failed else f"{GREEN}PASSED{PLAIN}"
        print(f"{verdict} in {seconds:.0f} s", flush=True)


@dataclass
class Runner:
    only: tuple[str, ...]
    pytest_args: list[str]
    folder: Path
    outcome: Outcome
    clock: str = ""
    half: str = ""
    started: list[servers.Running] = field(default_factory=list)

    def environment(self, **extra: str) -> dict[str, str]:
        """The caller's own site settings must not decide what the tests see."""
        clean = {name: value for name, value in os.environ.items() if not OURS.match(name)}
        half = {"TEST_HALF": self.half} if self.half else {}
        return clean | {"DATA_DIR": str(self.folder / "data")} | half | extra

    def pytest(
        self,
        part: str,
        marks: str,
        *,
        parallel: Sequence[str] | None,
        root: Path = ROOT,
        options: Sequence[str] = (),
        files: Sequence[str] = (),
        **extra: str,
    ) -> None:
        """`parallel` says how the tests are dealt out to two processes; None keeps them in one.
        `files` are run where no others were asked for."""
        part = f"{part} at {self.clock}" if self.clock else part
        part = f"{part}, half {self.half}" if self.half else part
        print(f"\n=== {part} " + "=" * (74 - len(part)), flush=True)
        command = [sys.executable, "-m", "pytest", "-q", "-m", marks]
        command += ["-n", "2", *parallel] if parallel is not None else []
        if sys.stdout.isatty():
            command.append("--color=yes")
        process = subprocess.Popen(
            [*command, *options, *(self.pytest_args or files)],
            cwd=root,
            env=self.environment(**extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        closing = ""
        assert process.stdout is not None
        for line in self.shown(process.stdout):
            if re.search(r"\d+ (passed|failed|error|skipped|deselected)", line):
                closing = line.strip(" =\n")
        code = process.wait()
        # 5 is "no test was selected": a part without tests has not run.
        # A part may have nothing of the files that were asked for; all of them together may not.
        is_empty = code == 5 and bool(self.pytest_args)
        closing = closing or ("none of these tests" if is_empty else f"exit {code}")
        self.outcome.results.append(f"{part:<11} {closing}")
        self.outcome.has_run |= not is_empty
        self.outcome.is_failed |= code != 0 and not is_empty

    @staticmethod
    def shown(output: IO[bytes]) -> Iterator[str]:
        """The lines; printed as they grow, so that what was reached is seen if it ends early."""
        line = b""
        while grown := os.read(output.fileno(), 65536):
            sys.stdout.buffer.write(grown)
            sys.stdout.buffer.flush()
            *whole, line = (line + grown).split(b"\n")
            yield from (one.decode(errors="replace") for one in whole)

    def start(
        self, what: str, key: str, starter: Callable[[Path], servers.Running]
    ) -> servers.Running | None:
        try:
            running = starter(self.folder)
        except servers.Missing as missing:
            allowed = key in os.environ.get("ALLOW_MISSING", "").split(",")
            self.outcome.lacks(what, str(missing), is_allowed=allowed)
            return None
        self.started.append(running)
        self.outcome.servers.append(running.label)
        return running

    def run(self) -> None:
        if "sqlite" in self.only:
            self.pytest("SQLite", PLAIN_TESTS, parallel=())
        server = None
        if {"postgres", "upgrade"} & set(self.only):
            server = self.start("PostgreSQL", "postgres", servers.start_postgres)
        if "postgres" in self.only and server:
            self.pytest("PostgreSQL", PLAIN_TESTS, parallel=(), DATABASE_URL=server.url)
        if "upgrade" in self.only and server:
            self.upgrade(server.url)
        redis = None
        if {"broker", "browser"} & set(self.only):
            redis = self.start("Redis or Valkey", "redis", servers.start_redis)
        if "broker" in self.only and redis:
            marks = "broker and not browser"
            self.pytest("broker", marks, parallel=None, REDIS_URL=redis.url)
        if "browser" in self.only:
            self.browser(redis.url if redis else "")

    def upgrade(self, url: str) -> None:
        """The last release's own tests, in a database that this release has made."""
        try:
            release = upgrade.unpack(self.folder)
        except upgrade.Unavailable as unavailable:
            self.outcome.lacks("the upgrade", str(unavailable), is_allowed=False)
            return
        upgrade.make_databases(url, self.environment())
        self.pytest(
            "upgrade",
            PLAIN_TESTS,
            parallel=(),
            root=release,
            options=upgrade.OPTIONS,
            files=upgrade.FILES,
            DATABASE_URL=url,
            PYTHONPATH=upgrade.PLUGINS,
        )

    def browser(self, redis_url: str) -> None:
        chromium = servers.find_chromium()
        if chromium is None:
            self.outcome.lacks("pages in a browser", "no Chromium here", is_allowed=True)
            return
        self.outcome.servers.append(chromium.label)
        extra = {"REDIS_URL": redis_url, "TEST_CHROMIUM": chromium.url}
        # A file stays in one process: the journeys share a site. See conftest.py for their order.
        # A worker that was ended is not replaced: pytest-xdist would wait for its tests for ever.
        dealt_out = ("--dist", "loadfile", "--no-loadscope-reorder", "--max-worker-restart", "0")
        self.pytest("browser", "browser", parallel=dealt_out, **extra)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.run")
    parser.add_argument("--only", default=",".join(PARTS), help="parts: " + ",".join(PARTS))
    parser.add_argument("--clock", default="", help=f"UTC: {clock.FORMS}")
    parser.add_argument("--half", default="", choices=("", "1", "2"), help="of the files")
    parser.add_argument("pytest_args", nargs="*")
    options = parser.parse_args()
    only = tuple(options.only.split(","))
    if unknown := set(only) - set(PARTS):
        parser.error(f"there is no part {', '.join(unknown)}; the parts are {', '.join(PARTS)}")
    try:
        shown = clock.check()
        if options.clock and not shown:
            clock.run_again(options.clock, sys.argv[1:])
    except clock.Unusable as unusable:
        parser.error(str(unusable))
    began = time.monotonic()
    outcome = Outcome()
    with tempfile.TemporaryDirectory(prefix="topmate-test-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL's user must pass through to its own 0700 folder
        runner = Runner(only, options.pytest_args, folder, outcome, shown, options.half)
        try:
            runner.run()
        finally:
            for server in runner.started:
                server.stop()
    if options.half:
        outcome.missing.append(f"Only half {options.half} of the files was asked for")
    if set(only) != set(PARTS):
        outcome.missing.append(f"Only a part was asked for: {', '.join(only)}")
    if not outcome.has_run:
        outcome.missing.append("No test was found: is the name right?")
        outcome.is_failed = True
    outcome.print(time.monotonic() - began)
    return 1 if outcome.is_failed else 0


if __name__ == "__main__":
    sys.exit(main())
