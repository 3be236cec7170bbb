"""All there is to know about a booking for its follower."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from bookings import clocks, formats
from bookings.compiled import Compiled
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

_LAST_OFFER = Compiled(
    lambda booking_id, undone: (
        Offer.objects.filter(booking_id=booking_id).exclude(outcome=undone).order_by("-id")[:1]
    ),
    1,
    "undone",
)


@dataclass(frozen=True)
class Case:
    """Each thing is asked for once, by the page that shows it."""

    booking: Booking
    reader: Reader

    @cached_property
    def payment(self) -> Payment | None:
        try:
            return self.booking.payment
        except Payment.DoesNotExist:
            return None

    @cached_property
    def refund(self) -> Refund | None:
        refunds = self.booking.refunds.select_related("event").order_by("-id")
        return refunds.exclude(state=RefundState.VOID).first()

    @cached_property
    def report(self) -> NoShowReport | None:
        return self.booking.reports.order_by("-id").first()

    @cached_property
    def offer(self) -> Offer | None:
        return _LAST_OFFER.first(self.booking.pk, Offer.Outcome.UNDONE.value)

    @cached_property
    def mark(self) -> CompletionMark | None:
        return self.booking.marks.filter(undone_at__isnull=True).order_by("-id").first()

    @cached_property
    def contest(self) -> Contest | None:
        return self.booking.contests.select_related("decided_by").order_by("-id").first()

    @cached_property
    def events(self) -> list[TimelineEvent]:
        """Newest first."""
        return list(self.booking.events.order_by("-id")[:30])

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
        return clocks.has_passed(self.booking.deadline_at, self.reader.now)

    @property
    def avatar(self) -> tuple[str, str]:
        expert = self.booking.expert
        return initials(expert.name), hue(expert.pk)


def load(booking: Booking, *, now: datetime) -> Case:
    return Case(booking=booking, reader=Reader.of(booking.buyer, now=now))
