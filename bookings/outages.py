"""Since when a mail server or a payment provider takes nothing from us. Each has a row while that
is so, which goes with the first thing that is taken."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from bookings.models import Heartbeat

FAILING = "failing: "
MAIL = "mail"


def note_failing(names: Iterable[str], *, now: datetime) -> None:
    """Nothing of what they were sent just now was taken. The first time counts."""
    for name in names:
        Heartbeat.objects.get_or_create(name=f"{FAILING}{name}", defaults={"finished_at": now})


def note_working(names: Iterable[str]) -> bool:
    """They took something. True where they had failed before."""
    rows = Heartbeat.objects.filter(name__in=[f"{FAILING}{name}" for name in names])
    return rows.delete()[0] > 0


def failing_since(name: str) -> datetime | None:
    rows = Heartbeat.objects.filter(name=f"{FAILING}{name}")
    return rows.values_list("finished_at", flat=True).first()
