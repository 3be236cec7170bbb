"""Who a session belongs to: asked in every request, so by a statement that is kept."""

from __future__ import annotations

from django.contrib.auth.backends import ModelBackend

from bookings.compiled import Compiled
from bookings.models import User

_BY_ID = Compiled(lambda pk: User.objects.filter(pk=pk), 1)


class Backend(ModelBackend):
    """Django's own; the user comes with their expert."""

    def get_user(self, user_id: int) -> User | None:
        user = _BY_ID.first(user_id)
        return user if user is not None and self.user_can_authenticate(user) else None
