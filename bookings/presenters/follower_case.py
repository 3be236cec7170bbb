"""All there is to know about a booking for its follower, loaded once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bookings import clocks, formats
from bookings.models import (
    Booking,
    CompletionMark,
    Contest,
    NoShowReport,
    Offer,
    Payment,
    Refund,
    RefundState,
    TimelineEvent,
)
from bookings.presenters.people import hue, initials
from bookings.presenters.reader import Reader


@dataclass(frozen=True, slots=True)
class Case:
    """Made by `load`; asks the database nothing more."""

    booking: Booking
    reader: Reader
    payment: Payment | None
    refund: Refund | None
    report: NoShowReport | None
    offer: Offer | None
    mark: CompletionMark | None
    contest: Contest | None
    events: list[TimelineEvent] = field(repr=False)

    @property
    def expert(self) -> str:
        return self.booking.expert.first_name

    @property
    def price(self) -> str:
        return formats.money(self.booking.price_minor, self.booking.currency)

    @property
    def is_free(self) -> bool:
        return self.payment is None

    @property
    def back(self) -> str:
        """What the follower gets back when a clock runs out."""
        if self.payment is None:
            return ""
        return formats.money(self.payment.refundable_minor, self.payment.currency)

    @property
    def place(self) -> str:
        return formats.zone_place(self.reader.zone)

    @property
    def call_at(self) -> str:
        """Thu 20 Nov, 18:00 (Berlin)."""
        return f"{self.reader.moment(self.booking.starts_at)} ({self.place})"

    @property
    def reported_on(self) -> str:
        return self.reader.day(self.report.reported_at) if self.report else ""

    @property
    def deadline(self) -> str:
        at = self.booking.deadline_at
        return self.reader.moment(at) if at else ""

    @property
    def is_deadline_over(self) -> bool:
        limits = self.booking.limits
        return clocks.is_over(self.booking.deadline_at, grace=limits.grace, now=self.reader.now)

    @property
    def avatar(self) -> tuple[str, str]:
        expert = self.booking.expert
        return initials(expert.name), hue(expert.pk)


def load(booking: Booking, *, now: datetime) -> Case:
    """Seven queries, whatever the booking has been through."""
    refunds = booking.refunds.select_related("event").order_by("-id")
    return Case(
        booking=booking,
        reader=Reader.of(booking.follower, now=now),
        payment=Payment.objects.filter(booking=booking).first(),
        refund=refunds.exclude(state=RefundState.VOID).first(),
        report=booking.reports.order_by("-id").first(),
        offer=booking.offers.exclude(outcome=Offer.Outcome.UNDONE).order_by("-id").first(),
        mark=booking.marks.filter(undone_at__isnull=True).order_by("-id").first(),
        contest=booking.contests.select_related("decided_by").order_by("-id").first(),
        events=list(booking.events.order_by("-id")[:30]),
    )
