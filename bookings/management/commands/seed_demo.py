"""manage.py seed_demo: an invented cast and their calls, to try everything on."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from bookings import database_time, demo


class Command(BaseCommand):
    help = "Adds the demo: two experts, staff, and calls in every state. Safe to run again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--anyway",
            action="store_true",
            help="also on a site that sends real e-mail (the demo's addresses do not exist)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO_INBOX and not options["anyway"]:
            raise CommandError(
                "This site sends real e-mail, and the demo's people do not exist. "
                "Nothing was added; --anyway adds them all the same."
            )
        added = demo.seed(database_time.now())
        if not added:
            self.stdout.write("The demo is here already; nothing was added.")
            return
        self.stdout.write(f"Added {added} calls. Sign in as:")
        for email, password, who in demo.SIGN_INS:
            self.stdout.write(f"  {email}  {password}  ({who})")
