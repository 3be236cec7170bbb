"""What people of the demo do with a booking, each through its verb."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from bookings import lifecycle, slots
from bookings.demo.playing import FOLLOWER, Action, expert_of
from bookings.models import Booking, CompletionMark, Contest, NoShowReport, Offer, Payment
from bookings.states import Actor, ActorKind

Reason = NoShowReport.Reason
Held = CompletionMark.Outcome
Channel = CompletionMark.Channel


def _by_follower(verb: Callable[..., object], **details: Any) -> Action:
    return lambda booking, at: verb(booking.pk, actor=FOLLOWER, now=at, **details)


def _by_expert(verb: Callable[..., object], **details: Any) -> Action:
    return lambda booking, at: verb(booking.pk, actor=expert_of(booking), now=at, **details)


def report(text: str, reason: str = Reason.EXPERT_ABSENT) -> Action:
    return _by_follower(lifecycle.report_no_show, reason=reason, text=text)


def contest(reason: str) -> Action:
    return _by_follower(lifecycle.contest, reason=reason)


withdraw_report = _by_follower(lifecycle.withdraw_report)
refund_instead = _by_follower(lifecycle.refund_instead)


def pick(wait: timedelta) -> Action:
    """The first time that is offered after `wait`."""

    def action(booking: Booking, at: datetime) -> None:
        offered = booking.offers.get(outcome=Offer.Outcome.OPEN)
        free = slots.free_for(booking, now=at, offer=offered)
        start = next((start for start in free if start >= at + wait), free[-1])
        lifecycle.pick_time(booking.pk, actor=FOLLOWER, now=at, starts_at=start)

    return action


def offer(note: str = "") -> Action:
    return _by_expert(lifecycle.offer_reschedule, note=note)


def offer_times(*starts: datetime, note: str = "") -> Action:
    return _by_expert(
        lifecycle.offer_reschedule, mode=Offer.Mode.LISTED, slots=list(starts), note=note
    )


withdraw_offer = _by_expert(lifecycle.withdraw_offer)
undo = _by_expert(lifecycle.undo)


def refund(reason: str = "") -> Action:
    return _by_expert(lifecycle.refund_now, reason=reason)


def cancel(reason: str) -> Action:
    return _by_expert(lifecycle.cancel, reason=reason)


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


def dispute(booking: Booking, at: datetime) -> None:
    """The follower went to the bank; until that is settled, our own refund is held."""
    Payment.objects.filter(booking=booking).update(is_disputed=True)
