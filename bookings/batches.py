"""What is due for many bookings, in one transaction for as many as possible.

Where one of them cannot be done, the batch is halved until it is found. It is set aside, so that
the next sweep has the others together again; it is seen by a person, and in nobody's way.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F

from bookings import emails, rules, timeline
from bookings.lifecycle.engine import in_transaction
from bookings.models import Booking, SetAside
from bookings.models.booking import BookingQuerySet, Place
from bookings.policy import Policy
from bookings.states import Actor, TransitionNotAllowed

logger = logging.getLogger(__name__)

BATCH = 500
MOST_BOOKINGS = 20_000
WITHIN = 40.0
"""Seconds for each kind of work."""
AGAIN_AFTER = [timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(days=1)]
"""Another release may be able to read it, or somebody may have mended it."""
AGAIN_AT_MOST = 50
"""So many are tried again in one sweep."""


@dataclass(frozen=True, slots=True)
class Step:
    """`column` is what `due` goes by. `act` gets locked bookings and says how many it has moved."""

    column: str
    due: Callable[..., BookingQuerySet]
    act: Callable[..., int]


def run(step: Step, *, now: datetime) -> int:
    """How many bookings have moved. No batch is begun after `WITHIN`."""
    ends = time.monotonic() + WITHIN
    done = _those_set_aside(step, ends, now=now)
    last: Place | None = None
    for _ in range(MOST_BOOKINGS // BATCH):
        if time.monotonic() > ends:
            logger.warning("%s: the rest is left to the next sweep", step.column)
            break
        aside = SetAside.objects.filter(step=step.column).values("booking_id")
        due = step.due(now, after=last).exclude(pk__in=aside)
        places = cast("list[Place]", list(due.values_list(step.column, "pk")[:BATCH]))
        done += _together(step, [pk for _, pk in places], now=now)
        if len(places) < BATCH:
            break
        last = places[-1]
    return done


def _together(step: Step, ids: Sequence[int], *, now: datetime) -> int:
    """Halved where it fails."""
    if len(ids) < 2:
        return sum(_alone(step, pk, now=now) for pk in ids)
    try:
        return _in_one_transaction(step, ids, now=now)
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:
        logger.warning("%s of %s at once failed (%r), now in halves", step.column, len(ids), error)
    half = len(ids) // 2
    return _together(step, ids[:half], now=now) + _together(step, ids[half:], now=now)


def _alone(step: Step, pk: int, *, now: datetime) -> int:
    """Set aside where it cannot be done."""
    try:
        return _in_one_transaction(step, [pk], now=now)
    except TransitionNotAllowed as refused:  # somebody was faster
        logger.debug("booking %s: %s", pk, refused)
    except SoftTimeLimitExceeded:
        raise  # it is not the booking's fault
    except Exception as error:
        logger.exception("%s of booking %s failed", step.column, pk)
        set_aside(pk, step.column, error, now=now)
    return 0


def _in_one_transaction(step: Step, ids: Sequence[int], *, now: datetime) -> int:
    """Those of them that nobody else holds."""

    def once() -> int:
        bookings = list(step.due(now).filter(pk__in=ids).locked_for_us())
        for booking in bookings:
            # A page shows such a booking by the limits of today. Nothing is done to it by itself:
            # what its clock has promised is not known.
            if names := ", ".join(booking.unreadable_limits):
                raise ValueError(f"These limits of the booking cannot be read: {names}.")
        return step.act(bookings, now=now) if bookings else 0

    try:
        return in_transaction(once, step.column)
    except (OperationalError, InterfaceError):
        logger.exception("%s: the database did not do it; the next sweep tries again", step.column)
        return 0


# --- what could not be done -----------------------------------------------------------------------


def set_aside(booking_id: int, step: str, error: Exception, *, now: datetime) -> None:
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


def _those_set_aside(step: Step, ends: float, *, now: datetime) -> int:
    """Those whose turn has come again, one by one; each that works, or is due no more, goes back
    to the others."""
    aside = SetAside.objects.filter(step=step.column)
    done = 0
    for pk in list(aside.due(now).values_list("booking_id", flat=True)[:AGAIN_AT_MOST]):
        if time.monotonic() > ends:
            break
        moved = _alone(step, pk, now=now)
        if moved or not step.due(now).filter(pk=pk).exists():
            aside.filter(booking_id=pk).delete()
        done += moved
    return done


# --- what staff does ------------------------------------------------------------------------------


def try_again(pk: int, *, actor: Actor, now: datetime, reason: str) -> None:
    """With the next sweep."""
    rules.check_staff(actor, reason)
    SetAside.objects.filter(pk=pk).update(next_attempt_at=now)


def give_limits_in_force(pk: int, *, actor: Actor, now: datetime, reason: str) -> None:
    """The limits it was made under cannot be read: today's take their place. Its deadline stays."""
    rules.check_staff(actor, reason)
    with transaction.atomic():
        row = SetAside.objects.select_for_update(of=("self",)).select_related("booking").get(pk=pk)
        if not row.booking.unreadable_limits:
            raise TransitionNotAllowed("state", "The limits of this booking can be read.")
        limits = Policy.in_force().to_json()
        Booking.objects.filter(pk=row.booking_id, version=row.booking.version).update(policy=limits)
        timeline.append(row.booking, "limits_renewed", actor=actor, at=now, note=reason)
        SetAside.objects.filter(booking=row.booking_id).update(next_attempt_at=now)
