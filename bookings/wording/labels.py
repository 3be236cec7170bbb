"""The honest label of a booking: what happened to the call, and to the money."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bookings import clocks, formats
from bookings.models import Booking, CompletionMark
from bookings.states import State, Verb
from bookings.wording.reader import Audience, Reader
from bookings.wording.refund import Chip, Place, place_of
from bookings.wording.refund import chip as chip_of_money

CHANNELS: Mapping[str, str] = {
    CompletionMark.Channel.PLANNED: "in the planned room",
    CompletionMark.Channel.VIDEO: "on another video call",
    CompletionMark.Channel.PHONE: "by phone",
    CompletionMark.Channel.IN_PERSON: "in person",
    CompletionMark.Channel.OTHER: "somewhere else",
}


IN_OUR_HANDS = {
    Place.DECLINED: "our team takes care of it",
    Place.SENT_BACK: "our team takes care of it",
    Place.HELD: "our team checks the payment",
}
"""Beside these labels the name of whoever refunded would read as the one to blame."""


def chip(booking: Booking, reader: Reader, refund: Mapping[str, Any] | None = None) -> Chip:
    """`refund` is the latest one that was not undone: state and hold_reason."""
    match State(booking.state):
        case State.SCHEDULED:
            return _scheduled(booking, reader)
        case State.NO_SHOW_REPORTED:
            return Chip("No-show reported", "bad")
        case State.RESCHEDULE_OFFERED:
            return Chip(f"Waiting for {booking.buyer.first_name}", "info")
        case State.COMPLETED:
            return Chip("Completed", "ok")
        case State.CONTESTED:
            return Chip("Contested", "warn")
        case State.REFUNDED:
            return money_chip(refund) or Chip("Closed", "plain")
        case State.CANCELLED:
            return Chip("Cancelled", "plain")


def _scheduled(booking: Booking, reader: Reader) -> Chip:
    if not clocks.has_started(booking, reader.now):
        return Chip("Upcoming", "info")
    if not clocks.has_ended(booking, reader.now):
        return Chip("Now", "ok")
    if is_unconfirmed(booking, reader):
        return Chip("Not confirmed", "warn")
    return Chip("Completed", "ok")


def is_unconfirmed(booking: Booking, reader: Reader) -> bool:
    """Over, and the follower may still say that it did not happen."""
    return reader.now < clocks.report_closes_at(booking)


def money_chip(refund: Mapping[str, Any] | None) -> Chip | None:
    """For the expert."""
    return chip_of_money(_place(refund), Audience.EXPERT) if refund else None


def _place(refund: Mapping[str, Any] | None) -> Place:
    return place_of(refund["state"], refund["hold_reason"]) if refund else Place.NOTHING


def detail(
    booking: Booking,
    reader: Reader,
    last: Mapping[str, Any] | None = None,
    refund: Mapping[str, Any] | None = None,
) -> str:
    """The line under the label: why, by whom or until when. `last` is the last change of state."""
    last = last or {"verb": "", "actor_kind": "", "outcome": "", "channel": ""}
    match State(booking.state):
        case State.SCHEDULED:
            return _scheduled_detail(booking, reader)
        case State.NO_SHOW_REPORTED | State.RESCHEDULE_OFFERED | State.CONTESTED:
            return reader.until(booking.deadline_at) if booking.deadline_at else ""
        case State.COMPLETED:
            return _completed_detail(booking, last)
        case State.REFUNDED:
            return _refunded_detail(booking, last, refund)
        case State.CANCELLED:
            money = money_chip(refund)
            return money.label.lower() if money else by_whom(last["actor_kind"])


def _scheduled_detail(booking: Booking, reader: Reader) -> str:
    if not clocks.has_ended(booking, reader.now):
        return "new time" if booking.attempt > 1 else ""
    if is_unconfirmed(booking, reader):
        return f"reports until {reader.near(clocks.report_closes_at(booking))}"
    return f"no report in {formats.duration(booking.limits.report_window)}"


def _completed_detail(booking: Booking, last: Mapping[str, Any]) -> str:
    if last["verb"] == Verb.DECIDE:
        return "decided by our team"
    if last["verb"] != Verb.MARK_COMPLETED:
        return ""
    channel = last["channel"] or ""
    if last["outcome"] == "follower_absent":
        return f"{booking.buyer.first_name} did not come"
    return f"{CHANNELS[channel]}, by you" if channel in CHANNELS else "marked by you"


def _refunded_detail(
    booking: Booking, last: Mapping[str, Any], refund: Mapping[str, Any] | None
) -> str:
    first_name, limits, where = booking.buyer.first_name, booking.limits, _place(refund)
    if where in IN_OUR_HANDS:
        return IN_OUR_HANDS[where]
    by = by_whom(last["actor_kind"])
    why = {
        Verb.NO_ANSWER.value: f"{formats.duration(limits.no_show_window)} ended",
        Verb.OFFER_LAPSED.value: "no new time picked",
        Verb.REFUND_INSTEAD.value: f"{first_name} chose it",
        Verb.REFUND_NOW.value: by if where is Place.ARRIVED or not by else f"decided {by}",
        Verb.DECIDE.value: "decided by our team",
        Verb.NOBODY_DECIDED.value: f"no decision in {formats.duration(limits.decide_window)}",
    }.get(last["verb"], "")
    return why if refund else f"nothing to refund{', ' if why else ''}{why}"


def by_whom(actor_kind: str) -> str:
    return {"expert": "by you", "staff": "by our team"}.get(actor_kind, "")
