"""What is really there: ids, tokens and people of the site that is tried."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    get_permission_codename,
)
from django.contrib.auth.models import Permission
from django.contrib.auth.tokens import default_token_generator
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from bookings import links, sign_ins
from bookings.models import Booking, Checkout, Expert, Service, User

MOST = 40
"""rows of a kind that are asked for"""


@dataclass
class World:
    parts: dict[str, list[str]] = field(default_factory=dict)
    """genuine values for the parts of an address, by name"""
    tokens: dict[str, list[str]] = field(default_factory=dict)
    """of private links, by purpose"""
    objects: dict[str, list[str]] = field(default_factory=dict)
    """ids in the admin, by model"""
    people: dict[str, str] = field(default_factory=dict)
    """session keys; a visitor's is empty"""
    secrets: list[str] = field(default_factory=list)
    """what no log may show"""


def gather() -> World:
    found = World()
    codes = _some(Booking.objects.order_by("-pk").values_list("code", flat=True))
    keys = _some(Checkout.objects.order_by("-pk").values_list("key", flat=True))
    services = Service.objects.select_related("expert").order_by("pk")[:MOST]
    user = User.objects.order_by("pk").first()
    found.parts = {
        "code": codes,
        "key": keys,
        "slug": [service.expert.slug for service in services],
        "service_id": [str(service.pk) for service in services],
        "name": [*ACTIONS, "policy"],
        "app_label": ["bookings", "auth", "axes", "sessions", "nothing"],
        "content_type_id": ["1", "2", "9999"],
        "purpose": list(links.Purpose.values),
    }
    if user is not None:
        found.parts["uidb64"] = [urlsafe_base64_encode(force_bytes(user.pk)), "MQ", "OTk5OTk5"]
        found.parts["token"] = [default_token_generator.make_token(user), "set-password", "x-y"]
    found.tokens = _tokens()
    for model in apps.get_models():
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        found.objects[name] = _some(model._default_manager.values_list("pk", flat=True))
    found.people = {name: session_of(person) for name, person in _people().items()} | {"": ""}
    found.secrets = [*keys, *(token for some in found.tokens.values() for token in some)]
    found.secrets += found.parts.get("token", [])[:1] + [
        key for key in found.people.values() if key
    ]
    return found


ACTIONS = ("refund", "cancel", "decide", "retry", "park", "hold", "release", "continue",
           "paid_by_hand", "answer")  # fmt: skip


def _some(rows: Iterable[Any]) -> list[str]:
    return [str(row) for row, _ in zip(rows, range(MOST), strict=False)]


def _tokens() -> dict[str, list[str]]:
    now = timezone.now()
    bookings = list(Booking.objects.order_by("-pk")[:MOST])
    return {
        purpose: [links.token(links.ensure(booking, purpose, now=now)) for booking in bookings]
        for purpose in links.Purpose.values
    }


def _people() -> dict[str, User]:
    """Two experts, staff who may do everything, and staff who may only look."""
    people = {f"expert {n}": it.user for n, it in enumerate(Expert.objects.order_by("pk")[:2])}
    people["staff"] = _person("fuzz-staff@example.com", is_superuser=True)
    viewer = people["viewer"] = _person("fuzz-viewer@example.com")
    views = [get_permission_codename("view", model._meta) for model in apps.get_models()]
    viewer.user_permissions.set(Permission.objects.filter(codename__in=views))
    return people


def _person(email: str, **rights: bool) -> User:
    found = User.objects.filter(email=email).first() or User.objects.create_user(email, None)
    found.is_staff, found.is_active = True, True
    for name, value in rights.items():
        setattr(found, name, value)
    found.save()
    return found


def session_of(user: User) -> str:
    """A session of theirs, made without the sign-in page: its limits are in the way here."""
    User.objects.filter(pk=user.pk).update(is_active=True)
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    key = str(session.session_key)
    sign_ins.begin(session, user, key=key, device="", address="", now=timezone.now())
    session.save()
    return key
