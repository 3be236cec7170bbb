"""manage.py tell_staff topmate-verify.service: an e-mail that a part of the site has failed.

Started by systemd (`OnFailure=`). Sent directly: the database or the worker may be what has failed.
"""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.text import get_valid_filename

ONCE_IN = 3600.0
"""Seconds. A part that fails each three minutes is one piece of news an hour."""


class Command(BaseCommand):
    help = (
        "Tells STAFF_EMAIL that a part of the site has failed; at most once an hour for each part."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("part", help="the systemd unit, such as topmate-verify.service")

    def handle(self, *args: Any, **options: Any) -> None:
        part = options["part"]
        if not settings.STAFF_EMAIL:
            raise CommandError("STAFF_EMAIL is not set, so nobody was told.")
        stamp = Path(settings.DATA_DIR) / f"told-{get_valid_filename(part)}"
        if stamp.exists() and 0 <= time.time() - float(stamp.read_text() or 0) < ONCE_IN:
            self.stdout.write("Staff was told of it within the last hour.")
            return
        send_mail(_subject(part), _text(part), None, settings.STAFF_EMAIL)
        stamp.write_text(str(time.time()))
        self.stdout.write(f"Told {', '.join(settings.STAFF_EMAIL)}.")


def _subject(part: str) -> str:
    return f"{settings.SITE_NAME}: {part} failed"


def _text(part: str) -> str:
    return (
        f"{part} failed on {socket.gethostname()}.\n\n"
        f"    journalctl --unit {part} --since -1h\n\n"
        f"shows why. {_advice(part)}\n\n"
        "You get at most one of these e-mails an hour for each part.\n"
    )


def _advice(part: str) -> str:
    """What each part is for; docs/production.md says more."""
    if "verify" in part:
        return (
            "It names the bookings whose facts do not fit together: look at them before anything."
        )
    if "backup" in part:
        return "There is no backup of tonight."
    if "sweep" in part:
        return "If beat and the worker run, deadlines are watched all the same."
    return f"{settings.SITE_URL}/healthz/deep says what else is wrong."
