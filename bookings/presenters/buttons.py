"""Which actions a booking offers its expert now. The rules decide; no queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bookings import formats, rules
from bookings.models import Booking
from bookings.presenters import addresses
from bookings.states import TABLE, Actor, ActorKind, Verb


@dataclass(frozen=True, slots=True)
class Button:
    label: str
    url: str
    key: str = ""
    """The key that presses it."""
    is_post: bool = False
    """It acts at once, without a dialog."""
    gone_at: str = ""
    """From this moment on the button makes no sense any more."""


WORDS: dict[str, tuple[str, str]] = {
    "mark_completed": ("Mark as completed", "c"),
    "reschedule": ("Reschedule", "r"),
    "withdraw_offer": ("Withdraw offer", ""),
    "cancel": ("Cancel", ""),
    "refund_now": ("Refund now", ""),
    "undo": ("Undo", ""),
    "resend_offer": ("Resend link", ""),
}
"""Label and key by the name of the address."""
AT_ONCE = ("undo", "resend_offer")
NAMES = {
    Verb.MARK_COMPLETED: "mark_completed",
    Verb.OFFER_RESCHEDULE: "reschedule",
    Verb.WITHDRAW_OFFER: "withdraw_offer",
    Verb.CANCEL: "cancel",
    Verb.REFUND_NOW: "refund_now",
    Verb.UNDO: "undo",
}


def as_expert(booking: Booking, request_key: str = "") -> Actor:
    return Actor(ActorKind.EXPERT, booking.expert.user_id, request_key)


def names(booking: Booking, *verbs: Verb, now: datetime) -> tuple[str, ...]:
    """The buttons for those of `verbs` that a page offers now, in this order.

    Most verbs are out of the question in most states; those need no sentence from the rules.
    """
    actor = as_expert(booking)
    return tuple(
        NAMES[verb]
        for verb in verbs
        if booking.state in TABLE[verb].sources and rules.shows(booking, verb, actor, now=now)
    )


def allowed(booking: Booking, *verbs: Verb, now: datetime, source: str) -> tuple[Button, ...]:
    return tuple(button(booking, name, source=source) for name in names(booking, *verbs, now=now))


def button(booking: Booking, name: str, *, source: str) -> Button:
    label, key = WORDS[name]
    return Button(
        label,
        addresses.of(name, booking.code, source=source),
        key,
        is_post=name in AT_ONCE,
        gone_at=gone_at(booking) if name == "undo" else "",
    )


def gone_at(booking: Booking) -> str:
    """When Undo makes no sense any more."""
    return formats.utc_iso(booking.undo_until) if booking.undo_until else ""


def resend(booking: Booking, *, source: str) -> Button:
    return button(booking, "resend_offer", source=source)
