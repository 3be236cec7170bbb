"""Bookings with which the sweep cannot do what is due: seen by a person, in nobody's way."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from bookings import emails, timeline
from bookings.models import Booking, SetAside
from bookings.models.booking import BookingQuerySet
from bookings.policy import Policy, unreadable
from bookings.states import Actor, ActorKind, TransitionNotAllowed

logger = logging.getLogger(__name__)

AGAIN_AFTER = [timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(days=1)]
"""Another release may be able to read it, or somebody may have mended it."""
AT_MOST = 50
"""So many are tried again in one sweep."""


def without(due: BookingQuerySet, step: str) -> BookingQuerySet:
    """Those of these bookings that nobody has set aside."""
    return due.exclude(pk__in=SetAside.objects.filter(step=step).values("booking_id"))


def put(booking_id: int, step: str, error: Exception, *, now: datetime) -> None:
    """Leave it out from here on, and tell staff; one mail an hour for all of them."""
    why = f"{type(error).__name__}: {error}"[:500]
    logger.error("booking %s is set aside: %s failed: %s", booking_id, step, why)
    with transaction.atomic():
        row, is_new = SetAside.objects.select_for_update().get_or_create(
            booking_id=booking_id,
            step=step,
            defaults={"since": now, "next_attempt_at": now + AGAIN_AFTER[0], "last_error": why},
        )
        if is_new:
            facts = {"set_aside": row.pk, "why": why}
            emails.queue(
                "staff_bookings_set_aside", now=now, dedupe=f"{now:%Y-%m-%d %H}", facts=facts
            )
            return
        wait = AGAIN_AFTER[min(row.attempts, len(AGAIN_AFTER) - 1)]
        SetAside.objects.filter(pk=row.pk).update(
            attempts=F("attempts") + 1, next_attempt_at=now + wait, last_error=why
        )


def to_try_again(step: str, *, now: datetime) -> list[int]:
    """Bookings whose turn has come again."""
    due = SetAside.objects.due(now).filter(step=step)
    return list(due.values_list("booking_id", flat=True)[:AT_MOST])


def take_back(booking_id: int, step: str) -> None:
    """It has worked, or nothing is due any more."""
    SetAside.objects.filter(booking_id=booking_id, step=step).delete()


# --- what staff does ------------------------------------------------------------------------------


def try_again(pk: int, *, actor: Actor, now: datetime, reason: str) -> None:
    """With the next sweep."""
    _check(actor, reason)
    SetAside.objects.filter(pk=pk).update(next_attempt_at=now)


def is_readable(policy: Any) -> bool:
    """Whether these are the limits of a booking."""
    return not unreadable(policy)


def give_limits_in_force(pk: int, *, actor: Actor, now: datetime, reason: str) -> None:
    """The limits it was made under cannot be read: today's take their place. Its deadline stays."""
    _check(actor, reason)
    with transaction.atomic():
        row = SetAside.objects.select_for_update(of=("self",)).select_related("booking").get(pk=pk)
        if is_readable(row.booking.policy):
            raise TransitionNotAllowed("state", "The limits of this booking can be read.")
        limits = Policy.in_force().to_json()
        Booking.objects.filter(pk=row.booking_id, version=row.booking.version).update(policy=limits)
        timeline.append(row.booking, "limits_renewed", actor=actor, at=now, note=reason)
        SetAside.objects.filter(booking=row.booking_id).update(next_attempt_at=now)


def _check(actor: Actor, reason: str) -> None:
    if actor.kind != ActorKind.STAFF:
        raise TransitionNotAllowed("not_yours", "Only staff may do this.")
    if not reason.strip():
        raise TransitionNotAllowed("reason_missing", "Give a reason.")
