"""Handing e-mails to a mail server or a provider, over connections that are used again.

The values of headers arrive as they were written, whatever was written. Names and titles are other
people's words: one that looks like an encoded word (`=?utf-8?q?hi?=`) would be decoded by the
reader's mail program, so it is encoded itself.
"""

from __future__ import annotations

import re
import smtplib
from contextlib import suppress
from dataclasses import dataclass, field
from email import policy
from email.header import Header
from email.message import MIMEPart
from email.mime.text import MIMEText
from typing import Any

import django
from anymail.backends.base import AnymailBaseBackend
from django.core import mail as django_mail
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends import smtp
from django.core.mail.backends.base import BaseEmailBackend

LONGEST_WORD = 64
"""RFC 2047 allows an encoded word 75 characters and its line 76: with the longest name of a header
in front of it, each of ours fits."""
LONGEST_LINE = 76
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")


@dataclass(frozen=True, slots=True)
class Rendered:
    """One e-mail, ready to be handed to a mail backend."""

    subject: str
    text: str
    html: str
    sender: str
    to: tuple[str, ...]
    reply_to: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    calendar: str = ""
    calendar_method: str = ""


class Unsendable(Exception):
    """No retry will help: an address or a header that no mail server takes."""


class Connections:
    """For any number of threads: each e-mail has one to itself while it is sent.

    One that failed, perhaps because the server had closed it, is not used again; its e-mail
    waits for the next try like any other that was not taken.
    """

    def __init__(self) -> None:
        # A time-out is among the settings: for SMTP with the mail server's, else with ANYMAIL's.
        first = _connection()
        self._idle = [first]
        # All others keep e-mails in our database or in memory: they are called in this thread.
        known = isinstance(first, smtp.EmailBackend | AnymailBaseBackend)
        self.is_remote = bool(getattr(first, "is_remote", known))
        """Whether it speaks to another machine. A backend that knows better says so itself."""

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
    """With our own header values: Django and Python would decode and encode them anew, into longer
    words, and leave alone what looks encoded already."""

    def message(self, **options: Any) -> Any:
        built = super().message(**options)
        for name, value in (
            ("Subject", phrase(str(self.subject))),
            ("From", self.from_email),
            ("To", ", ".join(self.to)),
        ):
            del built[name]
            built.set_raw(name, folded(name, value))
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


# --- the values of headers ------------------------------------------------------------------------


def phrase(text: str) -> str:
    """Text of a header in ASCII, on one line: as it is, or as encoded words with blanks between.

    So is a word too long for a line: folded, it would leave the first line empty.
    """
    is_short = all(len(word) <= LONGEST_WORD for word in text.split(" "))
    if text.isascii() and is_short and "=?" not in text:
        return text
    words = Header(text, "utf-8", maxlinelen=LONGEST_WORD).encode()
    return " ".join(words.split())


def mailbox(name: str, address: str) -> str:
    """`Name <address>`, the name quoted or encoded where it has to be."""
    found = phrase(name)
    if found == name and not _ATOMS.fullmatch(name):
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        found = f'"{escaped}"'
    return f"{found} <{address}>" if found else address


def folded(name: str, value: str) -> str:
    """`value` over several lines, broken at blanks; nothing refolds lines as short as these."""
    lines = [f"{name}:"]
    for word in value.split(" "):
        if len(lines[-1]) + 1 + len(word) > LONGEST_LINE and lines[-1] != f"{name}:":
            lines.append("")
        lines[-1] += f" {word}"
    return "\n".join(lines).removeprefix(f"{name}: ")
