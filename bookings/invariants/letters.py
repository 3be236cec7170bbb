"""Every e-mail that was promised has been written down, and none is stuck."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q

from bookings import emails
from bookings.invariants.register import invariant
from bookings.models import OutboxEmail, OutboxState, TimelineEvent

PATIENCE = timedelta(minutes=10)


@invariant("Every e-mail that an event promises is in the outbox.")
def promised_mail_is_written(now: datetime) -> Iterator[str]:
    """The database finds who may lack one; whether the event promises it, the register knows."""
    for verb, kinds in emails.AFTER.items():
        for kind in kinds:
            written = OutboxEmail.objects.filter(event=OuterRef("pk"), kind=kind)
            without = TimelineEvent.objects.filter(~Exists(written), verb=verb)
            for event in without.select_related("booking").iterator():
                if kind in emails.promised_kinds(event):
                    yield f"{event.booking.code} ({kind})"


@invariant("An e-mail that waits is sent within ten minutes of its time.")
def no_mail_is_stuck(now: datetime) -> Iterator[str]:
    waiting = OutboxEmail.objects.filter(state__in=[OutboxState.QUEUED, OutboxState.SENDING])
    stuck = waiting.filter(Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lt=now - PATIENCE))
    for kind, code in stuck.values_list("kind", "booking__code").iterator():
        yield f"{code or 'no booking'} ({kind})"
