"""One run: start, trade, kill, heal, compare."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tests import servers
from tests.chaos import starting
from tests.chaos.arming import lines
from tests.chaos.killing import Reaper, keep_up, until
from tests.chaos.options import Options
from tests.chaos.provider import Provider

if TYPE_CHECKING:  # knows tables: to be imported when this process has become the site
    from tests.chaos.customers import Customers

START_SECONDS = 30.0


def run(options: Options, say: Callable[[str], None]) -> bool:
    """True when nothing is doubled, lost, mismatched or forgotten and every invariant holds."""
    with tempfile.TemporaryDirectory(prefix="topmate-chaos-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        started: list[servers.Running] = []
        try:
            scene = starting.set_up(options, folder, started)
            return _run(options, folder, scene, say)
        finally:
            for server in started:
                server.stop()


def _run(options: Options, folder: Path, scene: starting.Scene, say: Callable[[str], None]) -> bool:
    began = time.monotonic()
    say(f"{scene.label} · seed {options.seed} · kills {', '.join(options.only)}")
    programs, provider = scene.programs, Provider(scene.provider_port)
    try:
        starting.become_the_site(scene.env)
        until(programs, provider.is_there, START_SECONDS)
        until(programs, starting.database_answers, START_SECONDS)

        from django.core.management import call_command

        from tests.chaos import healing, reporting
        from tests.chaos.customers import Customers

        call_command("migrate", verbosity=0)
        if "web" in options.only:
            call_command("collectstatic", interactive=False, verbosity=0)
        programs += starting.site_programs(options, folder, scene.env)
        reaper = Reaper(programs, options.seed, options.only)
        customers = Customers(provider, random.Random(options.seed + 1))
        _trade_and_kill(options, folder, reaper, customers, say)
        healing.heal(folder, customers, programs, say)
        minutes = (time.monotonic() - began) / 60
        return reporting.report(folder, reaper, customers, minutes, say)
    finally:
        for program in programs:
            program.end()


def _trade_and_kill(
    options: Options,
    folder: Path,
    reaper: Reaper,
    customers: Customers,
    say: Callable[[str], None],
) -> None:
    ends = time.monotonic() + 60 * options.minutes
    killed = said = 0
    while killed < options.kills and time.monotonic() < ends:
        keep_up(reaper.programs)
        customers.act(options.at_once)
        if (tries := customers.tries()) is not None:
            reaper.turn(tries)
        killed = reaper.count() + len(lines(folder / "crashes"))
        if killed >= said + 50:
            said = killed - killed % 50
            say(f"{killed} kills, {customers.calls} calls")
        time.sleep(0.05)
