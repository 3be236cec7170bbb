"""Every e-mail: the register of kinds, the outbox, and sending.

    letters/    the words of each e-mail: one function, one decorator
    registry    all kinds: who gets them, after what, and whether they are still true
    outbox      rows that wait to be sent
    rendering   from words to text, HTML, headers and a calendar file
    mailing     hands the result to a mail server

Others write `emails.queue(...)` in the transaction that causes the mail, and a worker calls
`emails.deliver_all(...)`. `manage.py list_emails` lists all kinds with a sample each.

Delivery stands in this file: claim a row, render it from the state of the moment, send it, write
down what became of it. Each is sent at least once. No transaction spans the network: a sender that
dies leaves a row whose lease runs out, and the next one sends it again under the same Message-ID.
"""

from __future__ import annotations

import logging
import smtplib
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import make_msgid
from typing import Any

from django.conf import settings
from django.db.models import F

from bookings import clocks, fan_out, metrics, outages
from bookings.database import leases
from bookings.emails import letters as letters
from bookings.emails.letter import MailCase, page_link, password_link, password_link_lasts
from bookings.emails.mailing import Connections, Rendered, Unsendable
from bookings.emails.outbox import (
    Wanted,
    cancel_held,
    queue,
    queue_again,
    queue_all,
    queue_for,
    queue_password_reset,
)
from bookings.emails.registry import KINDS, KINDS_AFTER, Email, kinds_after
from bookings.emails.rendering import render
from bookings.models import OutboxEmail, OutboxState, site_host
from bookings.models.booking import DueQuerySet

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=210)
"""30 until the last one is begun, and 20 for each answer of a mail server."""
RETRY_AFTER = [timedelta(seconds=s) for s in (30, 120, 600, 3600, 7200, 14400, 28800)]
"""After the last one the mail is given up; all together stay within 24 hours."""
NO_RETRY = (Unsendable, UnicodeError)
MOST_WOKEN = 2000


def deliver_all(email_ids: Sequence[int], *, now: datetime, seconds: float | None = None) -> int:
    """Send these e-mails, as many at a time as MAIL_IN_FLIGHT says; how many were sent.

    Never raises for what a mail server or a text does; the rows say what happened. After
    `seconds` none is begun, and what is left over is for the next one.
    """
    with closing(Connections()) as connections:
        delivery = _Delivery(email_ids, now, connections)
        at_most = settings.MAIL_IN_FLIGHT
        fan_out.work(delivery, at_most=at_most, claimed=4 * at_most, seconds=seconds)
    metrics.note_mails(delivery.sent)
    if delivery.sent and outages.note_working([outages.MAIL]):
        _wake_waiting(now=delivery.now)
    elif delivery.is_refused and not delivery.sent:
        outages.note_failing([outages.MAIL], now=delivery.now)
    return delivery.sent


def send_directly(kind: str, facts: dict[str, Any], *, now: datetime) -> None:
    """To STAFF_EMAIL, with no row in the outbox: it says that there is no database to write to.
    Raises what the mail server raises."""
    mail = render(kind, MailCase.of(OutboxEmail.Audience.STAFF, None, None, facts, now))
    with closing(Connections()) as connections:
        connections.send(mail, message_id=make_msgid(domain=site_host()))


def try_one_again(*, now: datetime) -> None:
    """While the mail server takes nothing, have the newest of those that wait for their next try
    sent now: else nobody would know for hours that it is back. It does not count as a try."""
    if outages.failing_since(outages.MAIL) is not None:
        rows = _waiting(now=now)
        newest = rows.order_by("-next_attempt_at", "-id").ids(1)
        rows.filter(pk__in=newest).update(next_attempt_at=now, attempts=F("attempts") - 1)


def _wake_waiting(*, now: datetime) -> None:
    """The mail server is back: what waits for its next try need not."""
    some = _waiting(now=now).order_by("next_attempt_at", "id").ids(MOST_WOKEN)
    _waiting(now=now).filter(pk__in=some).update(next_attempt_at=now)


def _waiting(*, now: datetime) -> DueQuerySet[OutboxEmail]:
    return OutboxEmail.objects.filter(
        state=OutboxState.QUEUED, attempts__gt=0, next_attempt_at__gt=now
    )


@dataclass(eq=False, slots=True)
class _Item:
    row: OutboxEmail
    mail: Rendered | None = None
    """None when it is not to be sent."""
    look_again_at: datetime | None = None
    """Given where it is not true now, and may be again when the expert undoes what they did."""
    error: Exception | None = None
    is_sent: bool = False


class _Delivery(fan_out.Clock):
    def __init__(self, ids: Sequence[int], now: datetime, connections: Connections) -> None:
        super().__init__(now)
        self.lease = uuid.uuid4()
        self.queue = fan_out.Queue(ids, self._take)
        self.connections = connections
        self.sent = 0
        self.is_refused = False
        """Whether the mail server did not take one, and not because of its recipient."""

    def claim(self, at_most: int) -> list[_Item]:
        """E-mails that are no longer true, or cannot be rendered, are closed here."""
        while self.queue:
            items = [self._rendered(row) for row in self.queue.take(at_most)]
            ready = [item for item in items if item.mail is not None]
            if len(ready) < len(items):
                self.finish([item for item in items if item.mail is None])
            if ready:
                return ready
        return []

    def _take(self, ids: Sequence[int], *, at_most: int) -> list[OutboxEmail]:
        now = self.now
        due = OutboxEmail.objects.due(now).filter(
            pk__in=ids, state__in=[OutboxState.QUEUED, OutboxState.SENDING]
        )
        return leases.take(
            due.select_related(
                "booking__expert__user", "booking__follower", "booking__payment", "event"
            ),
            at_most=at_most,
            lease=self.lease,
            until=now + LEASE,
            state=OutboxState.SENDING,
        )

    def _rendered(self, row: OutboxEmail) -> _Item:
        try:
            if _is_erased(row):
                return _Item(row)
            case = MailCase.of(row.audience, row.booking, row.event, row.facts, self.now)
            if not KINDS[row.kind].still_true(case):
                return _Item(row, look_again_at=_undo_is_over_at(row, now=self.now))
            return _Item(row, render(row.kind, case))
        except Exception as error:
            return _Item(row, error=error)

    def is_remote(self, item: _Item) -> bool:
        return self.connections.is_remote

    def call(self, item: _Item) -> None:
        if item.mail is None:
            return
        try:
            self.connections.send(item.mail, message_id=item.row.message_id)
            item.is_sent = True
        except Exception as error:
            item.error = error

    def go_on(self, items: list[_Item]) -> list[_Item]:
        return []

    def finish(self, items: list[_Item]) -> None:
        failed, sent, over, not_begun = [], [], [], []
        for item in items:
            if item.error is not None:
                failed.append(item)
            elif item.is_sent:
                sent.append(item.row)
            elif item.mail is not None:
                not_begun.append(item.row)
            elif item.look_again_at is not None:
                self._put_back([item.row], item.look_again_at)
            else:
                over.append(item.row)
        fan_out.together(self._fail, failed)
        now = self.now
        self.sent += self._end(sent, state=OutboxState.SENT, sent_at=now, last_error="")
        self._end(over, state=OutboxState.CANCELLED)
        self._put_back(not_begun, now)

    def _put_back(self, rows: Sequence[OutboxEmail], due_at: datetime) -> None:
        back = {"next_attempt_at": due_at, "attempts": F("attempts") - 1}
        self._end(rows, state=OutboxState.QUEUED, **back)

    def _end(self, rows: Sequence[OutboxEmail], **changes: object) -> int:
        """Only rows whose lease is still ours (fencing)."""

        def write(some: Sequence[OutboxEmail]) -> list[int]:
            ours = OutboxEmail.objects.filter(
                pk__in=[row.pk for row in some], state=OutboxState.SENDING, lease_token=self.lease
            )
            return [ours.update(**{"lease_token": None, "next_attempt_at": None, **changes})]

        return sum(fan_out.together(write, rows))

    def _fail(self, items: Sequence[_Item]) -> list[None]:
        for item in items:
            row, error = item.row, item.error
            self.is_refused |= not isinstance(error, (smtplib.SMTPRecipientsRefused, *NO_RETRY))
            told = f"{type(error).__name__}: {error}"[:500]
            if _is_final(error) or row.attempts > len(RETRY_AFTER):
                logger.error("e-mail %s (%s) is given up: %s", row.pk, row.kind, told)
                if self._end([row], state=OutboxState.FAILED, last_error=told):
                    _tell_expert(row, now=self.now)
                continue
            wait = RETRY_AFTER[row.attempts - 1]
            logger.warning("e-mail %s (%s) waits %s: %s", row.pk, row.kind, wait, told)
            back = {"next_attempt_at": self.now + wait, "last_error": told}
            self._end([row], state=OutboxState.QUEUED, **back)
        return []


def _is_erased(row: OutboxEmail) -> bool:
    """It would go to a person of whom nothing is known any more."""
    is_for_follower = row.audience == OutboxEmail.Audience.FOLLOWER
    return is_for_follower and row.booking is not None and row.booking.erased_at is not None


def _undo_is_over_at(row: OutboxEmail, *, now: datetime) -> datetime | None:
    """When the last change of the booking can be undone no more, clicks on their way included;
    None when that is so now."""
    booking = row.booking
    if booking is None or booking.undo_until is None:
        return None
    over_at = clocks.after(booking.undo_until, booking.limits.grace)
    return over_at if now < over_at else None


def _is_final(error: Exception | None) -> bool:
    """Errors that another try cannot cure: a bad header, an address that is refused for good."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return isinstance(error, NO_RETRY)


def _tell_expert(row: OutboxEmail, *, now: datetime) -> None:
    """The expert waits for the follower: they must know that the link did not arrive."""
    if row.kind == "offer" and row.booking is not None:
        queue("offer_undelivered", booking=row.booking, now=now, event=row.event)
