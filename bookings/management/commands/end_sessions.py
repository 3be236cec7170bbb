"""Sign somebody out everywhere, or everybody."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bookings import sign_ins
from bookings.management.people import read_address
from bookings.models import User


class Command(BaseCommand):
    help = "End all sessions of one account, or of everybody. They can sign in again at once."

    def add_arguments(self, parser: CommandParser) -> None:
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("email", nargs="?", help="the address the account signs in with")
        whose.add_argument("--everybody", action="store_true")

    def handle(self, *args: Any, email: str | None, everybody: bool, **options: Any) -> None:
        if everybody or email is None:
            sign_ins.end_everybodys()
            self.stdout.write("Everybody is signed out.")
            return
        address = read_address(email)
        try:
            user = User.objects.get_by_natural_key(address)
        except User.DoesNotExist:
            raise CommandError(f"There is no account with the address {address}.") from None
        sign_ins.end_all(user)
        self.stdout.write(f"{user} is signed out everywhere.")
