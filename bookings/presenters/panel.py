"""The panel of a booking page: how much time is left, and what can be done."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bookings import clocks, formats
from bookings.models import Booking, Refund
from bookings.presenters import buttons
from bookings.presenters.buttons import Button
from bookings.presenters.countdown import Countdown, countdown, started_at
from bookings.states import State, Verb
from bookings.wording import refund as money
from bookings.wording.labels import is_unconfirmed
from bookings.wording.next_step import at_stake, contestable_until, if_nobody_acts
from bookings.wording.reader import Audience, Reader

SOURCE = "booking"
ICONS = {"r": "again", "c": "check"}


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    countdown: Countdown | None = None
    started: str = ""
    ends: str = ""
    gone: str = "0"
    """The share of the clock that has run, 0 to 100."""
    headline: str = ""
    """Stands there in place of a countdown."""
    text: str = ""
    buttons: tuple[Button, ...] = field(default=())
    leads: bool = True
    """Whether the first button is the filled one."""
    refund: Button | None = None
    """Given where it is a link in the text and no button."""
    undo: Button | None = None
    urgency: str = "calm"


VERBS: dict[State, tuple[Verb, ...]] = {
    State.NO_SHOW_REPORTED: (Verb.OFFER_RESCHEDULE, Verb.MARK_COMPLETED),
    State.RESCHEDULE_OFFERED: (Verb.MARK_COMPLETED, Verb.WITHDRAW_OFFER),
    State.SCHEDULED: (Verb.OFFER_RESCHEDULE, Verb.MARK_COMPLETED, Verb.CANCEL),
    State.COMPLETED: (Verb.OFFER_RESCHEDULE,),
}


def panel(booking: Booking, reader: Reader, *, refund: Refund | None = None) -> Panel:
    """`refund` is the latest one that was not undone."""
    clock = countdown(booking, reader)
    is_over = clock is not None and clock.is_over
    state = State(booking.state)
    verbs = VERBS.get(state, ())
    shown = buttons.allowed(booking, *verbs, now=reader.now, source=SOURCE)
    if state == State.RESCHEDULE_OFFERED and shown:
        shown = (buttons.resend(booking, source=SOURCE), *shown)
    undo = buttons.allowed(booking, Verb.UNDO, now=reader.now, source=SOURCE)
    refund_now = buttons.allowed(booking, Verb.REFUND_NOW, now=reader.now, source=SOURCE)
    is_cancellable = any(button.label == "Cancel" for button in shown)
    leads = not (state == State.NO_SHOW_REPORTED and booking.offers_after_report)
    if not leads:  # neither end is ours to suggest
        shown, refund_now = (*_as_buttons(refund_now, booking), *shown), ()
    return Panel(
        title="The time is up" if is_over else _title(booking, reader),
        countdown=clock,
        started=_started(booking, reader),
        ends=_capital(reader.near(booking.deadline_at)) if booking.deadline_at else "",
        gone=f"{100 - float(clock.ring):.1f}" if clock else "0",
        headline=_headline(booking, reader, refund),
        text=if_nobody_acts(booking, reader) if is_over else _text(booking, reader, refund),
        buttons=shown,
        leads=leads,
        refund=refund_now[0] if refund_now and not is_cancellable else None,
        undo=undo[0] if undo else None,
        urgency=clock.urgency if clock else _colour(booking, refund),
    )


def _as_buttons(refund_now: tuple[Button, ...], booking: Booking) -> tuple[Button, ...]:
    amount = at_stake(booking)
    label = f"Refund {amount}" if amount else "Close the booking"
    return tuple(replace(button, label=label) for button in refund_now)


def _title(booking: Booking, reader: Reader) -> str:
    match State(booking.state):
        case State.NO_SHOW_REPORTED:
            return "Time to decide"
        case State.RESCHEDULE_OFFERED:
            return f"Waiting for {booking.buyer.first_name}"
        case State.CONTESTED:
            return "Our team decides within"
        case State.SCHEDULED if not clocks.has_started(booking, reader.now):
            return "The call starts"
        case State.REFUNDED | State.CANCELLED:
            return "The money"
    return "Where it stands"


def _headline(booking: Booking, reader: Reader, refund: Refund | None) -> str:
    match State(booking.state):
        case State.REFUNDED | State.CANCELLED:
            return _money_label(refund)
        case State.SCHEDULED if not clocks.has_started(booking, reader.now):
            return _capital(reader.near(booking.starts_at))
        case State.SCHEDULED if not clocks.has_ended(booking, reader.now):
            return "Now"
        case State.SCHEDULED if is_unconfirmed(booking, reader):
            return "Not confirmed"
        case State.SCHEDULED | State.COMPLETED:
            return "Completed"
    return ""


def _text(booking: Booking, reader: Reader, refund: Refund | None) -> str:
    name = booking.buyer.first_name
    match State(booking.state):
        case State.REFUNDED | State.CANCELLED:
            return _money_text(refund, booking, reader)
        case State.SCHEDULED if not clocks.has_started(booking, reader.now):
            return f"Rescheduling keeps this time until {name} picks another one."
        case State.SCHEDULED if is_unconfirmed(booking, reader):
            until = reader.near(clocks.report_closes_at(booking))
            return f"{name} may report a no-show until {until}. After that it is completed."
        case State.SCHEDULED:
            return (
                f"{name} reported nothing within {formats.duration(booking.limits.report_window)}."
            )
        case State.COMPLETED:
            if (until_at := contestable_until(booking, reader)) is None:
                return "This call is settled."
            return f"{name} may contest the mark until {reader.near(until_at)}."
        case State.NO_SHOW_REPORTED if booking.offers_after_report:
            return (
                f"You offered a new time before, so only {name} can choose to move the call "
                f"again. {if_nobody_acts(booking, reader)}"
            )
    return if_nobody_acts(booking, reader)


def _colour(booking: Booking, refund: Refund | None) -> str:
    if booking.state == State.COMPLETED:
        return "done"
    if refund is None:
        return "calm"
    return "now" if money.place(refund) in money.FAILED else "over"


def _money_label(refund: Refund | None) -> str:
    if refund is None:
        return "Nothing to refund"
    return money.chip(money.place(refund), Audience.EXPERT).label


def _money_text(refund: Refund | None, booking: Booking, reader: Reader) -> str:
    if refund is None:
        return ""
    return " ".join(money.sentences(money.amount_of(refund, booking), booking, reader))


def _started(booking: Booking, reader: Reader) -> str:
    began = started_at(booking)
    if began is None:
        return ""
    verb = {
        State.NO_SHOW_REPORTED: "Reported",
        State.RESCHEDULE_OFFERED: "Offered",
    }.get(State(booking.state), "Since")
    return f"{verb} {reader.near(began)}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
