"""`manage.py erase_person EMAIL`: erase a follower; docs/privacy.md says what goes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bookings import database_time, erasing
from bookings.management.people import read_address
from bookings.models import Erasure, Expert, Follower
from bookings.states import TransitionNotAllowed


class Command(BaseCommand):
    help = (
        "Erases a follower: name, address and words go, money, states and times stay. Refused "
        "while a call, a case, a refund or a purchase is open. It cannot be undone."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL", help="whose data is erased")
        parser.add_argument(
            "--reason",
            default="The person asked for it.",
            help="kept in the list of what staff did; it must not name the person",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        address, now = read_address(options["email"]), database_time.now()
        unfinished = list(Erasure.objects.filter(finished_at=None).values_list("pk", flat=True))
        for pk in unfinished:  # perhaps this very person, whose address is nowhere any more
            erasing.go_on(pk, now=now)
        follower = Follower.objects.with_address(address).first()
        if follower is None:
            is_expert = Expert.objects.with_address(address).exists()
            hint = " This is the account of an expert; see docs/privacy.md." if is_expert else ""
            raise CommandError(f"No follower has the address {address}.{hint}")
        try:
            erasure = erasing.begin(follower.pk, by=None, reason=options["reason"], now=now)
        except TransitionNotAllowed as refused:
            raise CommandError(refused.sentence) from refused
        if erasing.go_on(erasure.pk, now=now):
            self.stdout.write("Erased. Now erase the person at the payment provider, too.")
        else:
            self.stdout.write("Nearly erased. The sweep does what is left.")
