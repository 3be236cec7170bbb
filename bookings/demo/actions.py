"""What people of the demo do with a booking, each through its verb."""

from __future__ import annotations

from datetime import datetime, timedelta

from bookings import lifecycle, slots
from bookings.demo.playing import FOLLOWER, Action, expert_of
from bookings.models import Booking, CompletionMark, Contest, NoShowReport, Offer, Payment
from bookings.states import Actor, ActorKind

Reason = NoShowReport.Reason
Held = CompletionMark.Outcome
Channel = CompletionMark.Channel


def report(text: str, reason: str = Reason.EXPERT_ABSENT) -> Action:
    return lambda booking, at: lifecycle.report_no_show(
        booking.pk, actor=FOLLOWER, now=at, reason=reason, text=text
    )


def withdraw_report(booking: Booking, at: datetime) -> None:
    lifecycle.withdraw_report(booking.pk, actor=FOLLOWER, now=at)


def offer(note: str = "") -> Action:
    return lambda booking, at: lifecycle.offer_reschedule(
        booking.pk, actor=expert_of(booking), now=at, note=note
    )


def offer_times(*starts: datetime, note: str = "") -> Action:
    return lambda booking, at: lifecycle.offer_reschedule(
        booking.pk,
        actor=expert_of(booking),
        now=at,
        mode=Offer.Mode.LISTED,
        slots=list(starts),
        note=note,
    )


def withdraw_offer(booking: Booking, at: datetime) -> None:
    lifecycle.withdraw_offer(booking.pk, actor=expert_of(booking), now=at)


def pick(wait: timedelta) -> Action:
    """The first time that is offered after `wait`."""

    def action(booking: Booking, at: datetime) -> None:
        offered = booking.offers.get(outcome=Offer.Outcome.OPEN)
        free = slots.free_for(booking, now=at, offer=offered)
        start = next((start for start in free if start >= at + wait), free[-1])
        lifecycle.pick_time(booking.pk, actor=FOLLOWER, now=at, starts_at=start)

    return action


def refund_instead(booking: Booking, at: datetime) -> None:
    lifecycle.refund_instead(booking.pk, actor=FOLLOWER, now=at)


def mark(outcome: str = Held.HELD_HERE, channel: str = Channel.PLANNED, note: str = "") -> Action:
    def action(booking: Booking, at: datetime) -> None:
        is_held = outcome != Held.FOLLOWER_ABSENT
        lifecycle.mark_completed(
            booking.pk,
            actor=expert_of(booking),
            now=at,
            outcome=outcome,
            channel=channel if is_held else "",
            held_at=booking.starts_at + timedelta(minutes=4) if is_held else None,
            minutes=booking.duration_minutes if is_held else None,
            note=note,
        )

    return action


def undo(booking: Booking, at: datetime) -> None:
    lifecycle.undo(booking.pk, actor=expert_of(booking), now=at)


def contest(reason: str) -> Action:
    return lambda booking, at: lifecycle.contest(booking.pk, actor=FOLLOWER, now=at, reason=reason)


def decide(staff_id: int, decision: str, reason: str, *, is_half: bool = False) -> Action:
    def action(booking: Booking, at: datetime) -> None:
        amount = booking.price_minor // 2 if is_half else None
        lifecycle.decide(
            booking.pk,
            actor=Actor(ActorKind.STAFF, staff_id),
            now=at,
            decision=decision,
            reason=reason,
            amount_minor=amount if decision == Contest.Decision.REFUNDED else None,
        )

    return action


def refund(reason: str = "") -> Action:
    return lambda booking, at: lifecycle.refund_now(
        booking.pk, actor=expert_of(booking), now=at, reason=reason
    )


def cancel(reason: str) -> Action:
    return lambda booking, at: lifecycle.cancel(
        booking.pk, actor=expert_of(booking), now=at, reason=reason
    )


def dispute(booking: Booking, at: datetime) -> None:
    """The follower went to the bank; until that is settled, our own refund is held."""
    Payment.objects.filter(booking=booking).update(is_disputed=True)
