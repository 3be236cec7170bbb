"""The database still keeps its own promises."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db import connection

from bookings.invariants.register import invariant
from bookings.models import guards


@invariant("Every guard of the database is in place; a rebuilt table may have lost its triggers.")
def guards_are_in_place(now: datetime) -> Iterator[str]:
    yield from guards.missing(connection)
