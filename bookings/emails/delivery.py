"""Sending: claim, render from the state of the moment, send, write down. At least once.

No transaction spans the network. A sender that dies leaves a row whose lease runs out; the next
one sends it again under the same Message-ID.
"""

from __future__ import annotations

import logging
import smtplib
import uuid
from datetime import datetime, timedelta
from email.mime.text import MIMEText

from django.conf import settings
from django.core.mail import BadHeaderError, EmailMultiAlternatives, get_connection
from django.db.models import F

from bookings.emails.case import Case
from bookings.emails.letter import Rendered
from bookings.emails.outbox import queue
from bookings.emails.promises import kind_named
from bookings.emails.rendering import Unsendable, render_case
from bookings.models import OutboxEmail, OutboxState

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=180)
"""Longer than a mail server may take with EMAIL_TIMEOUT for each of its answers."""
RETRY_AFTER = [timedelta(seconds=s) for s in (30, 120, 600, 3600, 7200, 14400, 28800)]
"""After the last one the mail is given up; all together stay within 24 hours."""
NO_RETRY = (BadHeaderError, Unsendable, UnicodeError)


def deliver(email_id: int, *, now: datetime) -> bool:
    """Send one e-mail if it is due and nobody else has it. True when it was sent.

    Never raises for what a mail server or a text does; the row says what happened.
    """
    if (row := _claim(email_id, now=now)) is None:
        return False
    try:
        case = Case(row.audience, row.booking, row.event, row.facts, now)
        if not kind_named(row.kind).is_still_true(case):
            _record(row, state=OutboxState.CANCELLED, next_attempt_at=None)
            return False
        _send(render_case(row.kind, case), message_id=row.message_id)
    except Exception as error:
        _record_failure(row, error, now=now)
        return False
    return _record(row, state=OutboxState.SENT, sent_at=now, next_attempt_at=None, last_error="")


def _claim(email_id: int, *, now: datetime) -> OutboxEmail | None:
    """Take the lease in one conditional update; two senders cannot both win."""
    lease = uuid.uuid4()
    claimed = OutboxEmail.objects.filter(
        pk=email_id,
        next_attempt_at__lte=now,
        state__in=[OutboxState.QUEUED, OutboxState.SENDING],
    ).update(
        state=OutboxState.SENDING,
        lease_token=lease,
        next_attempt_at=now + LEASE,
        attempts=F("attempts") + 1,
    )
    if not claimed:
        return None
    return (
        OutboxEmail.objects.select_related(
            "booking__expert__user", "booking__follower", "booking__payment", "event"
        )
        .filter(pk=email_id, lease_token=lease)
        .first()
    )


def _send(mail: Rendered, *, message_id: str) -> None:
    message = EmailMultiAlternatives(
        subject=mail.subject,
        body=mail.text,
        from_email=mail.sender,
        to=list(mail.to),
        reply_to=list(mail.reply_to),
        headers={**mail.headers, "Message-ID": message_id},
        # The time-out of SMTP is EMAIL_TIMEOUT, that of a provider ANYMAIL's.
        connection=get_connection(settings.EMAIL_BACKEND, fail_silently=False),
    )
    message.attach_alternative(mail.html, "text/html")
    if mail.calendar:
        message.attach(_calendar_part(mail))
    if message.send() != 1:
        raise smtplib.SMTPException("The mail server took nothing.")


def _calendar_part(mail: Rendered) -> MIMEText:
    """The file also says its method in the header, as calendars expect."""
    part = MIMEText(mail.calendar, "calendar", "utf-8")
    part.set_param("method", mail.calendar_method)
    part.add_header("Content-Disposition", "attachment", filename="call.ics")
    return part


def _record(row: OutboxEmail, **changes: object) -> bool:
    """Write the outcome only if the lease is still ours (fencing)."""
    return bool(
        OutboxEmail.objects.filter(
            pk=row.pk, state=OutboxState.SENDING, lease_token=row.lease_token
        ).update(lease_token=None, **changes)
    )


def _record_failure(row: OutboxEmail, error: Exception, *, now: datetime) -> None:
    told = f"{type(error).__name__}: {error}"[:500]
    if _is_final(error) or row.attempts > len(RETRY_AFTER):
        logger.error("e-mail %s (%s) is given up: %s", row.pk, row.kind, told)
        if _record(row, state=OutboxState.FAILED, next_attempt_at=None, last_error=told):
            _tell_expert(row, now=now)
        return
    wait = RETRY_AFTER[row.attempts - 1]
    logger.warning("e-mail %s (%s) waits %s: %s", row.pk, row.kind, wait, told)
    _record(row, state=OutboxState.QUEUED, next_attempt_at=now + wait, last_error=told)


def _is_final(error: Exception) -> bool:
    """Errors that another try cannot cure: a bad header, an address that is refused for good."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return isinstance(error, NO_RETRY)


def _tell_expert(row: OutboxEmail, *, now: datetime) -> None:
    """The expert waits for the follower: they must know that the link did not arrive."""
    if row.kind == "offer" and row.booking is not None:
        queue("offer_undelivered", booking=row.booking, now=now, event=row.event)
