"""The sentences of a booking's history, for its expert; one function for each that needs data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from bookings import formats
from bookings.emails.words import CHANNELS
from bookings.models import Booking, NoShowReport, TimelineEvent
from bookings.presenters.reader import Reader, words
from bookings.states import ActorKind, State

Say = Callable[[TimelineEvent, Booking, Reader], str]


def plain(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    return event.verb.replace("_", " ").capitalize()


def says(text: str) -> Say:
    """{who} is the one who acted, {name} the follower, {money} the amount of the event."""

    def say(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
        return text.format(
            who=who(event, booking),
            name=booking.buyer.first_name,
            money=amount(event, booking),
            window=words(booking.limits.no_show_window),
            decide=words(booking.limits.decide_window),
        )

    return say


def who(event: TimelineEvent, booking: Booking) -> str:
    return {
        ActorKind.EXPERT.value: "You",
        ActorKind.FOLLOWER.value: booking.buyer.first_name,
        ActorKind.STAFF.value: "Our team",
    }.get(event.actor_kind, "The system")


def amount(event: TimelineEvent, booking: Booking) -> str:
    data = event.data
    minor = next((data[key] for key in AMOUNTS if key in data), 0)
    return formats.money(minor, data.get("currency", booking.currency))


AMOUNTS = ("amount_minor", "refund_minor", "price_minor")


def booked(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    paid = event.data.get("price_minor", booking.price_minor)
    name = booking.buyer.first_name
    return f"{name} booked and paid {amount(event, booking)}" if paid else f"{name} booked"


def report_reason(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    reason = event.data.get("reason")
    return str(NoShowReport.Reason(reason).label) if reason in NoShowReport.Reason.values else ""


def offer_detail(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    times = "times you suggested" if event.data.get("mode") == "listed" else "your availability"
    expires_at = instant(event.data.get("expires_at"))
    return f"{times}, until {reader.moment(expires_at)}" if expires_at else times


def picked(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    picked_at = instant(event.data.get("to"))
    when = reader.moment(picked_at) if picked_at else "a new time"
    return f"{booking.buyer.first_name} picked {when}"


def instead_of(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    old = instant(event.data.get("from"))
    return f"instead of {reader.moment(old)}" if old else ""


def marked(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    if event.data.get("outcome") == "follower_absent":
        return f"You wrote that {booking.buyer.first_name} did not come"
    return "You marked the call as completed"


def marked_detail(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    held_at, minutes = instant(event.data.get("held_at")), event.data.get("minutes")
    parts = [
        CHANNELS.get(event.data.get("channel", ""), ""),
        reader.moment(held_at) if held_at else "",
        f"{minutes} min" if minutes else "",
    ]
    return ", ".join(part for part in parts if part)


def lapsed(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    name = booking.buyer.first_name
    if event.to_state == State.REFUNDED:
        return f"{name} picked no new time, so {refund_of(event, booking)}"
    return f"{name} picked no new time; nothing has changed"


def no_answer(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    window = words(booking.limits.no_show_window)
    return f"The {window} ended, so {refund_of(event, booking)}"


def undecided(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    window = words(booking.limits.decide_window)
    return f"Nobody decided in {window}, so {refund_of(event, booking)}"


def refund_of(event: TimelineEvent, booking: Booking) -> str:
    if not event.data.get("refund_minor"):
        return "the booking was closed; there was nothing to refund"
    return f"the refund of {amount(event, booking)} started"


def decided(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    if event.to_state == State.REFUNDED:
        return f"Our team decided: {refund_of(event, booking)}"
    return "Our team decided: the call took place"


def refunded_now(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    actor = who(event, booking)
    if not event.data.get("refund_minor"):
        return f"{actor} closed the booking; there was nothing to refund"
    return f"{actor} refunded {amount(event, booking)}"


def cancel_detail(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    return refund_of(event, booking) if event.data.get("refund_minor") else ""


def undone(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    return {
        "offer_reschedule": "You took the offer back before it was sent",
        "withdraw_offer": "You left the offer open after all",
        "mark_completed": "You took the mark back",
        "refund_now": "You stopped the refund",
        "cancel": "You put the call back",
    }.get(event.data.get("verb", ""), "You took that back")


def reminded(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    name = booking.buyer.first_name
    return {
        "offer_reminder": f"We reminded {name} to pick a time",
        "after_call": f"We asked {name} whether the call happened",
        "staff_contest_reminder": "We reminded our team to decide",
    }.get(str(event.data.get("kind")), "We reminded you by e-mail")


def hours_before(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    hours = event.data.get("hours")
    return f"{hours} hours before the deadline" if hours else ""


def reference(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    reference = event.data.get("reference")
    return f"reference {reference}" if reference else ""


def instant(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None
