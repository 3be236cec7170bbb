"""manage.py verify: asks every invariant of the data; exit status 1 when one is broken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from bookings import database_time, invariants

NAMED = 50
"""Of each invariant so many are named; the rest is counted."""


class Command(BaseCommand):
    help = "Checks the invariants of the data. Exit status 1 names the bookings that break one."

    def handle(self, *args: Any, **options: Any) -> None:
        with _time_to_read_everything():
            self._ask_all(options["verbosity"])

    def _ask_all(self, verbosity: int) -> None:
        now = database_time.now()
        broken = 0
        for invariant in invariants.ALL.values():
            try:
                offenders = iter(invariant.offenders(now))
                named = list(islice(offenders, NAMED))
            except Exception as error:  # the others are asked all the same
                broken += 1
                self.stdout.write(f"BROKEN {invariant.name}")
                self.stdout.write(f"       It could not be asked: {error}")
                continue
            if verbosity > 1 or named:
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


@contextmanager
def _time_to_read_everything() -> Iterator[None]:
    """A question to all rows of a large site takes longer than a statement of a page may."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        try:
            yield
        finally:
            cursor.execute("RESET statement_timeout")
