"""`manage.py export_person EMAIL`: everything that is known of a person, as JSON."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bookings import database_time, personal_data, staff_acts
from bookings.management.people import read_address
from bookings.models import Expert, Follower


class Command(BaseCommand):
    help = "Writes everything that is known of a follower or an expert as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL", help="whose data is written")
        parser.add_argument(
            "--json", type=Path, metavar="FILE", help="a new file, for your own user only"
        )
        parser.add_argument("--reason", default="The person asked for it.", help="kept for good")

    def handle(self, *args: Any, **options: Any) -> None:
        address, path = read_address(options["email"]), options["json"]
        follower = Follower.objects.with_address(address).first()
        expert = Expert.objects.with_address(address).select_related("user").first()
        if follower is None and expert is None:
            raise CommandError(f"Nobody has the address {address}.")
        sections = []
        if follower is not None:
            sections += personal_data.of_follower(follower)
        if expert is not None:
            sections += personal_data.of_expert(expert, "expert_" if follower else "")
        staff_acts.note(
            "Exported a person’s data",
            by=None,
            at=database_time.now(),
            reason=options["reason"],
            about=str(expert or follower),
            follower=follower,
            expert=expert,
        )
        if path is None:
            sys.stdout.writelines(personal_data.as_json(sections))
            return
        try:
            path.touch(mode=0o600, exist_ok=False)
        except OSError as error:
            raise CommandError(f"{path} cannot be made: {error.strerror}.") from error
        with path.open("w", encoding="utf-8") as file:
            file.writelines(personal_data.as_json(sections))
