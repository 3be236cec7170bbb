"""`manage.py invite EMAIL`: invite somebody to become an expert."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from bookings import addresses, database_time, formats, invitations
from bookings.management.people import read_address, read_name
from bookings.models import Invitation
from bookings.states import TransitionNotAllowed


class Command(BaseCommand):
    help = "Invites somebody to become an expert: mails them a private link and prints it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL", help="whom to invite")
        parser.add_argument("--name", default="", help="their name, which they can change")
        parser.add_argument(
            "--again",
            action="store_true",
            help="send an invitation again that nobody has answered; its earlier links are over",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        email, now = read_address(options["email"]), database_time.now()
        try:
            if options["again"]:
                invitation = invitations.send_again(_unanswered(email).pk, now=now)
            else:
                name = read_name(options["name"]) if options["name"] else ""
                invitation = invitations.invite(email, name=name, now=now)
        except TransitionNotAllowed as refused:
            raise CommandError(f"{refused.sentence}{_hint(refused.code)}") from refused
        until = formats.moment(invitation.expires_at, "UTC", "24", now)
        mailed = "waits until EMAIL_URL is set" if settings.MAILS_WAIT else "is on its way"
        self.stderr.write(
            f"{invitation} is invited until {until} UTC, and the e-mail {mailed}. This is the link "
            "in it, which works once:"
        )
        self.stdout.write(invitations.link(invitation))


def _unanswered(email: str) -> Invitation:
    found = Invitation.objects.to(email).unanswered().first()
    if found is None:
        raise CommandError(f"{addresses.identity(email)} has no invitation that is open.")
    return found


def _hint(code: str) -> str:
    return " (`--again` sends it.)" if code == "invited" else ""
