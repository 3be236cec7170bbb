"""manage.py chaos --seed 1 --kills 1000: kill -9 against a lying provider, then compare ledgers.

For a checkout with its tests; it starts its own database, broker, workers and provider, and
touches none of the site's. See docs/chaos.md.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

ROOT = Path(__file__).resolve().parent.parent.parent.parent
FLAGS = ("sqlite", "fresh_keys", "hasty_keys", "no_clock_guard", "lazy_commits")


class Command(BaseCommand):
    help = "Kills workers and sweeps at random, then compares our refunds with the provider's."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--kills", type=int, default=300)
        parser.add_argument("--minutes", type=float, default=600, help="kill no longer than that")
        parser.add_argument(
            "--only", default="", help="of workers, web, broker, database, provider; with commas"
        )
        parser.add_argument("--sqlite", action="store_true", help="instead of PostgreSQL")
        parser.add_argument(
            "--fresh-keys", action="store_true", help="a new key per try: must show doubles"
        )
        parser.add_argument(
            "--hasty-keys", action="store_true", help="no bound of epochs: must show doubles"
        )
        parser.add_argument(
            "--no-clock-guard",
            action="store_true",
            help="each process believes its own clock: must show early refunds",
        )
        parser.add_argument(
            "--lazy-commits", action="store_true", help="answer early: must show forgotten verbs"
        )
        parser.add_argument("--fault-rate", type=float, default=0.5)
        parser.add_argument("--crash-rate", type=float, default=0.03, help="at each named point")
        parser.add_argument("--faults", default="", help="only these of the provider, with commas")
        parser.add_argument("--pace", type=float, default=0.02, help="0.1: waits are a tenth")
        parser.add_argument("--crash-at", default="", help="only at these points, with commas")

    def handle(self, *args: Any, **options: Any) -> None:
        if not (ROOT / "tests" / "chaos").is_dir():
            raise CommandError("The chaos run is part of the tests, which are not installed here.")
        names = (
            "seed",
            "kills",
            "minutes",
            "fault_rate",
            "faults",
            "pace",
            "crash_rate",
            "crash_at",
            "only",
        )
        given = [f"--{name.replace('_', '-')}={options[name]}" for name in names]
        given += [f"--{name.replace('_', '-')}" for name in FLAGS if options[name]]
        # A process of its own: this one has read the settings of the site already.
        clean = {n: v for n, v in os.environ.items() if n in ("PATH", "HOME", "LANG", "TMPDIR")}
        command = [sys.executable, "-m", "tests.chaos", *given]
        code = subprocess.call(command, cwd=ROOT, env=clean)  # noqa: S603
        if code:
            raise CommandError("The ledgers differ, or an invariant is broken.", returncode=code)
