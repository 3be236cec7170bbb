"""The demo's accounts, whose passwords everybody can read in the manual.

They open a demo: a site that no other machine knows by its address and whose e-mails go nowhere.
Anywhere else they open nothing, also where the site has been a demo before.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.core.exceptions import ValidationError

from bookings.models import User


@dataclass(frozen=True, slots=True)
class DemoAccount:
    email: str
    password: str
    role: str


def accounts() -> list[DemoAccount]:
    """Loaded by name: everybody else runs without the demo."""
    return [DemoAccount(*account) for account in import_module("bookings.demo").SIGN_INS]


def work_here() -> bool:
    return bool(settings.DEMO_INBOX) and not settings.IS_PUBLIC


def opens_nothing(password: str) -> bool:
    """Whoever's it is: somebody may have taken it over from the manual."""
    return not work_here() and any(password == account.password for account in accounts())


def is_still_the_printed_one(user: User) -> bool:
    """For a session that began while the site was a demo."""
    printed = (account.password for account in accounts() if account.email == user.email)
    return any(_is_password(password, user.password) for password in printed)


def lets_in(user: User) -> bool:
    """Whether nobody can sign in as them by reading the manual, or that is meant."""
    return work_here() or not is_still_the_printed_one(user)


def of_this_site() -> list[DemoAccount]:
    """Those that are there, where they open something."""
    if not work_here():
        return []
    offered = accounts()
    found = User.objects.filter(email__in=[account.email for account in offered])
    there = set(found.values_list("email", flat=True))
    return [account for account in offered if account.email in there]


@lru_cache(maxsize=32)
def _is_password(password: str, encoded: str) -> bool:
    """Slow on purpose, so once for each of the few accounts."""
    return check_password(password, encoded)


class Validator:
    """For AUTH_PASSWORD_VALIDATORS."""

    def validate(self, password: str, user: User | None = None) -> None:
        if any(password == account.password for account in accounts()):
            raise ValidationError("This password is printed in the manual. Choose another one.")

    def get_help_text(self) -> str:
        return "The password must not be one that the manual prints."
