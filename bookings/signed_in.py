"""Who a session belongs to: asked in every request, so by two statements that are kept.

The session's own saves an eighth of the minimal page (2026-11-30). Without it `SESSION_ENGINE` is
Django's `sessions.backends.db`; the sessions are the same.
"""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.contrib.sessions.models import Session
from django.dispatch import receiver
from django.http import HttpRequest

from bookings import database_time, printed_passwords
from bookings.database import failures
from bookings.database.kept_statements import KeptQuery
from bookings.models import User
from topmate.proxies import client_ip

logger = logging.getLogger(__name__)

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


@receiver(user_logged_in)
def write_down(request: HttpRequest, user: User, **_: Any) -> None:
    """Who came in from where; nothing of what they typed."""
    logger.info("user %s (%s) signed in from %s", user.pk, user.email, client_ip(request))
