"""The list of invariants, and a helper for limits that each booking carries itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from bookings.models import Booking
from bookings.policy import Policy, seconds

Offenders = Iterable[str]
"""Codes of bookings."""
Search = Callable[[datetime], Offenders]


@dataclass(frozen=True, slots=True)
class Invariant:
    name: str
    sentence: str
    """What is true of every row."""
    offenders: Search
    """Finds the codes of the bookings of which it is not true at a moment."""


ALL: dict[str, Invariant] = {}


def invariant(sentence: str) -> Callable[[Search], Search]:
    """Registers a search for offenders under its own name."""

    def register(search: Search) -> Search:
        name = search.__name__
        ALL[name] = Invariant(name, sentence, search)
        return search

    return register


def codes(rows: QuerySet[Any], path: str = "booking__code") -> Iterator[str]:
    """Streamed: a broken table may name many."""
    return rows.values_list(path, flat=True).distinct().iterator()


def each_limit(
    rows: QuerySet[Any], name: str, path: str = "policy"
) -> Iterator[tuple[Any, timedelta]]:
    """The rows by the value of a limit, of which there are only a few in any database. In place
    of one that is missing or cannot be read stands the one in force, as everywhere."""
    key, in_force = f"{path}__{name}", getattr(Policy.in_force(), name)
    for value in rows.order_by().values_list(key, flat=True).distinct():
        if value is None:
            yield rows.filter(Q(**{f"{key}__isnull": True}) | Q(**{key: None})), in_force
        else:
            read = seconds(value)
            yield rows.filter(**{key: value}), in_force if read is None else read


def every_booking() -> QuerySet[Booking]:
    return Booking.objects.order_by()
