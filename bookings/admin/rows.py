"""What belongs to one booking, below its facts: history, money, mail, and what people said."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bookings import formats
from bookings.admin.base import NONE, ReadOnlyRows, chip, moment, money
from bookings.admin.details import details
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
from bookings.states import Verb

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


def verb_words(verb: str) -> str:
    """The label of a verb; a fact such as refund_accepted in words."""
    return str(Verb(verb).label) if verb in Verb.values else verb.replace("_", " ").capitalize()


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
        return super().get_queryset(request).select_related("actor", "booking")

    def when(self, row: TimelineEvent) -> str:
        return moment(row.at)

    def what(self, row: TimelineEvent) -> str:
        return verb_words(row.verb)

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

    def amount(self, row: Refund) -> SafeString:
        return money(row.amount_minor, row.currency)

    @admin.display(description="state")
    def state_now(self, row: Refund) -> SafeString:
        return refund_chip(row)

    def created(self, row: Refund) -> str:
        return moment(row.created_at)

    def finished(self, row: Refund) -> str:
        return moment(row.finished_at)


class ReportRows(ReadOnlyRows):
    model = NoShowReport
    verbose_name_plural = "no-show reports"
    fields = readonly_fields = ("reported", "attempt", "reason", "text", "due", "outcome")

    def reported(self, row: NoShowReport) -> str:
        return moment(row.reported_at)

    def due(self, row: NoShowReport) -> str:
        return moment(row.due_at)


class OfferRows(ReadOnlyRows):
    model = Offer
    fields = readonly_fields = ("offered", "attempt", "mode", "note", "expires", "outcome")

    def offered(self, row: Offer) -> str:
        return moment(row.offered_at)

    def expires(self, row: Offer) -> str:
        return moment(row.expires_at)


class MarkRows(ReadOnlyRows):
    model = CompletionMark
    verbose_name_plural = "marks"
    fields = readonly_fields = (
        "marked", "attempt", "outcome", "channel", "held", "minutes", "note", "undone",
    )  # fmt: skip

    def marked(self, row: CompletionMark) -> str:
        return moment(row.marked_at)

    def held(self, row: CompletionMark) -> str:
        return moment(row.held_at)

    def undone(self, row: CompletionMark) -> str:
        return moment(row.undone_at)


class ContestRows(ReadOnlyRows):
    model = Contest
    fields = readonly_fields = ("contested", "attempt", "reason", "decision", "decision_reason")

    def contested(self, row: Contest) -> str:
        return moment(row.contested_at)


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

    def created(self, row: OutboxEmail) -> str:
        return moment(row.created_at)

    def sent(self, row: OutboxEmail) -> str:
        return moment(row.sent_at)


class LinkRows(ReadOnlyRows):
    """Without the key: who has it can act for the follower."""

    model = PrivateLink
    verbose_name_plural = "private links"
    fields = readonly_fields = ("purpose", "created", "used", "superseded", "expires")

    def created(self, row: PrivateLink) -> str:
        return moment(row.created_at)

    def used(self, row: PrivateLink) -> str:
        return moment(row.used_at)

    def superseded(self, row: PrivateLink) -> str:
        return moment(row.superseded_at)

    def expires(self, row: PrivateLink) -> str:
        return moment(row.expires_at)


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
