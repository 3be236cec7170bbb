"""manage.py reconcile --since 7d: compare our refunds with the providers' books, now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bookings import database_time
from bookings.refunds import catching_up
from topmate.env import parse_duration

MARGIN = timedelta(hours=1)


class Command(BaseCommand):
    help = (
        "Asks the providers what was refunded in a time, whatever our rows say, and compares the "
        "payments of it. Exit status 1 when some could not be compared."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", default="7d", help="like 36h or 7d; default 7d")
        parser.add_argument(
            "--resume", action="store_true", help="go on with the run that was not finished"
        )
        parser.add_argument("--minutes", type=float, default=0, help="stop after so many")

    def handle(self, *args: Any, **options: Any) -> None:
        now = database_time.now()
        try:
            since = now - parse_duration(options["since"])
        except ValueError as error:
            raise CommandError(f"--since: {error}.") from error
        if not options["resume"] and catching_up.unfinished():
            self._say(
                "An earlier run was not finished (--resume goes on with it); this one is new."
            )
        run = catching_up.begin(
            self._far_enough(since),
            now=now,
            say=self._say,
            resume=options["resume"],
            seconds=60 * options["minutes"] or float("inf"),
        )
        catching_up.catch_up(run, now=now)
        self._report(run)

    def _far_enough(self, since: datetime) -> datetime:
        """A database that was restored is at least as old as its last sweep."""
        last = catching_up.last_sweep_known()
        if last is None or last - MARGIN >= since:
            return since
        self._say(f"The last sweep this database knows of was {last:%Y-%m-%d %H:%M} UTC.")
        return last - MARGIN

    def _report(self, run: catching_up.Run) -> None:
        ours = [one for one in run.strangers.values() if one.refund_uuid]
        for one in ours[: catching_up.NAMED]:
            payment = " or ".join(one.payment_refs)
            self._say(
                f"{one.provider_refund_id}: this site refunded it, but does not know its payment "
                f"{payment}. Was it made after the backup?"
            )
        others = len(run.strangers) - min(len(ours), catching_up.NAMED)
        if others:
            self._say(f"{others} more refunds are of payments that are not of this site.")
        self._say(
            f"{run.compared} payments compared, {run.changed} rows changed, {run.failed} failed."
        )
        if run.is_stopped:
            raise CommandError("The time is over; --resume goes on.", returncode=1)
        if run.failed:
            raise CommandError(
                "Not everything could be compared; --resume goes on with the rest.", returncode=1
            )

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
