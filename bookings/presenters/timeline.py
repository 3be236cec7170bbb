"""What happened to a booking, one sentence for each line of its history, for its expert."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bookings import formats
from bookings.models import Booking, NoShowReport, TimelineEvent
from bookings.presenters.labels import CHANNELS
from bookings.presenters.reader import Reader, words
from bookings.states import ActorKind, State


@dataclass(frozen=True, slots=True)
class Entry:
    icon: str
    tone: str
    text: str
    when: str
    when_iso: str
    detail: str = ""
    note: str = ""
    """what a person wrote"""
    is_strong: bool = False
    is_next: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """How one kind of event reads. `say` gets the event, its booking and its reader."""

    icon: str
    tone: str
    say: Callable[[TimelineEvent, Booking, Reader], str]
    detail: Callable[[TimelineEvent, Booking, Reader], str] = lambda event, booking, reader: ""
    is_strong: bool = False


def entries(events: Iterable[TimelineEvent], booking: Booking, reader: Reader) -> tuple[Entry, ...]:
    """Newest first."""
    return tuple(entry(event, booking, reader) for event in reversed(list(events)))


def entry(event: TimelineEvent, booking: Booking, reader: Reader) -> Entry:
    line = LINES.get(event.verb) or Line("info", "", _plain)
    return Entry(
        icon=line.icon,
        tone=line.tone,
        text=line.say(event, booking, reader),
        when=reader.moment(event.at),
        when_iso=formats.utc_iso(event.at),
        detail=line.detail(event, booking, reader),
        note=event.note if event.verb in WRITTEN_BY_PEOPLE else "",
        is_strong=line.is_strong,
    )


def _plain(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    return event.verb.replace("_", " ").capitalize()


def _says(text: str) -> Callable[[TimelineEvent, Booking, Reader], str]:
    """{who} is the one who acted, {name} the follower, {money} the amount of the event."""

    def say(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
        return text.format(
            who=_who(event, booking),
            name=booking.follower.first_name,
            money=amount(event, booking),
            window=words(booking.limits.no_show_window),
            decide=words(booking.limits.decide_window),
        )

    return say


def _who(event: TimelineEvent, booking: Booking) -> str:
    return {
        ActorKind.EXPERT.value: "You",
        ActorKind.FOLLOWER.value: booking.follower.first_name,
        ActorKind.STAFF.value: "Our team",
    }.get(event.actor_kind, "The system")


def amount(event: TimelineEvent, booking: Booking) -> str:
    data = event.data
    minor = next((data[key] for key in AMOUNTS if key in data), 0)
    return formats.money(minor, data.get("currency", booking.currency))


AMOUNTS = ("amount_minor", "refund_minor", "price_minor")


def _booked(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    paid = event.data.get("price_minor", booking.price_minor)
    name = booking.follower.first_name
    return f"{name} booked and paid {amount(event, booking)}" if paid else f"{name} booked"


def _report_reason(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    reason = event.data.get("reason")
    return str(NoShowReport.Reason(reason).label) if reason in NoShowReport.Reason.values else ""


def _offer_detail(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    times = "times you suggested" if event.data.get("mode") == "listed" else "your availability"
    expires_at = _instant(event.data.get("expires_at"))
    return f"{times}, until {reader.moment(expires_at)}" if expires_at else times


def _picked(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    picked_at = _instant(event.data.get("to"))
    when = reader.moment(picked_at) if picked_at else "a new time"
    return f"{booking.follower.first_name} picked {when}"


def _instead_of(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    old = _instant(event.data.get("from"))
    return f"instead of {reader.moment(old)}" if old else ""


def _marked(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    if event.data.get("outcome") == "follower_absent":
        return f"You wrote that {booking.follower.first_name} did not come"
    return "You marked the call as completed"


def _marked_detail(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    held_at, minutes = _instant(event.data.get("held_at")), event.data.get("minutes")
    parts = [
        CHANNELS.get(event.data.get("channel", ""), ""),
        reader.moment(held_at) if held_at else "",
        f"{minutes} min" if minutes else "",
    ]
    return ", ".join(part for part in parts if part)


def _lapsed(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    name = booking.follower.first_name
    if event.to_state == State.REFUNDED:
        return f"{name} picked no new time, so {_refund_of(event, booking)}"
    return f"{name} picked no new time; nothing has changed"


def _no_answer(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    window = words(booking.limits.no_show_window)
    return f"The {window} ended, so {_refund_of(event, booking)}"


def _undecided(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    window = words(booking.limits.decide_window)
    return f"Nobody decided in {window}, so {_refund_of(event, booking)}"


def _refund_of(event: TimelineEvent, booking: Booking) -> str:
    if not event.data.get("refund_minor"):
        return "the booking was closed; there was nothing to refund"
    return f"the refund of {amount(event, booking)} started"


def _decided(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    if event.to_state == State.REFUNDED:
        return f"Our team decided: {_refund_of(event, booking)}"
    return "Our team decided: the call took place"


def _refunded_now(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    who = _who(event, booking)
    if not event.data.get("refund_minor"):
        return f"{who} closed the booking; there was nothing to refund"
    return f"{who} refunded {amount(event, booking)}"


def _cancel_detail(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    return _refund_of(event, booking) if event.data.get("refund_minor") else ""


def _undone(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    return {
        "offer_reschedule": "You took the offer back before it was sent",
        "withdraw_offer": "You left the offer open after all",
        "mark_completed": "You took the mark back",
        "refund_now": "You stopped the refund",
        "cancel": "You put the call back",
    }.get(event.data.get("verb", ""), "You took that back")


def _reminded(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    name = booking.follower.first_name
    return {
        "offer_reminder": f"We reminded {name} to pick a time",
        "after_call": f"We asked {name} whether the call happened",
        "staff_contest_reminder": "We reminded our team to decide",
    }.get(str(event.data.get("kind")), "We reminded you by e-mail")


def _hours_before(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    hours = event.data.get("hours")
    return f"{hours} hours before the deadline" if hours else ""


def _reference(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    reference = event.data.get("reference")
    return f"reference {reference}" if reference else ""


def _instant(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None


LINES: dict[str, Line] = {
    "booked": Line("card", "", _booked),
    "imported": Line("info", "", _says("Taken over from another system")),
    "report_no_show": Line(
        "flag", "bad", _says("{name} reported a no-show"), _report_reason, is_strong=True
    ),
    "withdraw_report": Line("check", "ok", _says("{name} withdrew the report")),
    "offer_reschedule": Line("again", "info", _says("You offered a new time"), _offer_detail),
    "link_resent": Line("mail", "", _says("{who} sent the link again")),
    "withdraw_offer": Line("x", "", _says("You withdrew the offer")),
    "pick_time": Line("calendar", "ok", _picked, _instead_of, is_strong=True),
    "move_instead": Line("calendar", "ok", _picked, _instead_of, is_strong=True),
    "refund_instead": Line("bank", "money", _says("{name} chose a refund of {money} instead")),
    "offer_lapsed": Line("clock", "", _lapsed),
    "mark_completed": Line("check", "ok", _marked, _marked_detail),
    "contest": Line("flag", "bad", _says("{name} says this is not right"), is_strong=True),
    "decide": Line("shield", "info", _decided),
    "nobody_decided": Line("bank", "money", _undecided),
    "refund_now": Line("bank", "money", _refunded_now),
    "no_answer": Line("bank", "money", _no_answer, is_strong=True),
    "cancel": Line("x", "", _says("{who} cancelled the call"), _cancel_detail),
    "undo": Line("left", "", _undone),
    "reminder": Line("bell", "", _reminded, _hours_before),
    "refund_accepted": Line("bank", "money", _says("The refund of {money} is with the bank")),
    "refund_succeeded": Line("bank", "ok", _says("{money} went back to {name}"), _reference),
    "refund_declined": Line("info", "bad", _says("The refund failed; our team takes care of it")),
    "refund_reversed": Line(
        "info", "bad", _says("The bank sent the refund back; our team takes care of it")
    ),
    "refund_held": Line("pause", "", _says("Our team put the refund on hold")),
    "refund_released": Line("bank", "money", _says("Our team let the refund go on")),
    "refund_retry": Line("again", "money", _says("Our team sent the refund again")),
    "refund_paid_by_hand": Line("bank", "ok", _says("Our team paid {money} to {name}")),
}
WRITTEN_BY_PEOPLE = {
    "report_no_show", "offer_reschedule", "mark_completed", "contest", "decide", "cancel",
    "refund_now",
}  # fmt: skip
