"""What a page says after an action, in the same words with and without scripts."""

from __future__ import annotations

from dataclasses import dataclass

from bookings import clocks, formats, rules
from bookings.models import Booking
from bookings.presenters import addresses
from bookings.presenters.buttons import as_expert
from bookings.presenters.future import ended, if_nothing_happens
from bookings.presenters.reader import Reader, adjective
from bookings.presenters.told import later
from bookings.states import State, TransitionNotAllowed, Verb


@dataclass(frozen=True, slots=True)
class Result:
    title: str
    text: str = ""
    undo_url: str = ""
    undo_until: str = ""
    is_bad: bool = False
    code: str = ""
    url: str = ""

    @property
    def sentence(self) -> str:
        """All of it in one line, for a message or the live region."""
        return f"{self.title}. {self.text}".removesuffix(" ") if self.text else f"{self.title}."


def done(verb: Verb, booking: Booking, reader: Reader, *, money: str, source: str) -> Result:
    """`money` was at stake before the action."""
    title, text = _words(verb, booking, reader, money)
    can_undo = rules.allows(booking, Verb.UNDO, as_expert(booking), now=reader.now)
    until = booking.undo_until
    return Result(
        title=title,
        text=text,
        undo_url=addresses.of("undo", booking.code, source=source) if can_undo else "",
        undo_until=formats.utc_iso(until) if can_undo and until else "",
        code=booking.code,
        url=addresses.of("booking", booking.code),
    )


def _words(verb: Verb, booking: Booking, reader: Reader, money: str) -> tuple[str, str]:
    follower = booking.buyer
    name = follower.first_name
    match verb:
        case Verb.OFFER_RESCHEDULE:
            clock = f"Your {adjective(booking.limits.no_show_window)} clock has stopped. "
            stopped = clock if booking.has_open_report else ""
            gets_it = later(booking, f"{name} gets the link")
            return f"New time offered to {follower.name}", f"{stopped}{gets_it}."
        case Verb.MARK_COMPLETED:
            text = later(booking, f"we tell {name} what you wrote")
            return f"Marked as completed: {follower.name}", f"{text}."
        case Verb.REFUND_NOW if money:
            text = later(booking, f"we tell {name} by e-mail")
            return f"Refund of {money} to {follower.name} has started", f"{text}."
        case Verb.REFUND_NOW:
            return f"Booking of {follower.name} closed", "There was nothing to refund."
        case Verb.CANCEL:
            back = f"{name} gets {money} back. " if money else ""
            text = later(booking, f"we tell {name} your reason")
            return f"Call with {follower.name} cancelled", f"{back}{text}."
        case Verb.WITHDRAW_OFFER:
            return (
                f"Offer withdrawn: {follower.name}",
                f"The link no longer works. {_left(booking, reader) or 'Nothing else changes.'}",
            )
    raise ValueError(f"nothing to say about {verb}")


def undone(undone_verb: str, booking: Booking, reader: Reader) -> Result:
    name = booking.buyer.first_name
    title = {
        "offer_reschedule": f"Link cancelled. {name} did not get an e-mail",
        "withdraw_offer": "The offer is open again. The link works as before",
        "mark_completed": f"Mark taken back. {name} did not get an e-mail",
        "refund_now": "Refund stopped. No money has moved",
        "cancel": f"The call is on again. {name} did not get an e-mail",
    }.get(undone_verb, "Taken back")
    return Result(title=title, text=_left(booking, reader), code=booking.code)


def _left(booking: Booking, reader: Reader) -> str:
    if booking.state != State.NO_SHOW_REPORTED or booking.deadline_at is None:
        return ""
    if booking.deadline_at <= reader.now:
        return f"{ended(booking)}."
    return f"{formats.left(booking.deadline_at - reader.now)} left to decide."


def resent(booking: Booking) -> Result:
    return Result(title=f"{booking.buyer.name} gets the link again", code=booking.code)


MOVED_ON = {"state", "changed", "too_late", "taken"}
"""Refusals after which it helps to read where the booking stands now."""


def refused(refusal: TransitionNotAllowed, booking: Booking, reader: Reader) -> Result:
    """Somebody or the clock was faster: where the booking stands now, in one sentence."""
    has_run_out = refusal.code in MOVED_ON and _has_run_out(booking, reader)
    tells_more = refusal.code in MOVED_ON and not has_run_out
    return Result(
        title=ended(booking) if has_run_out else _why(refusal, booking),
        text=_now(booking, reader) if tells_more else "",
        is_bad=True,
        code=booking.code,
        url=addresses.of("booking", booking.code),
    )


def _has_run_out(booking: Booking, reader: Reader) -> bool:
    """The time to answer a report, whether or not the sweep has been there."""
    is_reported = booking.state == State.NO_SHOW_REPORTED
    return is_reported and clocks.has_passed(booking.deadline_at, reader.now)


def _why(refusal: TransitionNotAllowed, booking: Booking) -> str:
    if refusal.code not in ("state", "changed"):
        return refusal.sentence.removesuffix(".")
    last = booking.events.exclude(from_state="").order_by("-id").first()
    if last is not None and last.verb in (Verb.PICK_TIME, Verb.MOVE_INSTEAD):
        return f"{booking.buyer.first_name} picked a new time while you were here"
    return "This booking has changed while you were here"


def _now(booking: Booking, reader: Reader) -> str:
    if booking.state == State.SCHEDULED and booking.starts_at > reader.now:
        return f"The call is on {reader.moment(booking.starts_at)}."
    if booking.state in (State.NO_SHOW_REPORTED, State.RESCHEDULE_OFFERED):
        return if_nothing_happens(booking, reader)
    return STANDS.get(State(booking.state), "")


STANDS = {
    State.SCHEDULED: "The call is on record as planned.",
    State.COMPLETED: "The call is marked as completed.",
    State.CONTESTED: "The follower contested the mark, and our team decides.",
    State.REFUNDED: "It has been refunded.",
    State.CANCELLED: "The call was cancelled.",
}
