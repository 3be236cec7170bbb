"""manage.py verify: asks every invariant of the data; exit status 1 when one is broken."""

from __future__ import annotations

from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from bookings import invariants

NAMED = 50
"""of each invariant; the rest is counted"""


class Command(BaseCommand):
    help = "Checks the invariants of the data. Exit status 1 names the bookings that break one."

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        broken = 0
        for invariant in invariants.ALL.values():
            offenders = iter(invariant.offenders(now))
            named = list(islice(offenders, NAMED))
            if options["verbosity"] > 1 or named:
                self.stdout.write(f"{'BROKEN' if named else 'ok':7}{invariant.name}")
            if not named:
                continue
            broken += 1
            self.stdout.write(f"       Not so: {invariant.sentence}")
            rest = sum(1 for _ in offenders)
            more = f" and {rest} more" if rest else ""
            self.stdout.write(f"       {', '.join(named)}{more}")
        count = len(invariants.ALL)
        if broken:
            raise CommandError(f"{broken} of {count} invariants are broken.", returncode=1)
        self.stdout.write(f"All {count} invariants hold.")
