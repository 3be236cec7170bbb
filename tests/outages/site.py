"""A whole site as in production, where its mails and its pings arrive, and what goes on in it."""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import pinged, servers, smtp_server
from tests.chaos import starting
from tests.chaos.killing import keep_up, until
from tests.chaos.options import Options
from tests.chaos.processes import Program
from tests.chaos.provider import Provider
from tests.smtp_server import Mailbox

STAFF = "ops@example.org"
SECOND_TRIGGER_EVERY = 30
"""Seconds. In production deploy's timer starts `manage.py sweep` each three minutes."""
OTHERS = {
    "DJANGO_SETTINGS_MODULE": "topmate.settings",
    "DEMO": "0",
    "STAFF_EMAIL": STAFF,
    "PROVIDER_TIMEOUT": "5s",
    "LOG_LEVEL": "WARNING",
}
AS_IT_IS = Options(seed=1, kills=0, fault_rate=0, crash_rate=0, pace=1)
"""No faults, and no waits that are shorter than in production."""
BEGINS_WITHIN = 120.0


@dataclass
class Heard:
    """What has reached staff: subjects of mails, and pings that said how a sweep ended."""

    mailbox: Mailbox
    pings: list[tuple[str, str]]

    def mails(self) -> list[str]:
        ours = [one for one in list(self.mailbox.received) if STAFF in one.recipients]
        return [
            f"{smtp_server.as_read(one, 'Subject')}\n{one.message.get_body(('plain',))}"
            for one in ours
        ]

    def ends(self) -> list[tuple[bool, str]]:
        """Whether all was well, and what was not."""
        return [
            (not path.endswith("/fail"), text)
            for path, text in list(self.pings)
            if not path.endswith("/start")
        ]


@dataclass
class Site:
    env: dict[str, str]
    programs: list[Program]
    provider: Provider
    heard: Heard
    data: Path
    mail_server: ExitStack = field(default_factory=ExitStack)

    def program(self, name: str) -> Program:
        return next(one for one in self.programs if one.name == name)

    def stop(self, name: str) -> None:
        self.program(name).end(down_for=float("inf"))

    def start(self, name: str) -> None:
        self.program(name).up_at = 0
        keep_up(self.programs)

    def deep(self) -> dict[str, Any]:
        """What the deep probe says; nothing where no web process answers."""
        address = f"http://127.0.0.1:{self.env['PORT']}/healthz/deep"
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return {**json.load(answer), "is_well": True}
        except urllib.error.HTTPError as unwell:
            with suppress(ValueError):
                return {**json.load(unwell), "is_well": False}
        except OSError:
            pass
        return {"is_well": False}

    def is_well(self) -> bool:
        ends = self.heard.ends()
        return bool(ends) and ends[-1][0] and bool(self.deep()["is_well"])

    def wait(self, is_done: Callable[[], bool], seconds: float) -> float | None:
        """How long it took; nothing when it took longer than that."""
        began = time.monotonic()
        until(self.programs, is_done, seconds)
        return time.monotonic() - began if is_done() else None

    def take_mails(self) -> None:
        self.mail_server.enter_context(smtp_server.running(self.heard.mailbox))


@contextmanager
def running(folder: Path, *, sweep_every: str) -> Iterator[Site]:
    """Up and well, and ended afterwards."""
    with ExitStack() as at_the_end:
        started: list[servers.Running] = []
        at_the_end.callback(_end, started, [])
        scene = starting.set_up(AS_IT_IS, folder, started)
        ping_url, pings = at_the_end.enter_context(pinged.listening())
        heard = Heard(Mailbox(port=starting.free_port()), pings)
        scene.env.update(
            OTHERS,
            SWEEP_EVERY=sweep_every,
            PING_URL=ping_url,
            EMAIL_URL=f"smtp://127.0.0.1:{heard.mailbox.port}",
        )
        provider = Provider(scene.provider_port)
        data = Path(scene.env["DATA_DIR"])
        site = Site(scene.env, scene.programs, provider, heard, data)
        at_the_end.callback(_end, [], site.programs)
        at_the_end.enter_context(site.mail_server)
        site.take_mails()
        _begin(site, folder)
        yield site


def _end(started: list[servers.Running], programs: list[Program]) -> None:
    for program in programs:
        program.end()
    for server in started:
        server.stop()


def _begin(site: Site, folder: Path) -> None:
    site.data.mkdir(mode=0o700, exist_ok=True)
    starting.become_the_site(site.env)
    site.wait(site.provider.is_there, BEGINS_WITHIN)
    site.wait(starting.database_answers, BEGINS_WITHIN)

    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    wanted = ("web", "worker-1", "beat")
    programs = starting.site_programs(AS_IT_IS, folder, site.env)
    site.programs += [one for one in programs if one.name in wanted]
    site.programs.append(_second_trigger(folder, site.env))
    if site.wait(site.is_well, BEGINS_WITHIN) is None:
        raise SystemExit(f"The site did not begin: {site.deep()} {site.heard.ends()[-1:]}")


def _second_trigger(folder: Path, env: dict[str, str]) -> Program:
    loop = f'while sleep {SECOND_TRIGGER_EVERY}; do "$0" manage.py sweep; done'
    command = ["sh", "-c", loop, sys.executable]
    log = folder / "timer.log"
    return Program("timer", "timer", command, starting.ROOT, log, env=env)


def refund_somebody(site: Site) -> Callable[[], None]:
    """A call that was paid. What is returned refunds it, and needs no provider to do so."""
    from bookings import database_time, lifecycle
    from tests.builders import make_booking, staff

    now = database_time.now()
    payment = {"provider": "stripe", "amount": 240000, "currency": "INR"}
    ref = site.provider.tell(payments=[payment])["payments"][0]
    booking = make_booking(provider="stripe", payment_ref=ref, now=now)
    actor = staff()

    def refund() -> None:
        lifecycle.refund_now(booking.pk, actor=actor, now=database_time.now(), reason="Sorry")

    return refund
