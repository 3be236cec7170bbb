"""What somebody is shown who is not signed in, or signed in without being an expert."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from django.conf import settings

from bookings import calendar
from bookings.models import Expert, User
from bookings.presenters.people import mailto

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


SHOPS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Guide:
    """What an account without an expert profile can do next."""

    letter: str
    """the link that begins a letter to staff; empty where nobody is named"""
    may_add_expert: bool
    shops: tuple[tuple[str, str], ...]
    """for staff: experts by name, with the last part of the address of their public page"""
    has_more_shops: bool


def without_profile(user: User) -> Guide:
    us = settings.STAFF_EMAIL[0] if settings.STAFF_EMAIL else ""
    experts = Expert.objects.none()
    if user.is_staff and user.has_perm("bookings.view_expert"):
        experts = Expert.objects.selling().order_by("name", "pk")
    found = list(experts[: SHOPS_SHOWN + 1])
    return Guide(
        letter=mailto(us, f"An expert profile for {user.email}") if us else "",
        may_add_expert=user.is_staff and user.has_perm("bookings.add_expert"),
        shops=tuple((expert.name, expert.slug) for expert in found[:SHOPS_SHOWN]),
        has_more_shops=len(found) > SHOPS_SHOWN,
    )
