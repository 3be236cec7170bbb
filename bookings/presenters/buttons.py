"""Which actions a booking offers its expert now. The rules decide; no queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bookings import formats, rules
from bookings.models import Booking
from bookings.presenters import addresses
from bookings.states import Actor, ActorKind, Verb


@dataclass(frozen=True, slots=True)
class Button:
    label: str
    url: str
    key: str = ""
    """the single-key shortcut"""
    is_post: bool = False
    """acts at once, without a dialog"""
    gone_at: str = ""
    """when the button makes no sense any more"""


DIALOGS: dict[Verb, tuple[str, str, str]] = {
    Verb.MARK_COMPLETED: ("Mark as completed", "mark_completed", "c"),
    Verb.OFFER_RESCHEDULE: ("Reschedule", "reschedule", "r"),
    Verb.WITHDRAW_OFFER: ("Withdraw", "withdraw_offer", ""),
    Verb.CANCEL: ("Cancel", "cancel", ""),
    Verb.REFUND_NOW: ("Refund now", "refund_now", ""),
}
"""label, name of the address, key"""


def as_expert(booking: Booking, request_key: str = "") -> Actor:
    return Actor(ActorKind.EXPERT, booking.expert.user_id, request_key)


def allowed(booking: Booking, *verbs: Verb, now: datetime, source: str) -> tuple[Button, ...]:
    """The buttons for those of `verbs` that are allowed now, in this order."""
    actor = as_expert(booking)
    return tuple(
        button(booking, verb, source=source)
        for verb in verbs
        if rules.allows(booking, verb, actor, now=now)
    )


def button(booking: Booking, verb: Verb, *, source: str) -> Button:
    if verb == Verb.UNDO:
        return undo(booking, source=source)
    label, name, key = DIALOGS[verb]
    return Button(label, addresses.of(name, booking.code, source=source), key)


def undo(booking: Booking, *, source: str) -> Button:
    until = booking.undo_until
    return Button(
        "Undo",
        addresses.of("undo", booking.code, source=source),
        is_post=True,
        gone_at=formats.utc_iso(until) if until else "",
    )


def resend(booking: Booking, *, source: str) -> Button:
    url = addresses.of("resend_offer", booking.code, source=source)
    return Button("Resend link", url, is_post=True)
