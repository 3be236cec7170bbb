"""manage.py clock: is this machine's clock the one that money and deadlines go by?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from bookings import clock_check, database_time, formats


class Command(BaseCommand):
    help = "Compares this machine's clock with the database's. Exit status 1 when they differ."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--accept",
            action="store_true",
            help="SQLite: the clock was set while the machine was running, and is right now",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["accept"]:
            self._accept()
        found = database_time.compare()
        if found.agrees:
            self.stdout.write(f"The clocks agree: it is {found.database:%Y-%m-%d %H:%M:%S} UTC.")
            return
        apart = formats.left(timedelta(seconds=abs(round(found.ahead.total_seconds()))))
        direction = "ahead of" if found.ahead > timedelta(0) else "behind"
        raise CommandError(
            f"This machine is {apart} {direction} the database's time, "
            f"{found.database:%Y-%m-%d %H:%M:%S} UTC.",
            returncode=1,
        )

    def _accept(self) -> None:
        if connection.vendor == "postgresql":
            raise CommandError(
                "The database has a clock of its own: set the one that is wrong instead."
            )
        database_time.remember()
        clock_check.forget_wrong()
