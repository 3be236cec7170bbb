"""The e-mails of the demo's past: in the demo inbox at their own moment, or known as sent.

Nothing is ever mailed to invented people: without a demo inbox all of it counts as sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.conf import settings
from django.db.models import F

from bookings import emails
from bookings.models import Booking, OutboxEmail, OutboxState, StoredMessage


def steps(booking: Booking) -> Iterator[tuple[datetime, Callable[[datetime], object]]]:
    """The e-mails of a booking that wait to be sent, each with its moment."""
    if not settings.DEMO_INBOX:
        return
    for email in booking.emails.filter(next_attempt_at__isnull=False):
        if email.next_attempt_at is not None:
            yield email.next_attempt_at, _delivering(email.pk)


def _delivering(email_id: int) -> Callable[[datetime], object]:
    def deliver(at: datetime) -> None:
        newest = StoredMessage.objects.order_by("-id").values_list("id", flat=True).first() or 0
        emails.deliver_all([email_id], now=at)
        StoredMessage.objects.filter(id__gt=newest).update(created_at=at)

    return deliver


def mark_sent(booking: Booking) -> None:
    """They were sent long ago, to an inbox that nobody kept."""
    OutboxEmail.objects.filter(booking=booking, next_attempt_at__isnull=False).update(
        state=OutboxState.SENT, sent_at=F("created_at"), attempts=1, next_attempt_at=None
    )


@contextmanager
def in_order() -> Iterator[None]:
    """Bookings are played one after the other; afterwards the inbox is put in order of time."""
    newest = StoredMessage.objects.order_by("-id").values_list("id", flat=True).first() or 0
    yield
    messages = list(StoredMessage.objects.filter(id__gt=newest).order_by("created_at", "id"))
    StoredMessage.objects.filter(id__gt=newest).delete()
    for message in messages:
        at = message.created_at
        message.pk = None
        message._state.adding = True
        message.save(force_insert=True)
        StoredMessage.objects.filter(pk=message.pk).update(created_at=at)
