"""`manage.py add_expert EMAIL --name NAME`: make an account and its expert at once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError

from bookings import database_time, emails, invitations, zones
from bookings.management.people import read_address, read_name
from bookings.states import TransitionNotAllowed


class Command(BaseCommand):
    help = "Makes an account for an expert, and prints a link for choosing its password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL", help="what they sign in with")
        parser.add_argument("--name", required=True, help="as followers see it")
        parser.add_argument("--zone", default="UTC", help="their time zone, as in Europe/Berlin")

    def handle(self, *args: Any, **options: Any) -> None:
        email, name = read_address(options["email"]), read_name(options["name"])
        zone = options["zone"]
        if not zones.is_known(zone):
            raise CommandError(f"There is no time zone {zone!r}. Write one such as Europe/Berlin.")
        try:
            expert = invitations.add_expert(email, name=name, zone=zone, now=database_time.now())
        except TransitionNotAllowed as refused:
            raise CommandError(refused.sentence) from refused
        except IntegrityError as error:
            raise CommandError("Somebody has just added them. Nothing was changed.") from error
        page = emails.page_link("", "shop", slug=expert.slug).url
        told = f"{expert.name} is an expert now, with the public page {page}"
        if expert.user.has_usable_password():
            self.stderr.write(f"{told}, and signs in with the password of {expert.user}.")
            return
        lasts = emails.password_link_lasts()
        self.stderr.write(
            f"{told}. With this link they choose a password; it works once, within {lasts}. "
            "Afterwards “Forgot your password?” on the sign-in page sends another."
        )
        self.stdout.write(emails.password_link("", expert.user).url)
