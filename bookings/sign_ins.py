"""Where somebody is signed in, for how long, and how that ends.

The times stand in the session itself, which every page reads anyway. A visit is written down at
most every ten minutes, so that looking at pages writes nothing.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.models import Session
from django.db.models import F
from django.utils.crypto import constant_time_compare

from bookings.models import SignIn, User, longest

Data = MutableMapping[str, Any]
"""Of a session."""
STARTED, SEEN, CONFIRMED, HAS_PASSED = "signed_in_at", "seen_at", "confirmed_at", "has_passed"
SEEN_EVERY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Limits:
    without_visit: timedelta
    at_most: timedelta


STAFF = Limits(without_visit=timedelta(minutes=30), at_most=timedelta(hours=12))
CONFIRMED_FOR = timedelta(minutes=10)
"""After signing in, and after confirming that it is still the same person."""


def limits_of(user: User) -> Limits:
    """Visits are noted every ten minutes only. So staff are signed out between 20 and 30 minutes
    after they have last done something."""
    if user.is_staff:
        return STAFF
    return Limits(timedelta(seconds=settings.SESSION_COOKIE_AGE), timedelta(days=30))


# --- the times of one session ---------------------------------------------------------------------


def begin(data: Data, user: User, *, key: str, device: str, address: str, now: datetime) -> None:
    """Somebody has signed in, with the password at least."""
    data[STARTED] = data[SEEN] = data[CONFIRMED] = int(now.timestamp())
    _write_down(user, key=key, device=device, address=address, now=now)


def adopt(data: Data, user: User, *, key: str, device: str, address: str, now: datetime) -> None:
    """A session of the release before, which wrote none of this down."""
    data[STARTED] = data[SEEN] = int(now.timestamp())
    _write_down(user, key=key, device=device, address=address, now=now)


def _write_down(user: User, *, key: str, device: str, address: str, now: datetime) -> None:
    about = {
        "user": user,
        "device": device[: longest(SignIn, "device")],
        "address": address[: longest(SignIn, "address")],
        "started_at": now,
    }
    SignIn.objects.update_or_create(session_id=key, defaults=about)


def is_known(data: Data) -> bool:
    return STARTED in data


def is_over(data: Data, user: User, *, now: datetime) -> bool:
    limits = limits_of(user)
    started, seen = _moment(data, STARTED), _moment(data, SEEN)
    return now - started > limits.at_most or now - seen > limits.without_visit


def note_visit(data: Data, *, now: datetime) -> None:
    if now - _moment(data, SEEN) > SEEN_EVERY:
        data[SEEN] = int(now.timestamp())


def confirm(data: Data, *, now: datetime) -> None:
    data[CONFIRMED] = int(now.timestamp())


def is_confirmed(data: Data, *, now: datetime) -> bool:
    return now - _moment(data, CONFIRMED) <= CONFIRMED_FOR


def _moment(data: Data, name: str) -> datetime:
    return datetime.fromtimestamp(int(data.get(name, 0)), UTC)


# --- all sessions of a person ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is signed in."""

    pk: int
    device: str
    address: str
    started_at: datetime
    seen_at: datetime
    is_here: bool


def places_of(user: User, *, here: str, now: datetime) -> list[Place]:
    """The browsers in which somebody is signed in, this one first, then by their last visit. `here`
    is the key of the session that asks."""
    rows = SignIn.objects.filter(user=user, session__expire_date__gt=now).select_related("session")
    found = []
    for row in rows:
        data = row.session.get_decoded()
        if is_known(data) and _is_live(data, user, now=now):
            seen = _moment(data, SEEN)
            is_here = constant_time_compare(row.session_id, here)
            found.append(Place(row.pk, row.device, row.address, row.started_at, seen, is_here))
    return sorted(found, key=lambda place: (place.is_here, place.seen_at), reverse=True)


def _is_live(data: Data, user: User, *, now: datetime) -> bool:
    current = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    is_current = str(data.get(HASH_SESSION_KEY, "")) in current
    return is_current and not is_over(data, user, now=now)


def end(user: User, pk: int) -> bool:
    """False where it had ended already, or is somebody else's."""
    return bool(Session.objects.filter(sign_in__pk=pk, sign_in__user=user).delete()[0])


def end_others(user: User, *, here: str = "") -> None:
    """All of them, where none is to be kept."""
    Session.objects.filter(sign_in__user=user).exclude(session_key=here).delete()


def make_invalid(user: User) -> None:
    """No session of theirs is valid any more, also none that the release before has begun, of which
    there is no row here. Whoever asked for it may keep their own: `user` has what it needs."""
    User.objects.filter(pk=user.pk).update(session_version=F("session_version") + 1)
    user.refresh_from_db(fields=["session_version"])


def end_all(user: User) -> None:
    make_invalid(user)
    end_others(user)


def end_everybodys() -> int:
    """How many sessions that were, those of visitors who were about to sign in included."""
    count = Session.objects.count()
    SignIn.objects.all().delete()
    Session.objects.all().delete()
    return count
