"""What belongs to one booking, below its facts: history, money, mail, and what people said."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bookings import database_time, formats
from bookings.admin.base import NONE, Column, ReadOnlyRows, chip, moment, money
from bookings.models import (
    Booking,
    CompletionMark,
    Contest,
    NoShowReport,
    Offer,
    OutboxEmail,
    PrivateLink,
    Refund,
    RefundState,
    TimelineEvent,
)
from bookings.wording import history
from bookings.wording.reader import Reader

REFUND_TONES = {
    RefundState.SUCCEEDED: "ok",
    RefundState.DECLINED: "bad",
    RefundState.REVERSED: "bad",
    RefundState.UNKNOWN: "warn",
    RefundState.MANUAL_DUE: "warn",
    RefundState.VOID: "",
}


def refund_chip(refund: Refund) -> SafeString:
    if refund.hold_reason:
        return chip("On hold", "warn")
    tone = REFUND_TONES.get(RefundState(refund.state), "money")
    return chip(refund.get_state_display(), tone)


def state_words(state: str) -> str:
    """No-show reported, for no_show_reported."""
    return state.replace("no_show", "no-show").replace("_", " ").capitalize()


def story(booking: Booking) -> str:
    """Who, when, how much, and what both sides wrote last: one paragraph each."""
    when = formats.moment(booking.starts_at, "UTC", "24")
    paid = formats.money(booking.price_minor, booking.currency)
    lines = [f"{booking.expert.name} with {booking.buyer.name}, {when} UTC, {paid}."]
    if report := booking.reports.order_by("-id").first():
        lines.append(f"Reported: {report_words(report)}")
    if mark := booking.marks.filter(undone_at__isnull=True).order_by("-id").first():
        lines.append(f"The expert: {mark_words(mark)}")
    if contest := booking.contests.order_by("-id").first():
        lines.append(f"The follower: {contest.reason}")
    return "\n\n".join(lines)


def report_words(report: NoShowReport) -> str:
    return f"{report.get_reason_display()}. {report.text}".strip()


def mark_words(mark: CompletionMark) -> str:
    """What the expert chose and wrote."""
    where = f", {mark.get_channel_display()}" if mark.channel else ""
    when = f", {formats.moment(mark.held_at, 'UTC', '24')} UTC" if mark.held_at else ""
    return f"{mark.get_outcome_display()}{where}{when}. {mark.note}".strip()


class EventRows(ReadOnlyRows):
    model = TimelineEvent
    verbose_name_plural = "history"
    fields = readonly_fields = ("when", "what", "change", "who", "note", "details")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TimelineEvent]:
        return (
            super()
            .get_queryset(request)
            .select_related("actor", "booking__expert", "booking__follower")
        )

    when = Column(moment, "at")

    def what(self, row: TimelineEvent) -> str:
        reader = Reader.staff(now=database_time.now())
        return history.entry(row, row.booking, reader).text

    def change(self, row: TimelineEvent) -> str:
        if not row.from_state:
            return NONE
        return f"{state_words(row.from_state)} → {state_words(row.to_state)}"

    def who(self, row: TimelineEvent) -> str:
        kind = row.get_actor_kind_display()
        return f"{kind}, {row.actor}" if row.actor else kind

    def details(self, row: TimelineEvent) -> str:
        return details(row) or NONE


class RefundRows(ReadOnlyRows):
    model = Refund
    fields = readonly_fields = ("link", "amount", "state_now", "created", "finished", "reference")

    @admin.display(description="refund")
    def link(self, row: Refund) -> SafeString:
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:bookings_refund_change", args=[row.pk]), row.pk
        )

    amount = Column(money, "amount_minor", "currency")

    @admin.display(description="state")
    def state_now(self, row: Refund) -> SafeString:
        return refund_chip(row)

    created = Column(moment, "created_at")
    finished = Column(moment, "finished_at")


class ReportRows(ReadOnlyRows):
    model = NoShowReport
    verbose_name_plural = "no-show reports"
    fields = readonly_fields = ("reported", "attempt", "reason", "text", "due", "outcome")

    reported = Column(moment, "reported_at")
    due = Column(moment, "due_at")


class OfferRows(ReadOnlyRows):
    model = Offer
    fields = readonly_fields = ("offered", "attempt", "mode", "note", "expires", "outcome")

    offered = Column(moment, "offered_at")
    expires = Column(moment, "expires_at")


class MarkRows(ReadOnlyRows):
    model = CompletionMark
    verbose_name_plural = "marks"
    fields = readonly_fields = (
        "marked", "attempt", "outcome", "channel", "held", "minutes", "note", "undone",
    )  # fmt: skip

    marked = Column(moment, "marked_at")
    held = Column(moment, "held_at")
    undone = Column(moment, "undone_at")


class ContestRows(ReadOnlyRows):
    model = Contest
    fields = readonly_fields = ("contested", "attempt", "reason", "decision", "decision_reason")

    contested = Column(moment, "contested_at")


class EmailRows(ReadOnlyRows):
    model = OutboxEmail
    verbose_name_plural = "e-mails"
    fields = readonly_fields = ("what", "audience", "state", "attempts", "created", "sent")

    @admin.display(description="e-mail")
    def what(self, row: OutboxEmail) -> SafeString:
        return format_html(
            '<a href="{}">{}</a>',
            reverse("admin:bookings_outboxemail_change", args=[row.pk]),
            row.kind.replace("_", " "),
        )

    created = Column(moment, "created_at")
    sent = Column(moment, "sent_at")


class LinkRows(ReadOnlyRows):
    """Without the key: who has it can act for the follower."""

    model = PrivateLink
    verbose_name_plural = "private links"
    fields = readonly_fields = ("purpose", "created", "used", "superseded", "expires")

    created = Column(moment, "created_at")
    used = Column(moment, "used_at")
    superseded = Column(moment, "superseded_at")
    expires = Column(moment, "expires_at")


BOOKING_ROWS: tuple[type[Any], ...] = (
    EventRows,
    RefundRows,
    ReportRows,
    OfferRows,
    MarkRows,
    ContestRows,
    EmailRows,
    LinkRows,
)


# --- what an event holds besides its sentence, as one line ----------------------------------------

HIDDEN = {"before", "currency", "refund"}
"""Not shown: what undo goes back to, what is said with each amount, and an id."""
CHOICES = {"channel", "decision", "kind", "mode", "origin", "outcome", "reason", "verb"}
"""Values of ours, in words; anything else stays as it came."""


def details(event: TimelineEvent) -> str:
    """As in “price ₹1,500 · starts Mon 23 Nov, 13:00”, by name: PostgreSQL keeps no order."""
    told = (_told(key, event) for key in sorted(event.data) if key not in HIDDEN)
    return " · ".join(filter(None, told))


def _told(key: str, event: TimelineEvent) -> str:
    """Empty for what is empty, not so, or nothing."""
    value = event.data[key]
    if not value:
        return ""
    name = key.removeprefix("is_").removesuffix("_minor").removesuffix("_at").replace("_", " ")
    return name if value is True else f"{name} {_value(key, value, event)}"


def _value(key: str, value: Any, event: TimelineEvent) -> str:
    if key.endswith("_minor"):
        return formats.money(value, event.data.get("currency") or event.booking.currency)
    if key in CHOICES:
        return str(value).replace("_", " ")
    try:
        return formats.moment(datetime.fromisoformat(value), "UTC", "24", database_time.now())
    except (TypeError, ValueError):
        return str(value)
