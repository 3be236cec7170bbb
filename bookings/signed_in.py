"""Who a session belongs to: asked in every request, so by a statement that is kept."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from bookings import printed_passwords
from bookings.compiled import Compiled
from bookings.models import User
from topmate.proxies import client_ip

logger = logging.getLogger(__name__)

_BY_ID = Compiled(lambda pk: User.objects.filter(pk=pk), 1)


class Backend(ModelBackend):
    """Django's own; the user comes with their expert."""

    def get_user(self, user_id: int) -> User | None:
        user = _BY_ID.first(user_id)
        return user if user is not None and self.user_can_authenticate(user) else None

    def user_can_authenticate(self, user: Any) -> bool:
        """Also asked for a session that began when the site was still a demo."""
        if not super().user_can_authenticate(user):
            return False
        return printed_passwords.work_here() or not printed_passwords.is_still_the_printed_one(user)


@receiver(user_logged_in)
def write_down(request: HttpRequest, user: User, **_: Any) -> None:
    """Who came in from where; nothing of what they typed."""
    logger.info("user %s (%s) signed in from %s", user.pk, user.email, client_ip(request))
