"""What an e-mail is written from: the booking as it is now, and words in the reader's own time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.conf import settings
from django.urls import NoReverseMatch, reverse

from bookings import formats, links
from bookings.emails.letter import Link
from bookings.models import (
    BookedFollower,
    Booking,
    Clock,
    CompletionMark,
    Contest,
    Expert,
    NoShowReport,
    Offer,
    OutboxEmail,
    Payment,
    Refund,
    SupportRequest,
    TimelineEvent,
    User,
)
from bookings.plain_text import one_line


@dataclass
class Case:
    """`booking` is None only for mails about the site itself and for support requests."""

    audience: str
    booking_or_none: Booking | None
    event: TimelineEvent | None
    facts: dict[str, Any]
    now: datetime

    @property
    def booking(self) -> Booking:
        if self.booking_or_none is None:
            raise LookupError("This e-mail needs a booking.")
        return self.booking_or_none

    @property
    def expert(self) -> Expert:
        return self.booking.expert

    @property
    def follower(self) -> BookedFollower:
        return self.booking.buyer

    # --- words in the reader's own time -----------------------------------------------------------

    @property
    def zone(self) -> str:
        return self._reader.time_zone if self._reader else "UTC"

    @property
    def clock(self) -> str:
        return self._reader.clock if self._reader else Clock.TWENTY_FOUR

    @property
    def _reader(self) -> Expert | BookedFollower | None:
        if self.audience == OutboxEmail.Audience.FOLLOWER:
            return self.follower
        if self.audience == OutboxEmail.Audience.EXPERT and self.booking_or_none is not None:
            return self.expert
        return None

    def at(self, instant: datetime) -> str:
        """Wed 26 Nov, 14:30 (Berlin)."""
        place = formats.zone_place(self.zone)
        return f"{formats.moment(instant, self.zone, self.clock, self.now)} ({place})"

    def on(self, instant: datetime) -> str:
        return formats.day(instant, self.zone, self.now)

    def on_long(self, instant: datetime) -> str:
        return formats.long_day(instant, self.zone, self.now)

    @property
    def time(self) -> str:
        return self.at(self.booking.starts_at)

    @property
    def deadline(self) -> str:
        """The deadline that runs now; of the event itself where the clock has stopped since."""
        instant = self.booking.deadline_at or self.instant("due_at") or self.instant("expires_at")
        return self.at(instant) if instant else "the deadline"

    # --- the call and its money -------------------------------------------------------------------

    @property
    def title(self) -> str:
        return one_line(self.booking.service_title)

    @property
    def call(self) -> str:
        return f"{self.title}, {self.booking.duration_minutes} min"

    @property
    def is_free(self) -> bool:
        return self.booking.price_minor == 0

    @property
    def price(self) -> str:
        return formats.money(self.booking.price_minor, self.booking.currency)

    @cached_property
    def payment(self) -> Payment | None:
        return getattr(self.booking, "payment", None)

    @property
    def back(self) -> str:
        """What goes back when a clock runs out: all that has not gone back yet; or nothing."""
        minor = self.payment.refundable_minor if self.payment else 0
        return formats.money(minor, self.booking.currency) if minor else ""

    @cached_property
    def refund(self) -> Refund | None:
        """The refund the event made or tells of; else the newest one of the booking."""
        made: Refund | None = getattr(self.event, "refund", None) if self.event else None
        if made is not None:
            return made
        wanted = self.datum("refund")
        refunds = self.booking.refunds.order_by("-id")
        return (refunds.filter(uuid=wanted) if wanted else refunds).first()

    @property
    def refunded_minor(self) -> int:
        """What this event sent back, in minor units; 0 when there was nothing to send back."""
        if self.event is not None and "refund_minor" in self.event.data:
            return int(self.event.data["refund_minor"])
        return self.refund.amount_minor if self.refund else 0

    @property
    def amount(self) -> str:
        return formats.money(self.refunded_minor, self.booking.currency)

    # --- what people said -------------------------------------------------------------------------

    @cached_property
    def report(self) -> NoShowReport | None:
        reports = NoShowReport.objects.filter(booking=self.booking).order_by("-id")
        return reports.filter(made_by=self.event).first() or reports.first()

    @cached_property
    def offer(self) -> Offer | None:
        offers = Offer.objects.filter(booking=self.booking).order_by("-id")
        return offers.filter(made_by=self.event).first() or offers.first()

    @cached_property
    def mark(self) -> CompletionMark | None:
        marks = CompletionMark.objects.filter(booking=self.booking).order_by("-id")
        return marks.filter(made_by=self.event).first() or marks.first()

    @cached_property
    def contest(self) -> Contest | None:
        return Contest.objects.filter(booking=self.booking).order_by("-id").first()

    @cached_property
    def support_request(self) -> SupportRequest:
        wanted = self.facts["support_request"]
        return SupportRequest.objects.select_related("expert__user", "booking").get(pk=int(wanted))

    @cached_property
    def user(self) -> User:
        """Somebody who signs in and is written to about that."""
        users = User.objects.select_related("expert")
        if "email" in self.facts:
            return users.get(email=self.facts["email"], is_active=True)
        return users.get(pk=int(self.facts["user"]))

    @property
    def is_about_an_account(self) -> bool:
        return "user" in self.facts or "email" in self.facts

    def datum(self, name: str) -> Any:
        """A detail that was written down when it happened."""
        if name in self.facts:
            return self.facts[name]
        return self.event.data.get(name) if self.event else None

    def instant(self, name: str) -> datetime | None:
        value = self.datum(name)
        return datetime.fromisoformat(value) if value else None

    # --- addresses --------------------------------------------------------------------------------

    @cached_property
    def _links(self) -> dict[str, str]:
        current = self.booking.links.filter(superseded_at__isnull=True)
        return {link.purpose: links.url(link) for link in current}

    def private_url(self, purpose: str) -> str:
        """Of the newest link for a purpose. LookupError when there is none."""
        if purpose not in self._links:
            raise LookupError(f"{self.booking.code} has no private link for {purpose!r}.")
        return self._links[purpose]

    def link(self, label: str, purpose: str) -> Link:
        return Link(label, self.private_url(purpose))

    def booking_link(self, label: str) -> Link:
        """The expert's own page of the booking."""
        return Link(label, page("booking", code=self.booking.code))

    def admin_link(self, label: str, model: str, pk: int | None) -> Link:
        try:
            path = reverse(f"admin:bookings_{model}_change", args=[pk])
        except NoReverseMatch:
            path = reverse("admin:index")
        return Link(label, absolute(path))


def page(name: str, **kwargs: Any) -> str:
    """The absolute address of one of our pages."""
    return absolute(reverse(name, kwargs=kwargs))


def absolute(path: str) -> str:
    return f"{settings.SITE_URL.rstrip('/')}{path}"
