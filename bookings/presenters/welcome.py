"""What a visitor without a sign-in is shown besides the form."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from django.conf import settings

from bookings.models import User


@dataclass(frozen=True, slots=True)
class DemoSignIn:
    email: str
    password: str
    role: str


def demo_sign_ins() -> list[DemoSignIn]:
    """The demo's accounts: only those that are there, and only while no mail leaves the site."""
    if not settings.DEMO_INBOX:
        return []
    # Loaded by name: everybody else runs without the demo.
    offered = [DemoSignIn(*account) for account in import_module("bookings.demo").SIGN_INS]
    there = set(
        User.objects.filter(email__in=[account.email for account in offered]).values_list(
            "email", flat=True
        )
    )
    return [account for account in offered if account.email in there]
