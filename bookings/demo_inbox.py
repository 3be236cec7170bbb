"""A mail backend that sends nothing: every message is kept in the database and shown on a page."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import Message

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from bookings.models import StoredMessage

KEPT_HEADERS = ("Message-ID", "In-Reply-To", "References", "Reply-To", "Date")


class Backend(BaseEmailBackend):
    """For `EMAIL_BACKEND` where no mail server is configured."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """One row per recipient. Builds the whole message first, so that a bad header fails here
        exactly as it would with a mail server."""
        stored = [row for message in email_messages for row in _rows(message)]
        StoredMessage.objects.bulk_create(stored)
        return len(email_messages)


def _rows(message: EmailMessage) -> list[StoredMessage]:
    built = message.message()
    parts = {part.get_content_type(): part for part in built.walk() if not part.is_multipart()}
    return [
        StoredMessage(
            to=recipient[:300],
            sender=message.from_email[:300],
            subject=str(message.subject)[:300],
            text=_text(parts.get("text/plain")),
            html=_text(parts.get("text/html")),
            calendar=_text(parts.get("text/calendar")),
            headers={name: str(built[name]) for name in KEPT_HEADERS if built[name]},
        )
        for recipient in message.recipients()
    ]


def _text(part: Message | None) -> str:
    if part is None:
        return ""
    content = part.get_payload(decode=True)
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
