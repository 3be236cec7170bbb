"""Taking rows that are due so that nobody else works on them: many at once, for a while.

Two workers never win the same row: it is locked where the database can lock rows, and changed
only if it is still due where it cannot.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import F, QuerySet

from bookings.models import OutboxEmail, Refund

Row = TypeVar("Row", OutboxEmail, Refund)


def take(
    due: QuerySet[Row], *, at_most: int, lease: uuid.UUID, until: datetime, **changes: Any
) -> list[Row]:
    """Up to so many of the rows in `due`, ours until then. Fewer: there are no more of them.

    The rows are as they were read, but for the lease and the number of attempts.
    """
    with transaction.atomic():
        free = due.select_for_update(of=("self",), no_key=True, skip_locked=True)
        rows = list(free[:at_most])
        pks = [row.pk for row in rows]
        taken = due.filter(pk__in=pks).update(
            lease_token=lease, next_attempt_at=until, attempts=F("attempts") + 1, **changes
        )
        if taken < len(rows):  # somebody came in between
            ours = due.model._default_manager.filter(pk__in=pks, lease_token=lease)
            won = set(ours.values_list("pk", flat=True))
            rows = [row for row in rows if row.pk in won]
    for row in rows:
        row.lease_token = lease
        row.attempts += 1
    return rows
