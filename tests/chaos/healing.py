"""The provider behaves, nobody is killed; everything that is due has to end."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bookings.models import Booking, OutboxEmail, Payment, ProviderEvent, Refund
from bookings.states import State
from tests.chaos.arming import DAY_HERE
from tests.chaos.comparing import IN_HAND
from tests.chaos.customers import Customers
from tests.chaos.killing import until
from tests.chaos.processes import Program
from tests.chaos.starting import database_answers

HEAL_SECONDS = 240.0
QUIET_SECONDS = 15.0
"""Longer than the last delivery of a webhook waits."""


def heal(
    folder: Path, customers: Customers, programs: list[Program], say: Callable[[str], None]
) -> None:
    provider = customers.provider
    (folder / "healing").touch()
    (folder / "tasks").rename(folder / "tasks-before")
    began = time.monotonic()
    until(programs, provider.is_there, HEAL_SECONDS)
    until(programs, database_answers, HEAL_SECONDS)
    until(programs, lambda: not _left(customers), HEAL_SECONDS)
    say(f"healed in {time.monotonic() - began:.0f} s")
    if any(program.name == "web" for program in programs):
        until(programs, lambda: False, QUIET_SECONDS)
    healed_at = datetime.now(UTC)
    if until(
        programs, lambda: not _uncompared(healed_at) and not _left(customers), HEAL_SECONDS
    ) >= (HEAL_SECONDS):
        say(f"not every payment was compared again within {DAY_HERE}")


def _left(customers: Customers) -> int:
    """Rows that still wait for somebody. What waits for a person gets one."""
    customers.decide()
    return (
        Refund.objects.filter(state__in=IN_HAND).count()
        + Booking.objects.filter(state=State.NO_SHOW_REPORTED).count()
        + ProviderEvent.objects.exclude(next_attempt_at=None).count()
        + OutboxEmail.objects.exclude(next_attempt_at=None).count()
    )


def _uncompared(moment: datetime) -> bool:
    """A payment that was compared last before the healing ended."""
    since = Payment.objects.filter(reconciled_at__lt=moment)
    return since.exists() or Payment.objects.filter(reconciled_at=None).exists()
