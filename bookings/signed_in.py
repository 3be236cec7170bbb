"""Who a session belongs to, and whether it still does: asked in every request, so by two statements
that are kept.

The session's own saves an eighth of the minimal page (2026-11-30). Without it `SESSION_ENGINE` is
Django's `sessions.backends.db`; the sessions are the same, but `SignIn` would lose track of those
that get a new key.
"""

from __future__ import annotations

import logging
from typing import Any

from django.contrib import auth
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.contrib.sessions.models import Session
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from bookings import database_time, devices, printed_passwords, second_factor, sign_ins
from bookings.database import failures
from bookings.database.kept_statements import KeptQuery
from bookings.models import SignIn, User
from topmate.proxies import client_ip

logger = logging.getLogger(__name__)

ASKS_BY_ITSELF = "need-count"
"""The count on an open page asks every minute; that is no visit."""
_BY_ID = KeptQuery(lambda pk: User.objects.filter(pk=pk), 1)
_BY_KEY = KeptQuery(lambda key: Session.objects.filter(session_key=key), "0")


class SessionStore(DatabaseSessions):
    """Django's own; the row comes by a kept statement."""

    def _get_session_from_db(self) -> Session | None:
        session = _BY_KEY.first(self.session_key or "")
        if session is not None and session.expire_date > database_time.now():
            return session
        self._session_key = None
        return None

    def save(self, must_create: bool = False) -> None:
        """Django takes a database that is away for a session that was ended elsewhere."""
        try:
            super().save(must_create)
        except UpdateError as error:
            if failures.is_momentary(error.__context__):
                raise error.__context__ from None  # type: ignore[misc]
            raise

    def cycle_key(self) -> None:
        """The session gets a new key and stays the same sign-in."""
        data, before = dict(self.items()), self.session_key
        self.create()
        self._session_cache = data
        if before:
            SignIn.objects.filter(session_id=before).update(session_id=self.session_key)
            self.delete(before)


class Backend(ModelBackend):
    """Django's own; the user comes with their expert."""

    def get_user(self, user_id: int) -> User | None:
        user = _BY_ID.first(user_id)
        return user if user is not None and self.user_can_authenticate(user) else None

    def user_can_authenticate(self, user: Any) -> bool:
        """Also asked for a session that began when the site was still a demo."""
        if not super().user_can_authenticate(user):
            return False
        return printed_passwords.lets_in(user)


class Middleware(AuthenticationMiddleware):
    """Django's own; a session also ends by its age, and where a second factor is required that was
    not asked for when it began."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: _user_of(request))  # type: ignore[assignment]


def _user_of(request: HttpRequest) -> User | AnonymousUser:
    user, session, now = auth.get_user(request), request.session, database_time.now()
    if not isinstance(user, User):
        return AnonymousUser()
    lacks_factor = second_factor.is_required_of(user) and not session.get(sign_ins.HAS_PASSED)
    if not lacks_factor and not sign_ins.is_known(session):
        sign_ins.adopt(session, user, now=now, **_about(request))
    if lacks_factor or sign_ins.is_over(session, user, now=now):
        session.flush()
        return AnonymousUser()
    if request.headers.get("HX-Trigger") != ASKS_BY_ITSELF:
        sign_ins.note_visit(session, now=now)
    return user


def _about(request: HttpRequest) -> dict[str, str]:
    return {
        "key": request.session.session_key or "",
        "device": devices.in_words(request.headers.get("User-Agent", "")),
        "address": client_ip(request),
    }


@receiver(user_logged_in)
def write_down(request: HttpRequest, user: User, **_: Any) -> None:
    """Who came in from where; nothing of what they typed."""
    logger.info("user %s (%s) signed in from %s", user.pk, user.email, client_ip(request))
    sign_ins.begin(request.session, user, now=database_time.now(), **_about(request))
