"""What the tests of the outbox share."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bookings import emails
from bookings.emails.letter import MailCase
from bookings.emails.rendering import render
from bookings.models import Booking, OutboxEmail, TimelineEvent
from tests import builders
from tests.builders import NOW

SECOND = timedelta(seconds=1)
AFTER_UNDO = NOW + timedelta(seconds=31)


def is_about(seen: datetime | None, instant: datetime) -> bool:
    """Sending takes its time, on a busy machine more, and what it writes down is the later."""
    return seen is not None and instant <= seen < instant + 10 * SECOND


def only(kind: str) -> OutboxEmail:
    return OutboxEmail.objects.get(kind=kind)


def many_due(count: int) -> list[int]:
    """E-mails that may be sent now, all to the same expert."""
    booking, row = reported()
    more = [
        emails.queue(row.kind, booking=booking, event=row.event, now=NOW, dedupe=str(number))
        for number in range(count - 1)
    ]
    return [row.pk, *(one.pk for one in more)]


def reported() -> tuple[Booking, OutboxEmail]:
    """A reported booking, and the e-mail that tells the expert."""
    booking = builders.report(builders.make_booking())
    return booking, only("no_show_reported")


def rendered(
    kind: str,
    booking: Booking | None,
    *,
    now: datetime,
    event: TimelineEvent | None = None,
    facts: dict[str, Any] | None = None,
) -> emails.Rendered:
    """One e-mail from the present state, without a row in the outbox."""
    audience = emails.KINDS[kind].audience
    return render(kind, MailCase.of(audience, booking, event, facts or {}, now))
