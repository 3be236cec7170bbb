"""What is due for many bookings, in one transaction for as many as possible.

Where one of them cannot be done, the batch is halved until it is found. It is set aside, so that
the next sweep has the others together again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.db import InterfaceError, OperationalError

from bookings import set_aside
from bookings.lifecycle.engine import in_transaction
from bookings.models.booking import BookingQuerySet, Place

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """`column` is what `due` goes by. `together` gets locked bookings and says how many it has
    moved; `alone` gets an id."""

    column: str
    due: Callable[..., BookingQuerySet]
    together: Callable[..., int]
    alone: Callable[[int], bool]


def run(step: Step, *, size: int, most: int, seconds: float, now: datetime) -> int:
    """How many bookings have moved. None is begun after `seconds`."""
    ends = time.monotonic() + seconds
    done = _those_set_aside(step, ends, now=now)
    last: Place | None = None
    for _ in range(most // size):
        if time.monotonic() > ends:
            logger.warning("%s: the rest is left to the next sweep", step.column)
            break
        due = set_aside.without(step.due(now, after=last), step.column)
        places = cast("list[Place]", list(due.values_list(step.column, "pk")[:size]))
        done += _together(step, [pk for _, pk in places], now=now)
        if len(places) < size:
            break
        last = places[-1]
    return done


def _together(step: Step, ids: Sequence[int], *, now: datetime) -> int:
    """Of those that nobody else holds; halved where it fails."""

    def in_one_transaction() -> int:
        bookings = list(step.due(now).filter(pk__in=ids).locked_for_us())
        return step.together(bookings, now=now) if bookings else 0

    if not ids:
        return 0
    try:
        return in_transaction(in_one_transaction, step.column)
    except (OperationalError, InterfaceError):
        logger.exception("%s: the database did not do it; the next sweep tries again", step.column)
        return 0
    except Exception as error:
        if len(ids) == 1:
            return bool(_alone(step, ids[0], now=now))
        logger.warning("%s of %s at once failed (%r), now in halves", step.column, len(ids), error)
    half = len(ids) // 2
    return _together(step, ids[:half], now=now) + _together(step, ids[half:], now=now)


def _alone(step: Step, pk: int, *, now: datetime) -> bool | None:
    """Whether it has moved; None when it could not be done."""
    try:
        return step.alone(pk)
    except (OperationalError, InterfaceError):
        logger.exception("%s of %s failed; the next sweep tries again", step.column, pk)
    except Exception as error:
        logger.exception("%s of booking %s failed", step.column, pk)
        set_aside.put(pk, step.column, error, now=now)
    return None


def _those_set_aside(step: Step, ends: float, *, now: datetime) -> int:
    done = 0
    for pk in set_aside.to_try_again(step.column, now=now):
        if time.monotonic() > ends:
            break
        is_due = step.due(now).filter(pk=pk).exists()
        moved = _alone(step, pk, now=now) if is_due else False
        if moved is not None:
            set_aside.take_back(pk, step.column)
        done += bool(moved)
    return done
