"""Handing e-mails to a mail server or a provider, over connections that are used again."""

from __future__ import annotations

import smtplib
from contextlib import suppress
from email import policy
from email.message import MIMEPart
from email.mime.text import MIMEText
from typing import Any

import django
from anymail.backends.base import AnymailBaseBackend
from django.core import mail as django_mail
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends import smtp
from django.core.mail.backends.base import BaseEmailBackend

from bookings.emails import headers
from bookings.emails.letter import Rendered
from bookings.emails.rendering import Unsendable


class Connections:
    """For any number of threads: each e-mail has one to itself while it is sent.

    One that failed, perhaps because the server had closed it, is not used again; its e-mail
    waits for the next try like any other that was not taken.
    """

    def __init__(self) -> None:
        # A time-out is among the settings: for SMTP with the mail server's, else with ANYMAIL's.
        self._idle = [_connection()]
        self.is_remote = _is_remote(self._idle[0])

    def send(self, mail: Rendered, *, message_id: str) -> None:
        message = message_of(mail, message_id)
        connection = self._take()
        try:
            if self.is_remote:
                connection.open()  # by us, so that it stays open afterwards
            if not message.recipients() or connection.send_messages([message]) != 1:
                raise smtplib.SMTPException("The mail server took nothing.")
        except BaseException as error:
            _close(connection)
            if isinstance(error, ValueError) and not _can_be_built(message):
                raise Unsendable(str(error)) from error
            raise
        self._idle.append(connection)

    def close(self) -> None:
        while self._idle:
            _close(self._idle.pop())

    def _take(self) -> BaseEmailBackend:
        try:
            return self._idle.pop()
        except IndexError:
            return _connection()


def _connection() -> BaseEmailBackend:
    if django.VERSION >= (6, 1):
        return django_mail.mailers.default
    return django_mail.get_connection()


def _is_remote(connection: BaseEmailBackend) -> bool:
    """Whether it speaks to another machine. The others keep e-mails in our database or memory,
    and are called in the caller's thread; one that knows better has an attribute `is_remote`."""
    known = isinstance(connection, smtp.EmailBackend | AnymailBaseBackend)
    return bool(getattr(connection, "is_remote", known))


def _close(connection: BaseEmailBackend) -> None:
    with suppress(Exception):  # it is of no use any more, and what was sent was sent
        connection.close()


def _can_be_built(message: EmailMultiAlternatives) -> bool:
    """Whether there is nothing in its headers that no mail may have."""
    try:
        message.message()
    except ValueError:
        return False
    return True


class _Message(EmailMultiAlternatives):
    """With the header values of `headers`: Django and Python would decode and encode them anew,
    into longer words, and leave alone what looks encoded already."""

    def message(self, **options: Any) -> Any:
        built = super().message(**options)
        for name, value in (
            ("Subject", headers.phrase(str(self.subject))),
            ("From", self.from_email),
            ("To", ", ".join(self.to)),
        ):
            del built[name]
            built.set_raw(name, headers.folded(name, value))
        return built


def message_of(mail: Rendered, message_id: str) -> EmailMultiAlternatives:
    message = _Message(
        subject=mail.subject,
        body=mail.text,
        from_email=mail.sender,
        to=list(mail.to),
        reply_to=list(mail.reply_to),
        headers={**mail.headers, "Message-ID": message_id},
    )
    message.attach_alternative(mail.html, "text/html")
    if mail.calendar:
        message.attach(_calendar_part(mail))
    return message


def _calendar_part(mail: Rendered) -> Any:
    """The file also says its method in the header, as calendars expect."""
    if django.VERSION < (6, 0):
        part = MIMEText(mail.calendar, "calendar", "utf-8")
        part.set_param("method", mail.calendar_method)
        part.add_header("Content-Disposition", "attachment", filename="call.ics")
        return part
    modern = MIMEPart(policy=policy.SMTP)  # the lines of a calendar end with CR and LF
    modern.set_content(
        mail.calendar,
        subtype="calendar",
        cte="base64",
        params={"method": mail.calendar_method},
        disposition="attachment",
        filename="call.ics",
    )
    return modern
