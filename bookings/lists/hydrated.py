"""Bookings out of the rows of a statement, as far as a list shows them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db.models import DateTimeField

from bookings.lists.instances import made
from bookings.lists.statements import FIELDS, Statement, aware
from bookings.models import Booking, Follower
from bookings.policy import Policy, unreadable

_NAMES = [field.attname for field in FIELDS]
_INSTANTS = [field.attname for field in FIELDS if isinstance(field, DateTimeField)]
_NAME = len(FIELDS)


def bookings(rows: Iterable[Sequence[Any]], statement: Statement) -> Iterator[Booking]:
    in_force = tuple(settings.POLICY.items())
    for row in rows:
        values = dict(zip(_NAMES, row, strict=False))
        for name in _INSTANTS:
            if (instant := values[name]) is not None:
                values[name] = aware(instant)
        values |= _policy(values["policy"], in_force)
        who = {"id": values["follower_id"], "name": row[_NAME], "time_zone": row[_NAME + 1]}
        follower = made(Follower, who)
        booking = made(Booking, values, expert=statement.expert, follower=follower)
        at = _NAME + 2
        for extra in statement.extras:
            extra.attach(booking, row[at : at + len(extra.columns)])
            at += len(extra.columns)
        yield booking


@lru_cache(maxsize=256)
def _policy(text: str, in_force: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """Nearly all bookings of a page were made under the same limits: they are read once.

    `in_force` is part of the key, because a limit that is missing is the one in force.
    """
    stored = json.loads(text)
    return {
        "policy": stored,
        "limits": Policy.from_json(stored),
        "unreadable_limits": unreadable(stored),
    }
