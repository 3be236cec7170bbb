"""manage.py sweep: the same sweep that beat runs, for cron or by hand."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookings import sweeps


class Command(BaseCommand):
    help = "Runs passed deadlines, reminders, e-mails and refunds that are due, once."

    def handle(self, *args: Any, **options: Any) -> None:
        counts = sweeps.sweep()
        if counts is None:
            raise CommandError(
                "The clock of this machine is not the database's, so nothing was done. "
                "`manage.py clock` says how far they are apart.",
                returncode=1,
            )
        self.stdout.write(", ".join(f"{count} {what}" for what, count in counts.items()))
