"""Bookings out of the rows of a statement, as far as a list shows them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS

from bookings.lists.statements import FIELDS, Statement, aware
from bookings.models import Booking, Follower
from bookings.policy import Policy

_NAMES = frozenset(field.attname for field in FIELDS)
_LIMITS = [field.attname for field in FIELDS].index("policy")
_NAME = len(FIELDS)
_OF_FOLLOWER = frozenset(("id", "name"))


def bookings(rows: Iterable[Sequence[Any]], statement: Statement) -> Iterator[Booking]:
    in_force = tuple(settings.POLICY.items())
    for row in rows:
        values = [aware(value) if isinstance(value, datetime) else value for value in row]
        values[_LIMITS], limits = _policy(values[_LIMITS], in_force)
        booking = Booking.from_db(DEFAULT_DB_ALIAS, _NAMES, values[:_NAME])
        booking.limits = limits
        booking.expert = statement.expert
        follower = booking.follower_id, values[_NAME]
        booking.follower = Follower.from_db(DEFAULT_DB_ALIAS, _OF_FOLLOWER, follower)
        at = _NAME + 1
        for extra in statement.extras:
            extra.attach(booking, values[at : at + len(extra.columns)])
            at += len(extra.columns)
        yield booking


@lru_cache(maxsize=256)
def _policy(text: str, in_force: tuple[tuple[str, Any], ...]) -> tuple[dict[str, Any], Policy]:
    """Nearly all bookings of a page were made under the same limits: they are read once.

    `in_force` is part of the key, because a limit that is missing is the one in force.
    """
    stored = json.loads(text)
    return stored, Policy.from_json(stored)
