"""Which e-mails an event promises: one table, read by the outbox and by `verify`."""

from __future__ import annotations

from collections.abc import Mapping

from bookings.emails import (
    to_account,
    to_both_booked,
    to_expert,
    to_expert_cases,
    to_follower_refunds,
    to_follower_reports,
    to_follower_times,
    to_staff,
    to_staff_troubles,
)
from bookings.emails.kinds import KINDS, Kind
from bookings.models import TimelineEvent

WRITERS = (
    to_both_booked,
    to_follower_times,
    to_follower_reports,
    to_follower_refunds,
    to_expert,
    to_expert_cases,
    to_staff,
    to_account,
    to_staff_troubles,
)
"""Importing these modules fills the register."""

_REFUNDED = ("refund_started", "booking_refunded")
_MOVED = ("time_confirmed", "time_picked")

AFTER: Mapping[str, tuple[str, ...]] = {
    "booked": ("booked", "booked_expert"),
    "time_taken": ("time_taken",),
    "report_no_show": ("report_received", "no_show_reported"),
    "withdraw_report": ("withdrawal_received", "report_withdrawn"),
    "offer_reschedule": ("offer",),
    "link_resent": ("offer",),
    "withdraw_offer": ("offer_withdrawn",),
    "pick_time": _MOVED,
    "move_instead": _MOVED,
    "refund_instead": _REFUNDED,
    "offer_lapsed": (*_REFUNDED, "offer_lapsed"),
    "mark_completed": ("marked_completed",),
    "contest": ("contest_received", "contested", "staff_contested"),
    "decide": ("decision", "decision_expert"),
    "nobody_decided": _REFUNDED,
    "refund_now": _REFUNDED,
    "no_answer": _REFUNDED,
    "cancel": ("call_cancelled", "call_cancelled_expert"),
    "refund_succeeded": ("refund_confirmed",),
    "refund_paid_by_hand": ("refund_confirmed",),
    "refund_declined": ("refund_failed", "staff_refund_failed"),
    "refund_reversed": ("refund_failed", "staff_refund_failed"),
    "refund_held": ("staff_refund_failed",),
    "refund_by_hand": ("staff_refund_failed",),
}
"""Verb of an event to e-mails. `decide` and `cancel` tell of their refund themselves."""


def promised_kinds(event: TimelineEvent) -> tuple[str, ...]:
    """The e-mails of an event, from its own fields only: the same answer at any time."""
    return tuple(name for name in AFTER.get(event.verb, ()) if KINDS[name].applies(event))


def kind_named(name: str) -> Kind:
    """KeyError for a kind that this release does not know."""
    return KINDS[name]
