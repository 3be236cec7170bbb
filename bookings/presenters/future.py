"""What happens next if nobody does anything: the dashed step of the timeline, and the sentence."""

from __future__ import annotations

from datetime import datetime

from bookings import clocks, formats
from bookings.models import Booking
from bookings.presenters.labels import is_unconfirmed
from bookings.presenters.reader import Reader, words
from bookings.presenters.stake import at_stake
from bookings.presenters.timeline import Entry
from bookings.states import State


def next_step(booking: Booking, reader: Reader) -> Entry | None:
    """None where nothing more will happen by itself."""
    at, icon, text = _next(booking, reader)
    if at is None:
        return None
    when = reader.near(at)
    return Entry(
        icon=icon,
        tone="next",
        text=text,
        when=when[0].upper() + when[1:],
        when_iso=formats.utc_iso(at),
        is_next=True,
    )


def _next(booking: Booking, reader: Reader) -> tuple[datetime | None, str, str]:
    name = booking.buyer.first_name
    money = at_stake(booking)
    end = f"Refund of {money} starts" if money else "The booking is closed"
    if clocks.has_passed(booking.deadline_at, reader.now):
        is_loss = booking.state != State.RESCHEDULE_OFFERED or booking.has_open_report
        return booking.deadline_at, "bank", end if is_loss else f"The link {name} has ends"
    match State(booking.state):
        case State.NO_SHOW_REPORTED:
            return booking.deadline_at, "bank", f"{end} if you do nothing"
        case State.RESCHEDULE_OFFERED if booking.has_open_report:
            return booking.deadline_at, "bank", f"{end} if {name} picks no time"
        case State.RESCHEDULE_OFFERED:
            return booking.deadline_at, "clock", f"Nothing changes if {name} picks no time"
        case State.CONTESTED:
            return booking.deadline_at, "bank", f"{end} if our team has not decided"
        case State.SCHEDULED if not clocks.has_started(booking, reader.now):
            return booking.starts_at, "video", f"Your call with {name}"
        case State.SCHEDULED if is_unconfirmed(booking, reader):
            closes_at = clocks.report_closes_at(booking)
            return closes_at, "check", f"Counts as completed if {name} reports nothing"
        case State.COMPLETED if until := contestable_until(booking, reader):
            return until, "check", f"Settled if {name} does not contest the mark"
    return None, "", ""


def contestable_until(booking: Booking, reader: Reader) -> datetime | None:
    """None when the mark can be contested no more."""
    until = clocks.contest_closes_at(booking)
    if until is None or booking.contested_at is not None or until <= reader.now:
        return None
    return until


def if_nothing_happens(booking: Booking, reader: Reader) -> str:
    """If you do nothing, Priya gets ₹2,400 back automatically."""
    if clocks.has_passed(booking.deadline_at, reader.now):
        return f"{ended(booking)}."
    name, money = booking.buyer.first_name, at_stake(booking)
    gets = f"{name} gets {money} back automatically" if money else "the booking is closed"
    match State(booking.state):
        case State.NO_SHOW_REPORTED:
            return f"If you do nothing, {gets}."
        case State.RESCHEDULE_OFFERED if booking.has_open_report:
            return f"If {name} picks no time, {gets}."
        case State.RESCHEDULE_OFFERED:
            return f"If {name} picks no time, nothing changes."
        case State.CONTESTED:
            return f"If nobody decides by then, {gets}."
    return ""


def ended(booking: Booking) -> str:
    """The 72 hours have ended, so the refund starts now. For a deadline that has passed."""
    name, limits = booking.buyer.first_name, booking.limits
    then = "the refund starts now" if at_stake(booking) else "the booking is closed now"
    match State(booking.state):
        case State.RESCHEDULE_OFFERED if booking.has_open_report:
            return f"{name} picked no time, so {then}"
        case State.RESCHEDULE_OFFERED:
            return f"{name} picked no time, so nothing changes"
        case State.CONTESTED:
            return f"Our team has not decided in {words(limits.decide_window)}, so {then}"
    return f"The {words(limits.no_show_window)} have ended, so {then}"
