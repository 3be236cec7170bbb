"""Rows for the samples: a cast, one booking, and what can happen to it.

Samples only. The product changes a booking through the verbs; this writes what they would leave.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from bookings import clocks, intake, links
from bookings.models import (
    Booking,
    CompletionMark,
    Contest,
    Expert,
    Follower,
    NoShowReport,
    Offer,
    OutboxEmail,
    Payment,
    Refund,
    Service,
    SupportRequest,
    TimelineEvent,
    User,
)
from bookings.states import State

HOUR = timedelta(hours=1)


@dataclass
class Stage:
    booking: Booking
    now: datetime
    is_about_a_booking: bool = True

    @classmethod
    def with_a_past_call(cls, *, now: datetime) -> Self:
        """Lena's call with Maya ended two hours ago."""
        tag = secrets.token_hex(4)
        user = User.objects.create_user(f"maya.{tag}@sample.invalid")
        User.objects.create_user(f"staff.{tag}@sample.invalid", is_staff=True)
        expert = Expert.objects.create(
            user=user, name="Maya Fernandes", slug=f"sample-{tag}", time_zone="Asia/Kolkata"
        )
        follower = Follower.objects.create(
            name="Lena Vogel", email=f"lena.{tag}@sample.invalid", time_zone="Europe/Berlin"
        )
        service = Service.objects.create(
            expert=expert, title="UX audit", duration_minutes=60, price_minor=540000, currency="INR"
        )
        starts_at = (now - 3 * HOUR).replace(minute=0, second=0, microsecond=0)
        booking = intake.create(
            intake.draft(
                expert=expert,
                follower=follower,
                service=service,
                starts_at=starts_at,
                ends_at=starts_at + HOUR,
                now=starts_at - timedelta(days=4),
                price_minor=540000,
                currency="INR",
                place="https://meet.example.com/maya",
                payment=intake.PaymentFacts(
                    provider="sandbox",
                    provider_ref=f"sample_{tag}",
                    paid_at=starts_at - timedelta(days=4),
                    method="Visa ending 4242",
                ),
            )
        )
        return cls(booking, now)

    def event(self, verb: str, actor: str, note: str = "", **data: Any) -> TimelineEvent:
        return TimelineEvent.objects.create(
            booking=self.booking,
            verb=verb,
            from_state=State.SCHEDULED,
            to_state=self.booking.state,
            actor_kind=actor,
            note=note,
            data=data,
            at=self.now,
        )

    def change(self, state: State, **columns: Any) -> None:
        deadline_at = clocks.deadline_for(state, limits=self.booking.limits, now=self.now)
        Booking.objects.filter(pk=self.booking.pk).update(
            **{"state": state, "deadline_at": deadline_at, **columns}
        )
        self.booking.refresh_from_db()

    def move_to(self, starts_at: datetime) -> None:
        starts_at = starts_at.replace(minute=0, second=0, microsecond=0)
        ends_at = starts_at + HOUR
        Booking.objects.filter(pk=self.booking.pk).update(
            starts_at=starts_at, ends_at=ends_at, busy_until=ends_at
        )
        self.booking.refresh_from_db()

    def move_to_the_future(self) -> None:
        self.move_to(self.now + timedelta(days=3))

    def make_free(self) -> None:
        Booking.objects.filter(pk=self.booking.pk).update(price_minor=0)
        Payment.objects.filter(booking=self.booking).update(captured_minor=0)
        self.booking.refresh_from_db()

    def report(self, *, is_second: bool = False) -> TimelineEvent:
        self.change(State.NO_SHOW_REPORTED, has_open_report=True, offers_after_report=is_second)
        event = self.event("report_no_show", "follower", is_second=is_second)
        NoShowReport.objects.create(
            booking=self.booking,
            attempt=1,
            reason=NoShowReport.Reason.EXPERT_ABSENT,
            text="I waited in the room for 25 minutes, then I wrote to you on the chat.",
            reported_at=self.now,
            due_at=self.booking.deadline_at or self.now,
            made_by=event,
        )
        return event

    def offer(self, *, is_after_report: bool = False) -> TimelineEvent:
        if is_after_report:
            self.report()
        self.change(State.RESCHEDULE_OFFERED, resume_state=State.SCHEDULED)
        event = self.event("offer_reschedule", "expert")
        Offer.objects.create(
            booking=self.booking,
            attempt=1,
            note="Sorry I missed you, Lena. Any of these work for me.",
            is_after_report=is_after_report,
            offered_at=self.now,
            expires_at=self.booking.deadline_at or self.now,
            made_by=event,
        )
        return event

    def withdrawn_offer(self) -> TimelineEvent:
        made = self.offer()
        OutboxEmail.objects.create(
            kind="offer",
            audience="follower",
            booking=self.booking,
            event=made,
            dedupe_key=f"sample:{made.pk}",
            message_id=f"sample:{made.pk}",
            state="sent",
            created_at=self.now,
        )
        self.change(State.SCHEDULED)
        event = self.event("withdraw_offer", "expert")
        Offer.objects.filter(made_by=made).update(outcome="withdrawn", closed_by=event)
        return event

    def mark(self, outcome: str, channel: str = "", note: str = "") -> TimelineEvent:
        self.change(State.COMPLETED, marked_at=self.now)
        event = self.event("mark_completed", "expert", outcome=outcome)
        CompletionMark.objects.create(
            booking=self.booking,
            attempt=1,
            outcome=outcome,
            channel=channel,
            held_at=self.booking.starts_at + HOUR / 2 if channel else None,
            minutes=45 if channel else None,
            note=note,
            marked_at=self.now,
            made_by=event,
        )
        return event

    def contest(self) -> TimelineEvent:
        self.change(State.CONTESTED, contested_at=self.now)
        reason = "We never spoke, neither here nor anywhere else."
        Contest.objects.create(
            booking=self.booking, attempt=1, reason=reason, contested_at=self.now
        )
        return self.event("contest", "follower", reason)

    def refund(self, event: TimelineEvent, state: str = "due", **columns: Any) -> Refund:
        return Refund.objects.create(
            payment=self.booking.payment,
            booking=self.booking,
            event=event,
            amount_minor=self.booking.price_minor,
            currency="INR",
            state=state,
            created_at=self.now,
            **columns,
        )

    def support(self, answer: str = "") -> SupportRequest:
        return SupportRequest.objects.create(
            expert=self.booking.expert,
            booking=self.booking,
            subject="Can I move a call that was reported twice?",
            message="Lena reported the new call too.\nWhat can I do now?",
            answer=answer,
        )

    def ensure_link(self, purpose: str) -> None:
        links.ensure(self.booking, purpose, now=self.now)

    def reloaded(self) -> Booking:
        return Booking.objects.select_related("expert__user", "follower", "payment").get(
            pk=self.booking.pk
        )
