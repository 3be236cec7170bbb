"""Delete what nobody needs any more, a bounded number of rows at a time.

Webhooks and purchases that came to nothing after 90 days; sessions that are over; attempts to
sign in with the address they came from, and who asked for a new password, after a day.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from axes.models import AccessAttempt
from django.contrib.sessions.models import Session

from bookings import checkouts, provider_events
from bookings.models import OutboxEmail, OutboxState

logger = logging.getLogger(__name__)

AT_MOST = 1000
ATTEMPTS_KEPT_FOR = RESETS_KEPT_FOR = timedelta(days=1)


def forget_old(*, now: datetime) -> int:
    """How many rows were deleted; what fails is tried again by the next sweep."""
    return sum(
        _tried(forget, now=now)
        for forget in (
            provider_events.forget_old,
            checkouts.forget_old,
            _forget_sessions,
            _forget_attempts,
            _forget_resets,
        )
    )


def _tried(forget: Callable[..., int], *, now: datetime) -> int:
    try:
        return forget(now=now)
    except Exception:
        logger.exception("old rows could not be deleted; the next sweep tries again")
        return 0


def _forget_sessions(*, now: datetime) -> int:
    over = Session.objects.filter(expire_date__lt=now).values_list("pk", flat=True)
    return Session.objects.filter(pk__in=list(over[:AT_MOST])).delete()[0]


def _forget_resets(*, now: datetime) -> int:
    """Everybody can have any address written there. Those that cannot be sent stay: staff looks."""
    asked = OutboxEmail.objects.filter(
        kind="password_reset",
        created_at__lt=now - RESETS_KEPT_FOR,
        state__in=[OutboxState.SENT, OutboxState.CANCELLED],
    )
    ids = list(asked.order_by("created_at").values_list("pk", flat=True)[:AT_MOST])
    return OutboxEmail.objects.filter(pk__in=ids).delete()[0]


def _forget_attempts(*, now: datetime) -> int:
    old = AccessAttempt.objects.filter(attempt_time__lt=now - ATTEMPTS_KEPT_FOR)
    ids = list(old.order_by().values_list("pk", flat=True)[:AT_MOST])
    deleted: int = AccessAttempt.objects.filter(pk__in=ids).delete()[0]
    return deleted
