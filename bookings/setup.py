"""An empty site: its owner's account, made by a link that works once, and the first expert."""

from __future__ import annotations

from datetime import time

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from bookings import database_time, hours, printed_passwords, shop, zones
from bookings.models import Expert, Heartbeat, User

_SIGNER = signing.Signer(salt="bookings.setup")
MADE = "owner"
"""The heartbeat that is written with the owner's account, so that only one can be made."""
MOST_STAFF = 20
"""At most this many members of staff are checked. The demo has one."""
WORKING_HOURS = [(weekday, (time(9), time(17))) for weekday in range(5)]
"""What a new expert begins with: Monday to Friday, 9 to 5."""


class _Seen:
    """A site never loses its owner, so each process only asks until there is one."""

    owner = False


def has_owner() -> bool:
    """Whether somebody looks after this site, or once did. The demo's staff do not count once it is
    no demo. Each visit of the front page asks for it."""
    if _Seen.owner:
        return True
    staff = User.objects.filter(is_staff=True, is_active=True).order_by("-pk")[:MOST_STAFF]
    made = Heartbeat.objects.filter(name=MADE)
    found = made.exists() or any(printed_passwords.lets_in(user) for user in staff)
    _Seen.owner = found and not printed_passwords.work_here()
    return found


def remember_owner() -> None:
    """An owner who was made on the command line ends the link as well, for good: it may stand in a
    log for years. The staff of a demo end nothing."""
    if has_owner() and not printed_passwords.work_here():
        Heartbeat.objects.get_or_create(name=MADE, defaults={"finished_at": database_time.now()})


def link() -> str:
    """Where the owner makes their account. The link works until somebody has made it."""
    return settings.SITE_URL + reverse("setup_owner", kwargs={"token": _token()})


def _token() -> str:
    return _SIGNER.signature("owner")


def is_token(text: str) -> bool:
    return constant_time_compare(text, _token())


def make_owner(email: str, password: str) -> User | None:
    """Make the first account, with every right. None when somebody was faster. Raises
    IntegrityError for an address that has an account."""
    with transaction.atomic():
        _, is_first = Heartbeat.objects.get_or_create(
            name=MADE, defaults={"finished_at": database_time.now()}
        )
        return User.objects.create_superuser(email, password) if is_first else None


def make_expert(user: User, name: str, *, zone: str = "") -> Expert:
    """An expert who can be booked in usual working hours as soon as they sell something."""
    known = zones.first_known([zone], otherwise="UTC")
    with transaction.atomic():
        expert = Expert.objects.create(
            user=user, name=name, slug=shop.free_address(name), time_zone=known, is_new=True
        )
        hours.replace_week(expert, WORKING_HOURS)
    return expert
