"""An expert's support requests, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bookings.formats import moment
from bookings.models import Expert

SHOWN = 50


@dataclass(frozen=True, slots=True)
class RequestRow:
    subject: str
    message: str
    asked: str
    booking_code: str
    answer: str
    answered: str
    """Empty while nobody has answered."""


def request_rows(expert: Expert, *, now: datetime) -> list[RequestRow]:
    def at(instant: datetime | None) -> str:
        return moment(instant, expert.time_zone, expert.clock, now) if instant else ""

    newest = expert.support_requests.select_related("booking").order_by("-id")[:SHOWN]
    return [
        RequestRow(
            asked.subject,
            asked.message,
            at(asked.created_at),
            asked.booking.code if asked.booking else "",
            asked.answer,
            at(asked.answered_at),
        )
        for asked in newest
    ]
