"""Where is the money, and why does it go back? The same words on pages and in e-mails.

A booking that has ended stays ended whatever becomes of its refund, and no sentence here says more
than is known: a refund without a trustworthy answer is neither failed nor done.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from bookings import formats
from bookings.models import Booking, Payment, Refund, RefundState
from bookings.states import ActorKind, Verb
from bookings.wording.limits import BANK_DAYS
from bookings.wording.reader import Audience, Reader

BANKS_TAKE = f"Banks usually take {BANK_DAYS} to show it."
OVERDUE_AFTER = timedelta(days=16)
"""Longer than ten working days with their weekends."""


@dataclass(frozen=True, slots=True)
class Chip:
    """A label with a colour."""

    label: str
    tone: str
    """One of ok, warn, bad, info, money and plain: the class name ends with it."""


class Place(Enum):
    """Where the money of one refund is."""

    NOTHING = auto()
    """There was nothing to send back."""
    PLANNED = auto()
    """It has not left, or nobody knows yet whether it has."""
    UNCONFIRMED = auto()
    """Nobody has known for so long whether it has left that staff was told."""
    HELD = auto()
    BY_HAND = auto()
    WITH_THE_BANK = auto()
    ARRIVED = auto()
    DECLINED = auto()
    SENT_BACK = auto()
    ELSEWHERE = auto()
    """It went back another way, so ours was not sent."""


FAILED = frozenset({Place.DECLINED, Place.SENT_BACK})
GOING = frozenset({Place.PLANNED, Place.WITH_THE_BANK, Place.ARRIVED})
"""Nothing stands in its way that we know of."""
_OF_STATE = {
    RefundState.ACCEPTED: Place.WITH_THE_BANK,
    RefundState.SUCCEEDED: Place.ARRIVED,
    RefundState.DECLINED: Place.DECLINED,
    RefundState.REVERSED: Place.SENT_BACK,
    RefundState.MANUAL_DUE: Place.BY_HAND,
    RefundState.VOID: Place.ELSEWHERE,
}


def place_of(state: str, hold_reason: str = "", *, is_told: bool = False) -> Place:
    """`is_told`: staff was told that something is wrong with it."""
    if hold_reason and state != RefundState.VOID:
        return Place.HELD
    if is_told and state in (RefundState.SENDING, RefundState.UNKNOWN):
        return Place.UNCONFIRMED
    return _OF_STATE.get(RefundState(state), Place.PLANNED)


def place(refund: Refund | None) -> Place:
    if refund is None:
        return Place.NOTHING
    is_told = refund.alerted_at is not None
    return place_of(refund.state, refund.hold_reason, is_told=is_told)


# --- the label ------------------------------------------------------------------------------------

_PLANNED_FOR_EXPERT = Chip("Refund on its way", "money")
_FOR_EXPERT = {
    Place.HELD: Chip("Refund on hold", "warn"),
    Place.ARRIVED: Chip("Refunded", "money"),
    Place.DECLINED: Chip("Refund failed", "bad"),
    Place.SENT_BACK: Chip("Refund failed", "bad"),
}
_APPROVED = Chip("Approved", "money")
_FOR_FOLLOWER = {
    Place.UNCONFIRMED: Chip("Delayed", "warn"),
    Place.HELD: Chip("Delayed", "warn"),
    Place.WITH_THE_BANK: Chip("On its way", "money"),
    Place.ARRIVED: Chip("Refunded", "ok"),
    Place.DECLINED: Chip("Delayed", "warn"),
    Place.SENT_BACK: Chip("Needs your help", "bad"),
}


def chip(where: Place, audience: str) -> Chip:
    if audience == Audience.FOLLOWER:
        return _FOR_FOLLOWER.get(where, _APPROVED)
    return _FOR_EXPERT.get(where, _PLANNED_FOR_EXPERT)


# --- the sentences --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Amount:
    """One refund as its sentences need it."""

    where: Place
    money: str
    method: str = ""
    """Visa ending 4242; empty where nobody told us"""
    at: datetime | None = None
    """When it was sent or when it arrived."""
    is_disputed: bool = False
    is_free: bool = False
    """Nothing was paid for the call."""


def amount_of(refund: Refund | None, booking: Booking) -> Amount:
    """No refund: there was nothing to send back."""
    where = place(refund)
    payment: Payment | None = getattr(booking, "payment", None)
    if refund is None or payment is None:
        return Amount(where, money="", is_free=booking.is_free)
    return Amount(
        where=where,
        money=formats.money(refund.amount_minor, refund.currency),
        method=payment.method,
        at=refund.finished_at if where is Place.ARRIVED else refund.accepted_at,
        is_disputed=payment.is_disputed,
    )


def title(where: Place) -> str:
    """Of the e-mail that tells the follower how a call has ended."""
    if where in (Place.NOTHING, Place.ELSEWHERE):
        return "Your call is closed"
    return "Your refund has started" if where in GOING else "Your refund is approved"


def heading(where: Place) -> str:
    """Of the page on which the follower looks at a refund."""
    return {
        Place.NOTHING: "Your call is closed",
        Place.ELSEWHERE: "Your call is closed",
        Place.UNCONFIRMED: "Your refund is delayed",
        Place.HELD: "Your refund is delayed",
        Place.DECLINED: "Your refund is delayed",
        Place.WITH_THE_BANK: "Your refund is with your bank",
        Place.ARRIVED: "Refunded",
        Place.SENT_BACK: "Your bank sent the refund back",
    }.get(where, "Refund approved")


def sentences(amount: Amount, booking: Booking, reader: Reader) -> tuple[str, ...]:
    """Where the money is, and what the reader has to do about it: nothing, or this."""
    if reader.audience == Audience.FOLLOWER:
        told = _for_follower(amount, reader)
    else:
        told = (_for_expert(amount, reader),)
    day = formats.long_day(amount.at, reader.zone, reader.now) if amount.at else "that day"
    return tuple(
        sentence.format(
            money=amount.money,
            method=amount.method,
            day=day,
            follower=booking.buyer.first_name,
        )
        for sentence in told
    )


def _for_follower(amount: Amount, reader: Reader) -> tuple[str, ...]:
    known = bool(amount.method)
    match amount.where:
        case Place.NOTHING if amount.is_free:
            return ("The call was free, so there is nothing to refund.",)
        case Place.NOTHING:
            return ("All your money went back before.",)
        case Place.ELSEWHERE:
            return (
                "Your money went back to you another way. If a part is left, we send it and write "
                "to you.",
            )
        case Place.HELD if amount.is_disputed:
            return (
                "Your bank is looking into this payment because it was disputed there. "
                "Our team waits for its answer, so that the money comes back once and not twice.",
                "There is nothing you need to do.",
            )
        case Place.HELD:
            return (
                "Your refund of {money} is approved, and our team checks it before it is sent.",
                "There is nothing you need to do.",
            )
        case Place.UNCONFIRMED:
            return (
                "The payment provider has not confirmed your refund of {money} yet. Our team has "
                "been told; we will write to you as soon as it is sent.",
                "There is nothing you need to do.",
            )
        case Place.BY_HAND:
            return (
                "Our team sends you {money} by hand. We will write to you as soon as it is sent.",
            )
        case Place.WITH_THE_BANK:
            sent = "We sent {money} back to {method} on {day}." if known else _SENT
            return (sent, _expected(amount, reader))
        case Place.ARRIVED:
            went = "{money} went back to {method} on {day}." if known else _WENT
            return (went, "It can take a few days to show on your statement.")
        case Place.DECLINED:
            return (
                "Your refund of {money} is approved, but it did not go through yet. Our team has "
                "been told and is looking for another way to send it.",
                "There is nothing you need to do; we will write to you as soon as it is sent.",
            )
        case Place.SENT_BACK:
            came = "We sent {money} to {method}, and it came back." if known else _CAME_BACK
            return (
                came,
                "Tell us where to send it: write to us, or reply to any of our e-mails.",
                "Never send us card numbers or passwords.",
            )
    sending = "We are sending {money} back to {method}." if known else _SENDING
    return (sending, BANKS_TAKE)


_SENT = "We sent {money} back on {day}."
_WENT = "{money} went back to you on {day}."
_CAME_BACK = "We sent {money} to your bank, and it came back."
_SENDING = "We are sending {money} back to you."


def _expected(amount: Amount, reader: Reader) -> str:
    if amount.at and reader.now - amount.at > OVERDUE_AFTER:
        return "It should be there by now. If it is not, reply to any of our e-mails."
    return BANKS_TAKE


def _for_expert(amount: Amount, reader: Reader) -> str:
    match amount.where:
        case Place.NOTHING:
            return "There was nothing to refund."
        case Place.ELSEWHERE:
            return "The money went back to {follower} another way."
        case Place.HELD:
            return "Our team checks the payment before {money} goes back to {follower}."
        case Place.UNCONFIRMED:
            return (
                "The payment provider has not confirmed the refund of {money} to {follower} yet. "
                "Our team has been told. You do not need to do anything."
            )
        case Place.BY_HAND:
            return "Our team sends {money} to {follower} by hand."
        case Place.ARRIVED:
            return "{money} went back to {follower} on {day}."
        case Place.DECLINED | Place.SENT_BACK:
            return (
                "The refund of {money} to {follower} did not go through yet. Our team finds "
                "another way to send it. You do not need to do anything."
            )
    return f"{{money}} is going back to {{follower}}. {BANKS_TAKE}"


# --- why ------------------------------------------------------------------------------------------

_WHY_FOLLOWER = {
    Verb.NO_ANSWER.value: "{expert} did not answer your report within {no_show_window}",
    Verb.OFFER_LAPSED.value: "You picked no new time within {offer_window}",
    Verb.REFUND_INSTEAD.value: "You chose a refund instead of a new time",
    Verb.NOBODY_DECIDED.value: "Our team did not decide within {decide_window}",
    Verb.DECIDE.value: "Our team decided to refund this call",
    "time_taken": "The time was taken by somebody else while you were paying",
}
_WHY_EXPERT = {
    Verb.NO_ANSWER.value: "You did not answer the report within {no_show_window}",
    Verb.OFFER_LAPSED.value: "{follower} picked no new time within {offer_window}",
    Verb.REFUND_INSTEAD.value: "{follower} chose a refund instead of a new time",
    Verb.NOBODY_DECIDED.value: "Our team did not decide within {decide_window}",
    Verb.DECIDE.value: "Our team decided to refund this call",
}
_WHY_BY_SOMEBODY = {
    (Verb.CANCEL.value, Audience.FOLLOWER): (
        "{expert} cancelled the call",
        "Our team cancelled the call",
    ),
    (Verb.CANCEL.value, Audience.EXPERT): (
        "You cancelled the call",
        "Our team cancelled the call",
    ),
    (Verb.REFUND_NOW.value, Audience.FOLLOWER): (
        "{expert} refunded this call",
        "Our team refunded this call",
    ),
    (Verb.REFUND_NOW.value, Audience.EXPERT): (
        "You refunded this call",
        "Our team refunded this call",
    ),
}
"""By the expert, by staff."""


def why(verb: str, actor_kind: str, booking: Booking, audience: str) -> str:
    """Why the money goes back, as a sentence without its full stop; empty for any other event."""
    of_both = _WHY_BY_SOMEBODY.get((verb, Audience(audience)))
    if of_both is not None:
        told = of_both[actor_kind == ActorKind.STAFF]
    else:
        told = (_WHY_FOLLOWER if audience == Audience.FOLLOWER else _WHY_EXPERT).get(verb, "")
    limits = booking.limits
    return told.format(
        expert=booking.expert.first_name,
        follower=booking.buyer.first_name,
        no_show_window=formats.duration(limits.no_show_window),
        offer_window=formats.duration(limits.offer_window),
        decide_window=formats.duration(limits.decide_window),
    )
