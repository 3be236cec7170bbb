"""What waits for staff, counted no further than it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.urls import reverse

from bookings.lists import COUNTED_UP_TO
from bookings.models import (
    Booking,
    Contest,
    OutboxEmail,
    OutboxState,
    Refund,
    SetAside,
    SupportRequest,
    User,
)
from bookings.presenters.counters import bounded


@dataclass(frozen=True, slots=True)
class Queue:
    label: str
    count: str
    """Empty when nothing waits."""
    hint: str
    url: str


SELDOM = {"setaside"}
"""Shown only where something waits."""
CALM = {"booking": "The sweep closes these as they fall due."}
"""Hints that would alarm where nothing waits."""


def queues(user: User | AnonymousUser, *, now: datetime) -> list[Queue]:
    """Only those the person may look at."""
    found = []
    for model, label, hint, query, rows in _sources(now):
        if user.has_perm(f"bookings.view_{model}"):
            count = _counted(rows)
            if model in SELDOM and not count:
                continue
            hint = hint if count else CALM.get(model, hint)
            found.append(
                Queue(label, count, hint, reverse(f"admin:bookings_{model}_changelist") + query)
            )
    return found


def _counted(rows: QuerySet[Any]) -> str:
    count = rows.order_by()[:COUNTED_UP_TO].count()
    return bounded(count) if count else ""


def _sources(now: datetime) -> list[tuple[str, str, str, str, QuerySet[Any]]]:
    undecided = Contest.objects.filter(decision="", booking__state="contested")
    return [
        ("contest", "Contested calls", "Read both sides and decide.", "?decision=open", undecided),
        (
            "refund",
            "Refunds that need staff",
            "Declined, sent back, on hold, without an answer, or to be paid by hand.",
            "?needs=staff",
            Refund.objects.needing_staff(),
        ),
        (
            "setaside",
            "Bookings set aside",
            "The sweep cannot go on with these. See why, then have them tried again.",
            "",
            SetAside.objects.all(),
        ),
        (
            "outboxemail",
            "E-mails given up",
            "Find out why, then try again.",
            "?state__exact=failed",
            OutboxEmail.objects.filter(state=OutboxState.FAILED),
        ),
        (
            "supportrequest",
            "Support requests",
            "Experts who wait for an answer.",
            "?answered=no",
            SupportRequest.objects.filter(answered_at__isnull=True),
        ),
        (
            "booking",
            "Past their deadline",
            "The sweep should have closed these. Is it running?",
            "?late=yes",
            Booking.objects.overdue(now),
        ),
    ]
