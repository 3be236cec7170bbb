"""Remove two-step sign-in from an account: for whoever has lost their phone and their codes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bookings import database_time, second_factor
from bookings.management.people import read_address
from bookings.models import User


class Command(BaseCommand):
    help = (
        "Remove two-step sign-in from an account, sign it out everywhere and tell its owner by "
        "e-mail. On a public site a member of staff sets it up again with the next sign-in."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the address the account signs in with")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        address = read_address(email)
        try:
            user = User.objects.get_by_natural_key(address)
        except User.DoesNotExist:
            raise CommandError(f"There is no account with the address {address}.") from None
        if not second_factor.remove_on_the_command_line(user, now=database_time.now()):
            raise CommandError(f"{user} has no two-step sign-in.")
        self.stdout.write(f"{user} signs in with the password alone now.")
