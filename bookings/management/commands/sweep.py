"""manage.py sweep: the same sweep that beat runs, for cron or by hand."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from bookings import sweeps


class Command(BaseCommand):
    help = "Run passed deadlines, reminders, e-mails and refunds that are due, once."

    def handle(self, *args: Any, **options: Any) -> None:
        counts = sweeps.run(now=timezone.now())
        self.stdout.write(", ".join(f"{count} {what}" for what, count in counts.items()))
