"""What a visitor without a sign-in is shown besides the form."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from django.conf import settings

from bookings import calendar
from bookings.models import User

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class DemoSignIn:
    email: str
    password: str
    role: str


def demo_sign_ins() -> list[DemoSignIn]:
    """The demo's accounts: only those that are there, and only while no mail leaves the site."""
    if not settings.DEMO_INBOX:
        return []
    offered = _printed()
    found = User.objects.filter(email__in=[account.email for account in offered])
    if is_public():
        found = found.filter(is_staff=False)
    there = set(found.values_list("email", flat=True))
    return [account for account in offered if account.email in there]


def is_public() -> bool:
    """Whether the site's own address can be reached from elsewhere."""
    return calendar.site_host() not in THIS_MACHINE


def may_not_open(user: User, password: str) -> bool:
    """Everybody knows the demo's passwords: on a public site they open nothing of staff's."""
    if not (user.is_staff and is_public()):
        return False
    return any((it.email, it.password) == (user.email, password) for it in _printed())


def _printed() -> list[DemoSignIn]:
    """Loaded by name: everybody else runs without the demo."""
    return [DemoSignIn(*account) for account in import_module("bookings.demo").SIGN_INS]
