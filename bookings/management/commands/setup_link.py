"""`manage.py setup_link`: where the owner of an empty site makes their account."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookings import setup


class Command(BaseCommand):
    help = "Prints the link with which the owner of an empty site makes their account."

    def handle(self, *args: Any, **options: Any) -> None:
        if setup.has_owner():
            setup.remember_owner()
            raise CommandError("This site has an owner already: sign in, or reset the password.")
        self.stdout.write(setup.link())
