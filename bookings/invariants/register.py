"""The list of invariants, and a helper for limits that each booking carries itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from bookings.models import Booking
from bookings.policy import Policy

Offenders = Iterable[str]
"""Codes of bookings."""
Search = Callable[[datetime], Offenders]


@dataclass(frozen=True, slots=True)
class Invariant:
    name: str
    sentence: str
    """what is true of every row"""
    offenders: Search
    """codes of the bookings of which it is not, at a moment"""


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
    """The rows by the value of a limit, of which there are only a few in any database."""
    key = f"{path}__{name}"
    for seconds in rows.order_by().values_list(key, flat=True).distinct():
        if seconds is None:
            yield rows.filter(**{f"{key}__isnull": True}), getattr(Policy.in_force(), name)
            continue
        try:
            limit = timedelta(seconds=seconds)
        except (TypeError, ValueError, OverflowError):
            continue  # see `limits_can_be_read`
        yield rows.filter(**{key: seconds}), limit


def every_booking() -> QuerySet[Booking]:
    return Booking.objects.order_by()
