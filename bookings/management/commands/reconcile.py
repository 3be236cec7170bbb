"""manage.py reconcile --since 7d: compare our refunds with the providers' books, now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bookings import database_time, refunds
from bookings.refunds import reconciling
from topmate.env import parse_duration


class Command(BaseCommand):
    help = "Compares the payments of a time with the providers' books; 1 if some could not be."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", default="7d", help="like 36h or 7d; default 7d")

    def handle(self, *args: Any, **options: Any) -> None:
        now = database_time.now()
        try:
            since = now - parse_duration(options["since"])
        except ValueError as error:
            raise CommandError(f"--since: {error}.") from error
        due = reconciling.touched_since(since)
        changed, failed = refunds.reconcile(due, now=now)
        self.stdout.write(f"{len(due)} payments compared, {changed} rows changed, {failed} failed.")
        if failed:
            raise CommandError("Not every payment could be compared; see the log.", returncode=1)
