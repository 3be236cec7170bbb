"""What a dialog says will happen, with dates, before anybody presses the button."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bookings import clocks
from bookings.emails.words import BANK_DAYS
from bookings.models import Booking
from bookings.presenters.reader import Reader, adjective, words
from bookings.presenters.stake import at_stake
from bookings.states import State


@dataclass(frozen=True, slots=True)
class Then:
    icon: str
    text: str


def of_offer(booking: Booking, reader: Reader) -> tuple[Then, ...]:
    name = booking.buyer.first_name
    until = reader.moment(clocks.after(reader.now, booking.limits.offer_window))
    money = at_stake(booking)
    unused = f"If {name} picks no time by {until},"
    if booking.has_open_report:
        end = f"we refund the {money}." if money else "the booking is closed."
        clock = adjective(booking.limits.no_show_window)
        return (
            Then("pause", f"Your {clock} clock stops when the link is sent."),
            Then("bank", f"{unused} {end}"),
            Then("info", "You can offer a new time once after a report, not again."),
        )
    if not clocks.has_started(booking, reader.now):
        planned = reader.moment(booking.starts_at)
        return (
            Then("calendar", f"The call on {planned} stays booked until {name} picks a new time."),
            Then("clock", f"{unused} nothing changes."),
        )
    stays = " and the call stays completed" if booking.state == State.COMPLETED else ""
    return (
        Then("calendar", f"{name} pays nothing again: it is the same booking at a new time."),
        Then("clock", f"{unused} nothing changes{stays}."),
    )


def of_mark(booking: Booking) -> tuple[Then, ...]:
    name, limits = booking.buyer.first_name, booking.limits
    return (
        Then("mail", f"{name} gets an e-mail with what you write here."),
        Then(
            "shield",
            f"{name} has {words(limits.contest_window)} to say that it is not right; "
            "then our team looks at it.",
        ),
    )


def of_refund(booking: Booking) -> tuple[Then, ...]:
    name, money = booking.buyer.first_name, at_stake(booking)
    undo = words(booking.limits.undo_window)
    if not money:
        return (Then("info", f"There is nothing to refund. {name} gets an e-mail."),)
    return (
        Then("bank", f"{name} gets {money} back. Banks usually take {BANK_DAYS}."),
        Then("info", f"This cannot be undone after {undo}."),
    )


def of_cancellation(booking: Booking, reader: Reader) -> tuple[Then, ...]:
    name, money = booking.buyer.first_name, at_stake(booking)
    back = f"{name} gets {money} back in full." if money else "There is nothing to refund."
    return (
        Then("calendar", f"{reader.moment(booking.starts_at)} becomes free again."),
        Then("bank", back),
        Then("mail", f"{name} gets an e-mail with your reason."),
    )


def of_withdrawal(booking: Booking, reader: Reader) -> tuple[Then, ...]:
    name = booking.buyer.first_name
    gone = Then("x", f"The link {name} has stops working.")
    if not booking.has_open_report or booking.resume_deadline_at is None:
        return (gone, Then("info", "Nothing else changes."))
    remaining = booking.resume_deadline_at - reader.now
    if remaining <= timedelta(0):
        return (gone, Then("bank", _refund_at_once(booking, reader)))
    until = reader.near(booking.resume_deadline_at)
    return (gone, Then("clock", f"Your first deadline counts again: {until}."))


def _refund_at_once(booking: Booking, reader: Reader) -> str:
    ended = reader.near(booking.resume_deadline_at) if booking.resume_deadline_at else ""
    money = at_stake(booking)
    starts = f"the refund of {money} starts at once" if money else "the booking is closed at once"
    return f"Your first deadline ended {ended}, so {starts}."
