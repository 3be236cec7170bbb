"""Every sweep reads some bookings, from the first to the last and then again, and tells staff which
of them cannot be read.

A page shows such a booking with a sentence in place of what is wrong. Staff must hear of it without
opening that page, and a sweep may not read a whole table of millions at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from bookings import emails, unreadable
from bookings.models import Booking, Heartbeat

AT_ONCE = 500
NAMED = 20
"""So many are named in one e-mail; the others are counted."""
NAME = "rows_read"


def read_on(*, now: datetime) -> int:
    """How many of the next bookings cannot be read. Staff is told of the same ones only once."""
    beat, _ = Heartbeat.objects.get_or_create(name=NAME, defaults={"finished_at": now})
    last = beat.counts.get("last", 0)
    bookings = list(Booking.objects.filter(pk__gt=last).order_by("pk").with_people()[:AT_ONCE])
    found = [booking for booking in bookings if unreadable.for_staff(booking)]
    if found:
        _tell(found, now=now)
    last = bookings[-1].pk if len(bookings) == AT_ONCE else 0
    Heartbeat.objects.filter(pk=beat.pk).update(finished_at=now, counts={"last": last})
    return len(found)


def _tell(found: Sequence[Booking], *, now: datetime) -> None:
    lines = [
        f"{booking.code}: {sentence}"
        for booking in found
        for sentence in unreadable.for_staff(booking)
    ]
    emails.queue(
        "staff_unreadable",
        now=now,
        dedupe=hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32],
        facts={"lines": lines[:NAMED], "count": len(found)},
    )
