"""python -m tests.restore_scene STEP: what happens at a site between its backup and its restore,
each step in a process of its own. See test_restore_script.py."""

from __future__ import annotations

import itertools
import sys
from datetime import datetime, timedelta
from os import environ
from types import SimpleNamespace
from typing import Any, cast

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
EACH = 8


def main(step: str) -> None:
    import django

    django.setup()
    from django.utils import timezone

    from tests import builders
    from tests.provider.running import Provider

    steps = {"sell": sell, "refund": refund, "go_on": go_on}
    builders._number = itertools.count(1000 * list(steps).index(step) + 1)  # names of its own

    server: Any = cast(Any, SimpleNamespace(url=environ["STRIPE_API_BASE"]))
    providers = [Provider(server, name) for name in ("stripe", "razorpay")]
    steps[step](providers, timezone.now())


def sell(providers: list[Any], now: datetime) -> None:
    """Calls of 20 days ago, and a sweep that knows of nothing to do."""
    from bookings import sweeps
    from tests.test_restore_runbook import sold

    for provider in providers:
        sold(provider, EACH, at=now)
    sweeps.run(now=now)


def refund(providers: list[Any], now: datetime) -> None:
    """A part of each goes back; the backup is a day older than that."""
    from bookings.models import Booking
    from tests.test_restore_runbook import drive_all, give_back

    for booking in Booking.objects.order_by("pk"):
        give_back(booking, at=now)
    for provider in providers:
        drive_all(provider, at=now)


def go_on(providers: list[Any], now: datetime) -> None:
    """Staff repeats what followers ask for; then everything runs as usual."""
    from bookings import refunds, sweeps
    from bookings.models import Booking, Refund
    from bookings.states import TransitionNotAllowed
    from tests.builders import staff
    from tests.test_restore_runbook import drive_all, give_back

    refused = 0
    for booking in Booking.objects.order_by("pk"):
        try:
            give_back(booking, at=now)
        except TransitionNotAllowed:
            refused += 1
    for held in Refund.objects.exclude(hold_reason=""):
        refunds.release(held.pk, actor=staff(), now=now, reason="As the runbook says.")
    sweeps.run(now=now + MINUTE)
    for provider in providers:
        drive_all(provider, at=now + DAY)
    print(f"refused: {refused}")


if __name__ == "__main__":
    main(sys.argv[1])
