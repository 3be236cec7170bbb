"""A mail backend that sends nothing: every message is kept in the database and shown on a page."""

from __future__ import annotations

from collections.abc import Sequence
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models import Count, Max, Q

from bookings import addresses
from bookings.models import StoredMessage

KEPT_HEADERS = ("To", "Message-ID", "In-Reply-To", "References", "Reply-To", "Date")
SITE = "Site"
"""Where the links of a message lead; the demo may be started at another port the next day."""


class Backend(BaseEmailBackend):
    """For `EMAIL_BACKEND` where no mail server is configured."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """One row per recipient. The whole message is built first, so that a bad header fails
        here exactly as it would with a mail server."""
        stored = [row for message in email_messages for row in _rows(message)]
        StoredMessage.objects.bulk_create(stored)
        return len(email_messages)


class NoMailServer(BaseEmailBackend):
    """Where neither a mail server nor the demo is there: nothing counts as sent."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        raise ConnectionError("No e-mail is sent: EMAIL_URL is not set, and DEMO is off.")


def newest(*, to: str = "", before: int | None = None, at_most: int) -> list[StoredMessage]:
    """Messages from the newest on, without their bodies in HTML; `before` is the id of one."""
    messages = StoredMessage.objects.defer("html", "calendar").annotate(
        has_calendar=~Q(calendar=""), has_html=~Q(html="")
    )
    if to:
        messages = messages.filter(to=to)
    if before is not None:
        messages = messages.filter(pk__lt=before)
    return list(messages.order_by("-pk")[:at_most])


def recipients(*, at_most: int) -> list[tuple[str, int]]:
    """Addresses with their number of messages, the one written to last first."""
    found = StoredMessage.objects.values("to").annotate(count=Count("pk"), last=Max("pk"))
    return [(row["to"], row["count"]) for row in found.order_by("-last")[:at_most]]


def newest_id(*, to: str = "") -> int:
    messages = StoredMessage.objects.filter(to=to) if to else StoredMessage.objects.all()
    return messages.aggregate(newest=Max("pk"))["newest"] or 0


def with_links_to_here(stored: StoredMessage, content: str) -> str:
    """A text of the message with its links to the address the site has now."""
    then = stored.headers.get(SITE, settings.SITE_URL)
    return content.replace(f"{then}/", f"{settings.SITE_URL}/")


def _rows(message: EmailMessage) -> list[StoredMessage]:
    built = message.message()
    parts = {part.get_content_type(): part for part in built.walk() if not part.is_multipart()}
    return [
        StoredMessage(
            to=addresses.kept(address)[:300],
            sender=_decoded(str(built["From"]))[:300],
            subject=str(message.subject)[:300],
            text=_text(parts.get("text/plain")),
            html=_text(parts.get("text/html")),
            calendar=_text(parts.get("text/calendar")),
            headers={name: _decoded(str(built[name])) for name in KEPT_HEADERS if built[name]}
            | {SITE: settings.SITE_URL},
        )
        for _, address in getaddresses(message.recipients())
    ]


def _decoded(header: str) -> str:
    """As a mail program shows it: =?utf-8?… is for the wire."""
    return str(make_header(decode_header(header)))


def _text(part: Message | None) -> str:
    if part is None:
        return ""
    content = part.get_payload(decode=True)
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
    # From Django 6 on a text that does not end its last line has that done for it.
    return text if text.endswith("\r\n") else text.removesuffix("\n")
