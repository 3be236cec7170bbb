"""The whole site as `make run` starts it, for journeys in a real browser.

Bookings come in through the import, under limits of their own: a clock of 72 hours that runs out
in seconds lies on its booking and on no other.
"""

from __future__ import annotations

import csv
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Page, expect

from tests import clock

ROOT = Path(__file__).resolve().parent.parent
MAYA = ("maya@demo.example", "no-show-desk")
PATIENCE_MS = 45_000
"""How long a page may take to show what a worker does meanwhile."""
_number = itertools.count(1)


@dataclass
class Call:
    """A call of last night, and whose follower reads e-mail."""

    name: str
    email: str
    external_ref: str
    starts_at: datetime

    @property
    def first_name(self) -> str:
        return self.name.split()[0]


@dataclass
class House:
    folder: Path
    url: str = ""
    env: dict[str, str] = field(default_factory=dict)
    more: dict[str, str] = field(default_factory=dict)
    """Further variables it is started with."""
    process: subprocess.Popen[str] | None = None
    never: list[tuple[str, str, float]] = field(default_factory=list)
    port: int = 0
    """Kept when it is started again: the links in its e-mails lead there."""

    def start(self) -> None:
        if not self.port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        elsewhere = {"REDIS_URL", "DATABASE_URL", "EMAIL_URL", "SITE_URL"}
        self.env = {name: value for name, value in os.environ.items() if name not in elsewhere}
        self.env |= {
            "PORT": str(self.port),
            "HOST": "127.0.0.1",
            "DATA_DIR": str(self.folder / "data"),
            "SWEEP_EVERY": "2s",
            **self.more,
        }
        log = (self.folder / "house.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "topmate.embedded"],
            cwd=ROOT,
            env=self.env,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            umask=0,  # nobody else's files: see look_back
        )
        self._wait()

    def _wait(self) -> None:
        assert self.process is not None
        for _ in range(1500):  # five minutes: a loaded machine takes its time
            if self.process.poll() is not None:
                break
            if "is running at" in self.log():
                return
            time.sleep(0.2)
        raise AssertionError(f"The site did not start:\n{self.log()}")

    def log(self) -> str:
        return (self.folder / "house.log").read_text()

    def look_back(self, page: Page) -> None:
        """After the last journey: clocks that must not have done anything have run out by now,
        nothing broke behind the pages, and every invariant holds."""
        for to, words, until in self.never:
            time.sleep(max(0, until - time.monotonic()))
            assert not [mail for mail in self.mails_to(page, to) if words in mail.lower()], to
        assert "Traceback" not in self.log()
        assert open_to_others(self.folder / "data") == []
        self.command("verify")

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)

    def pass_time(self, until: datetime) -> None:
        """The machine sleeps until then; afterwards its clock is declared right, as the manual says
        for SQLite, and the site starts again."""
        self.stop()
        ahead = until - datetime.now(UTC)
        self.more |= clock.ahead_by(round(ahead.total_seconds()))
        self.env |= self.more
        self.command("clock", "--accept")
        self.start()

    def command(self, *words: str, **env: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.env | env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def past_call(self, **limits: str) -> Call:
        """Maya's, of last night, 2,400 rupees; `limits` are POLICY_ settings."""
        number = next(_number)
        starts_at = _free_past(number)
        call = Call(
            name=f"Nora{number} Berg",
            email=f"nora{number}@journey.example",
            external_ref=f"journey-{number}-{self.folder.name}",
            starts_at=starts_at,
        )
        path = self.folder / f"{number}.csv"
        with path.open("w", newline="") as file:
            row = {
                "external_ref": call.external_ref,
                "expert_email": MAYA[0],
                "follower_name": call.name,
                "follower_email": call.email,
                "follower_time_zone": "Europe/Berlin",
                "service_title": "Journey",
                "duration_minutes": "10",
                "starts_at": starts_at.isoformat(),
                "price": "2400",
                "currency": "INR",
                "provider": "sandbox",
                "payment_ref": call.external_ref,
                "paid_at": (starts_at - timedelta(days=3)).isoformat(),
            }
            writer = csv.DictWriter(file, row.keys())
            writer.writeheader()
            writer.writerow(row)
        policy = {f"POLICY_{name.upper()}": value for name, value in limits.items()}
        self.command("import_bookings", str(path), **({"POLICY_UNDO_WINDOW": "2s"} | policy))
        return call

    # --- what people do ---------------------------------------------------------------------

    def sign_in(self, page: Page) -> None:
        page.goto(self.url + "/sign-in/")
        page.get_by_label("E-mail").fill(MAYA[0])
        page.get_by_label("Password", exact=True).fill(MAYA[1])
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url("**/need-action/")

    def open_mail(self, page: Page, to: str, subject: str) -> None:
        """Wait until the mail is in the demo inbox, and open it."""
        deadline = time.monotonic() + PATIENCE_MS / 1000
        link = page.get_by_role("link", name=re.compile(subject))
        while True:
            page.goto(f"{self.url}/demo/inbox/?to={to}")
            if link.count():
                break
            assert time.monotonic() < deadline, f"no mail {subject!r} to {to}"
            time.sleep(0.5)
        link.first.click()
        expect(page).to_have_title(re.compile(subject))

    def follow_mail(self, page: Page, to: str, subject: str, purpose: str) -> None:
        """Open the mail and follow its private link for `purpose`."""
        self.open_mail(page, to, subject)
        page.goto(str(page.locator(f"a[href*='/{purpose}/']").first.get_attribute("href")))

    def mails_to(self, page: Page, to: str) -> list[str]:
        page.goto(f"{self.url}/demo/inbox/?to={to}")
        return page.locator(".inbox__subject").all_inner_texts()

    def never_mails(self, to: str, words: str, *, until: float) -> None:
        """To be looked at later: no subject to this reader may hold these words by then."""
        self.never.append((to, words, until))


def open_to_others(folder: Path) -> list[str]:
    """What another user of this machine could read or list."""
    found = [folder, *folder.rglob("*")]
    return sorted(str(path) for path in found if path.lstat().st_mode & 0o077)


def _free_past(number: int) -> datetime:
    """Half hours of the last two nights in India, where the demo has no calls."""
    nights_ago, half_hour = divmod(number, 15)
    evening = datetime.now(UTC).replace(hour=16, minute=0, second=0, microsecond=0)
    return evening - timedelta(days=1 + nights_ago) + timedelta(minutes=30 * half_hour)


SKIPPED_FADE = "Transition was skipped"
"""What Chromium says when a page is left before its script could wave that aside."""


def complaints_of(page: Page) -> list[str]:
    """Collects what the browser complains of: console errors, broken policy, script errors."""
    found: list[str] = []
    expected = "410 (Gone)"  # how the browser reports the page of a link that is not active

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and expected not in message.text:
            found.append(message.text)

    def note_error(error: object) -> None:
        if SKIPPED_FADE not in str(error):
            found.append(str(error))

    page.on("console", note)
    page.on("pageerror", note_error)
    return found


def new_page(browser: Any, *, scripts: bool, **options: Any) -> Page:
    context = browser.new_context(
        java_script_enabled=scripts, locale="en-GB", timezone_id="Europe/Berlin", **options
    )
    context.set_default_timeout(15_000)
    page: Page = context.new_page()
    return page
