"""A booking as it is now, with what people said about it, for one reader.

Pages and e-mails ask this one class, so that what was undone, or has gone back already, counts in
neither of them. Each thing is asked for once, by whoever needs it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from bookings import clocks, formats, unreadable
from bookings.database.kept_statements import KeptQuery
from bookings.models import (
    BookedFollower,
    Booking,
    CompletionMark,
    Contest,
    Expert,
    NoShowReport,
    Offer,
    Payment,
    Refund,
    RefundState,
    TimelineEvent,
)
from bookings.plain_text import one_line
from bookings.wording import refund as money
from bookings.wording.labels import CHANNELS
from bookings.wording.next_step import at_stake, if_nobody_acts
from bookings.wording.reader import Reader

_LAST_OFFER = KeptQuery(
    lambda booking_id, undone: (
        Offer.objects.filter(booking_id=booking_id).exclude(outcome=undone).order_by("-id")[:1]
    ),
    1,
    "undone",
)


@dataclass
class Case:
    """`event` and its `facts` are what an e-mail tells of. `booking_or_none` is None only for
    e-mails about the site itself and for support requests."""

    booking_or_none: Booking | None
    reader: Reader
    event: TimelineEvent | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def booking(self) -> Booking:
        if self.booking_or_none is None:
            raise LookupError("This e-mail needs a booking.")
        return self.booking_or_none

    @property
    def expert(self) -> Expert:
        return self.booking.expert

    @cached_property
    def follower(self) -> BookedFollower:
        return self.booking.buyer

    @property
    def audience(self) -> str:
        return self.reader.audience

    @property
    def now(self) -> datetime:
        return self.reader.now

    # --- words in the reader's own time -----------------------------------------------------------

    def at(self, instant: datetime) -> str:
        """Wed 26 Nov, 14:30."""
        return self.reader.moment(instant)

    def placed(self, instant: datetime) -> str:
        """Wed 26 Nov, 14:30 (Berlin)."""
        return f"{self.reader.moment(instant)} ({self.place})"

    @cached_property
    def place(self) -> str:
        """Berlin, for the reader's zone."""
        return formats.zone_place(self.reader.zone)

    @property
    def call_at(self) -> str:
        return self.placed(self.booking.starts_at)

    @property
    def deadline(self) -> str:
        """The deadline that runs now; of the event itself where the clock has stopped since."""
        instant = self.booking.deadline_at or self.instant("due_at") or self.instant("expires_at")
        return self.at(instant) if instant else ""

    @property
    def reported_on(self) -> str:
        """Wed 26 Nov; empty where nothing was reported."""
        return self.reader.day(self.report.reported_at) if self.report else ""

    @property
    def is_deadline_over(self) -> bool:
        return clocks.has_passed(self.booking.deadline_at, self.now)

    # --- the call and its money -------------------------------------------------------------------

    @property
    def call(self) -> str:
        title = one_line(self.booking.service_title)
        return f"{title}, {self.booking.duration_minutes} min"

    @property
    def is_free(self) -> bool:
        return self.booking.is_free

    @property
    def price(self) -> str:
        return formats.money(self.booking.price_minor, self.booking.currency)

    @cached_property
    def payment(self) -> Payment | None:
        return getattr(self.booking, "payment", None)

    @property
    def back(self) -> str:
        """What goes back when a clock runs out: all that has not gone back yet; or nothing."""
        return at_stake(self.booking)

    @cached_property
    def refund(self) -> Refund | None:
        """The refund the event made or tells of; else the newest one that was not undone."""
        made: Refund | None = getattr(self.event, "refund", None) if self.event else None
        if made is not None:
            return made
        refunds = self.booking.refunds.select_related("event").order_by("-id")
        if wanted := self.datum("refund"):
            return refunds.filter(uuid=wanted).first()
        return refunds.exclude(state=RefundState.VOID).first()

    @property
    def refunded_minor(self) -> int:
        """What this event sent back, in minor units; 0 when there was nothing to send back."""
        if self.event is not None and "refund_minor" in self.event.data:
            return int(self.event.data["refund_minor"])
        return self.refund.amount_minor if self.refund else 0

    @property
    def amount(self) -> str:
        return formats.money(self.refunded_minor, self.booking.currency)

    @cached_property
    def where(self) -> money.Place:
        """Where the money is that the event sent back."""
        if self.refunded_minor == 0:
            return money.Place.NOTHING
        return money.place(self.refund) if self.refund else money.Place.HELD

    @property
    def wrong(self) -> list[str]:
        """What cannot be read of the booking, in sentences for the follower."""
        return unreadable.for_follower(self.booking)

    # --- what people said -------------------------------------------------------------------------

    @cached_property
    def report(self) -> NoShowReport | None:
        reports = self.booking.reports.order_by("-id")
        return (self._of_the_event(reports) if self.event else None) or reports.first()

    @cached_property
    def offer(self) -> Offer | None:
        own = self._of_the_event(self.booking.offers.order_by("-id")) if self.event else None
        return own or _LAST_OFFER.first(self.booking.pk, Offer.Outcome.UNDONE.value)

    @cached_property
    def mark(self) -> CompletionMark | None:
        marks = self.booking.marks.order_by("-id")
        own = self._of_the_event(marks) if self.event else None
        return own or marks.filter(undone_at__isnull=True).first()

    @property
    def is_absence(self) -> bool:
        """The expert says that the follower did not come."""
        return self.mark is not None and self.mark.outcome == CompletionMark.Outcome.FOLLOWER_ABSENT

    @property
    def marked_as(self) -> str:
        """What the expert says by marking the call, as the follower reads it."""
        who = self.expert.first_name
        if self.is_absence:
            return f"{who} says you did not come to your call"
        return f"{who} says your call took place"

    @property
    def mark_facts(self) -> tuple[tuple[str, str], ...]:
        """What the expert wrote when marking the call as completed."""
        facts, mark, booking = [("Call", self.call)], self.mark, self.booking
        if mark is None or mark.held_at not in (None, booking.starts_at):
            facts.append(("Planned", self.call_at))
        if mark is not None:
            facts.append(("When", self.placed(mark.held_at or booking.starts_at)))
            if channel := CHANNELS.get(mark.channel):
                facts.append(("Where", channel[:1].upper() + channel[1:]))
            if mark.minutes:
                facts.append(("How long", f"{mark.minutes} min"))
        return tuple(facts)

    @property
    def until_answered(self) -> tuple[str, str]:
        """Until when the expert may answer an open report, and what happens without an answer."""
        until = f"{self.expert.first_name} has until {self.deadline} to answer."
        return (until, if_nobody_acts(self.booking, self.reader))

    @cached_property
    def contest(self) -> Contest | None:
        return self.booking.contests.select_related("decided_by").order_by("-id").first()

    def _of_the_event(self, said: Any) -> Any:
        """The one that the event made, whatever became of it since."""
        return said.filter(made_by=self.event).first()

    @cached_property
    def events(self) -> list[TimelineEvent]:
        """The newest of the history, newest first."""
        return list(self.booking.events.order_by("-id")[:30])

    def datum(self, name: str) -> Any:
        """A detail that was written down when it happened."""
        if name in self.facts:
            return self.facts[name]
        return self.event.data.get(name) if self.event else None

    def instant(self, name: str) -> datetime | None:
        value = self.datum(name)
        return datetime.fromisoformat(value) if value else None


def for_follower(booking: Booking, *, now: datetime) -> Case:
    return Case(booking, Reader.of(booking.buyer, now=now))
