"""Everything that is known of a person, for themselves: as a JSON file and as a page to read.

It is read in batches and handed out as it is read, so that an expert with very many bookings costs
no more memory than one with few.
"""

from __future__ import annotations

import json
from calendar import day_name
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db.models import Model, QuerySet

from bookings import formats
from bookings.models import (
    Booking,
    Checkout,
    CheckoutState,
    Expert,
    Follower,
    HelpFeedback,
    Invitation,
    SupportRequest,
)
from bookings.models.people import Clock, PlaceKind
from bookings.staff_acts import verb_words

AT_ONCE = 200
"""Bookings that are read together."""
SHOWN_AT_MOST = 200
"""Of each kind on the page. The file has all."""
Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Section:
    """One kind of what is known. `rows` can be asked for again."""

    key: str
    title: str
    rows: Callable[[], Iterable[Facts]]


def of_follower(follower: Follower) -> list[Section]:
    about = _columns(follower, "name", "email", "time_zone", "clock", "created_at")
    unpaid = Checkout.objects.filter(state=CheckoutState.EXPIRED, email__iexact=follower.email)
    return [
        Section("person", "About you", lambda: [about]),
        Section("bookings", "Bookings", lambda: _bookings(follower.bookings.all(), _of_follower)),
        Section("purchases", "Purchases that were not paid", lambda: map(_purchase, unpaid)),
    ]


def of_expert(expert: Expert, prefix: str = "") -> list[Section]:
    """Of followers only what the expert sees anyway. `prefix` is for somebody who is both."""
    user = expert.user
    about = {
        **_columns(user, "email", "first_name", "last_name", "date_joined", "last_login"),
        **_columns(
            expert, "name", "slug", "headline", "about", "photo", "is_paused", "time_zone",
            "clock", "step_minutes", "buffer_minutes", "min_notice_minutes", "window_days",
        ),
        "former_addresses": [row.slug for row in expert.former_addresses.all()],
    }  # fmt: skip
    services, hours, dates = (
        expert.services, expert.weekly_hours.all(), expert.date_overrides.all()
    )  # fmt: skip
    asked = SupportRequest.objects.filter(expert=expert).order_by("pk")
    said = HelpFeedback.objects.filter(user=user).order_by("pk")
    invited = Invitation.objects.filter(expert=expert)
    sections = [
        Section("person", "About you", lambda: [about]),
        Section("services", "Services", _rows(
            services.order_by("pk"), "title", "description", "duration_minutes", "price_minor",
            "currency", "place_kind", "place", "questions", "is_active",
        )),
        Section("hours", "Weekly hours", _rows(hours, "weekday", "starts_local", "ends_local")),
        Section("dates", "Dates with hours of their own", _rows(
            dates, "date", "starts_local", "ends_local"
        )),
        Section("bookings", "Bookings", lambda: _bookings(expert.bookings.all(), _of_expert)),
        Section("support", "Questions to support", _rows(
            asked, "subject", "message", "answer", "created_at", "answered_at"
        )),
        Section("feedback", "Answers about help articles", _rows(
            said, "article", "is_helpful", "comment", "created_at"
        )),
        Section("invitation", "Invitation", _rows(invited, "email", "name", "sent_at",
                                                  "accepted_at")),
    ]  # fmt: skip
    return [replace(one, key=f"{prefix}{one.key}") for one in sections]


# --- rows -----------------------------------------------------------------------------------------


def _columns(row: Model, *names: str) -> Facts:
    return {name: getattr(row, name) for name in names}


def _rows(rows: QuerySet[Any], *names: str) -> Callable[[], Iterator[Facts]]:
    return lambda: (_columns(row, *names) for row in rows.all())


def _purchase(checkout: Checkout) -> Facts:
    names = ("name", "email", "time_zone", "starts_at", "price_minor", "currency", "created_at")
    return {**_columns(checkout, *names), "answers": checkout.answered}


def _bookings(rows: QuerySet[Booking], facts: Callable[[Booking], Facts]) -> Iterator[Facts]:
    ids = list(rows.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), AT_ONCE):
        some = Booking.objects.filter(pk__in=ids[start : start + AT_ONCE]).order_by("pk")
        known = some.select_related("expert", "follower", "payment").prefetch_related(
            "refunds", "events", "reports", "contests", "marks", "offers", "emails"
        )
        yield from map(facts, known)


def _call(booking: Booking) -> Facts:
    names = ("code", "service_title", "starts_at", "ends_at", "place", "created_at", "state")
    payment = getattr(booking, "payment", None)
    return {
        **_columns(booking, *names),
        "price": formats.money(booking.price_minor, booking.currency),
        "paid": payment
        and {
            "amount": formats.money(payment.captured_minor, payment.currency),
            "method": payment.method,
            "at": payment.paid_at,
        },
        "refunds": [
            {
                "amount": formats.money(refund.amount_minor, refund.currency),
                "state": refund.get_state_display(),
                "at": refund.created_at,
                "finished_at": refund.finished_at,
            }
            for refund in booking.refunds.all()
        ],
    }


def _history(booking: Booking, own: str) -> list[Facts]:
    """All that happened, with the words of the person themselves."""
    return [
        {
            "at": event.at,
            "what": verb_words(event.verb),
            "by": event.actor_kind,
            **({"note": event.note} if event.note and event.actor_kind == own else {}),
        }
        for event in booking.events.all()
    ]


def _of_follower(booking: Booking) -> Facts:
    sent = [mail for mail in booking.emails.all() if mail.audience == "follower" and mail.sent_at]
    return {
        **_call(booking),
        "expert": booking.expert.name,
        "name": booking.buyer.name,
        "time_zone": booking.buyer.time_zone,
        "answers": booking.answered,
        "reports": [
            {"at": row.reported_at, "reason": row.get_reason_display(), "text": row.text}
            for row in booking.reports.all()
        ],
        "contests": [
            {
                "at": row.contested_at,
                "reason": row.reason,
                "decision": row.get_decision_display(),
                "because": row.decision_reason,
            }
            for row in booking.contests.all()
        ],
        "told_by_the_expert": [
            *(row.note for row in booking.offers.all() if row.note),
            *(row.note for row in booking.marks.all() if row.note),
        ],
        "history": _history(booking, "follower"),
        "e_mails": [{"kind": mail.kind, "sent_at": mail.sent_at} for mail in sent],
    }


def _of_expert(booking: Booking) -> Facts:
    return {
        **_call(booking),
        "follower": booking.buyer.name,
        "answers": booking.answered,
        "offers": [{"at": row.offered_at, "note": row.note} for row in booking.offers.all()],
        "marks": [
            {"at": row.marked_at, "outcome": row.get_outcome_display(), "note": row.note}
            for row in booking.marks.all()
        ],
        "history": _history(booking, "expert"),
    }


# --- as a file, and as a page ---------------------------------------------------------------------


def as_json(sections: Sequence[Section]) -> Iterator[str]:
    """In pieces. Instants are in UTC."""
    yield "{"
    for number, section in enumerate(sections):
        yield f"{',' if number else ''}\n{json.dumps(section.key)}: ["
        for place, row in enumerate(section.rows()):
            yield ("," if place else "") + "\n  " + _written(row)
        yield "\n]"
    yield "\n}\n"


def _written(row: Facts) -> str:
    return json.dumps(row, ensure_ascii=False, default=str)


@dataclass(frozen=True, slots=True)
class Shown:
    title: str
    rows: list[list[tuple[str, Any]]]
    is_cut: bool


def as_page(sections: Sequence[Section]) -> list[Shown]:
    """The first of each kind as names and texts. A text in a list is a line of its own."""
    shown = []
    for section in sections:
        rows = list(islice(section.rows(), SHOWN_AT_MOST + 1))
        read = [_read(row) for row in rows[:SHOWN_AT_MOST]]
        if read:
            shown.append(Shown(section.title, read, len(rows) > SHOWN_AT_MOST))
    return shown


NAMED = {
    "email": "E-mail address", "slug": "Public address", "clock": "Times shown", "about": "Text",
    "is_paused": "Paused for new bookings", "is_active": "Offered", "min_notice_minutes":
    "Earliest booking before a call", "buffer_minutes": "Free time after a call", "step_minutes":
    "Calls may begin every", "window_days": "Can be booked ahead for", "duration_minutes": "Length",
    "place_kind": "Kind of place", "starts_local": "From", "ends_local": "To", "e_mails": "E-mails",
    "starts_at": "Start", "ends_at": "End", "created_at": "Since", "date_joined": "Account since",
    "last_login": "Last sign-in", "service_title": "Service", "told_by_the_expert":
    "What the expert wrote",
}  # fmt: skip
"""On the page; in the file everything has the name of its column."""
IN_WORDS: dict[str, Callable[[Any], str]] = {
    "clock": lambda value: str(Clock(value).label),
    "state": lambda value: str(value).replace("_", " ").capitalize(),
    "place_kind": lambda value: str(PlaceKind(value).label),
    "weekday": lambda value: day_name[value],
    **dict.fromkeys(
        ("min_notice_minutes", "buffer_minutes", "step_minutes", "duration_minutes"),
        lambda value: formats.duration(timedelta(minutes=value)),
    ),
    "window_days": lambda value: formats.duration(timedelta(days=value)),
}


def _read(row: Facts) -> list[tuple[str, Any]]:
    found = []
    if "price_minor" in row:
        money = formats.money(row["price_minor"], row["currency"])
        row = {**row, "price_minor": None, "currency": None, "price": money}
    for name, value in row.items():
        is_known = name in IN_WORDS and value not in (None, "")
        lines = _lines(IN_WORDS[name](value) if is_known else value)
        if lines:
            found.append((NAMED.get(name) or name.replace("_", " ").capitalize(), lines))
    return found


def _lines(value: Any) -> list[str]:
    if value is None or value == "":
        return []
    if isinstance(value, bool):
        return ["Yes" if value else "No"]
    if isinstance(value, datetime):
        return [f"{value:%Y-%m-%d %H:%M} UTC"]
    if isinstance(value, dict):
        return [" · ".join(", ".join(_lines(part)) for part in value.values() if _lines(part))]
    if isinstance(value, list | tuple):
        return [" · ".join(_lines(part)) for part in value if _lines(part)]
    return [str(value)]
