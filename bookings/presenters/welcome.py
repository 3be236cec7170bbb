"""What somebody is shown who is signed in without being an expert."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from bookings.models import Expert, User
from bookings.presenters.people import mailto

SHOPS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Guide:
    """What an account without an expert profile can do next."""

    letter: str
    """The link that begins an e-mail to staff; empty where nobody is named."""
    may_add_expert: bool
    shops: tuple[tuple[str, str], ...]
    """For staff: the experts by name, each with the last part of their page's address."""
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
