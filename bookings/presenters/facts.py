"""The facts of a booking, as a list of name, value and small print."""

from __future__ import annotations

from dataclasses import dataclass

from bookings import formats
from bookings.models import Booking, Payment, Refund
from bookings.presenters.rows import price
from bookings.wording import refund as money
from bookings.wording.reader import Reader


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    value: str
    small: str = ""
    address: str = ""
    """The address that the value leads to."""


def facts(booking: Booking, reader: Reader, refunds: list[Refund]) -> tuple[Fact, ...]:
    return (
        Fact(
            "Planned for",
            _unbroken(reader.span(booking.starts_at, booking.ends_at)),
            _theirs(booking),
        ),
        _where(booking),
        Fact("Paid", price(booking), _payment(booking, reader)),
        *(_refund(refund, reader) for refund in refunds),
        *_attempt(booking),
    )


def _unbroken(times: str) -> str:
    """No line break before am and pm."""
    return times.replace(" am", "\N{NO-BREAK SPACE}am").replace(" pm", "\N{NO-BREAK SPACE}pm")


def _theirs(booking: Booking) -> str:
    """The follower's own time, where it differs."""
    follower, expert = booking.buyer, booking.expert
    place = formats.zone_place(follower.time_zone)
    theirs = formats.local(booking.starts_at, follower.time_zone)
    ours = formats.local(booking.starts_at, expert.time_zone)
    if theirs.replace(tzinfo=None) == ours.replace(tzinfo=None):
        return f"the same time for {follower.first_name} ({place})"
    time = formats.moment(booking.starts_at, follower.time_zone, follower.clock)
    return f"{time} for {follower.first_name} ({place})"


def _where(booking: Booking) -> Fact:
    place = booking.place or "Not given"
    shown = place.removeprefix("https://").removeprefix("http://")
    return Fact("Where", shown, address=place if shown != place else "")


def _payment(booking: Booking, reader: Reader) -> str:
    payment: Payment | None = getattr(booking, "payment", None)
    if payment is None:
        return ""
    parts = [payment.method, reader.day(payment.paid_at)]
    if payment.returned_external_minor:
        back = formats.money(payment.returned_external_minor, payment.currency)
        parts.append(f"{back} went back before")
    if payment.is_disputed:
        parts.append("a bank dispute is open")
    return " · ".join(part for part in parts if part)


def _refund(refund: Refund, reader: Reader) -> Fact:
    parts = [money.chip(money.place(refund), reader.audience).label.lower()]
    if refund.finished_at:
        parts.append(reader.day(refund.finished_at))
    if refund.reference:
        parts.append(f"reference {refund.reference}")
    return Fact(
        "Refund",
        formats.money(refund.amount_minor, refund.currency),
        " · ".join(filter(None, parts)),
    )


def _attempt(booking: Booking) -> tuple[Fact, ...]:
    if booking.attempt < 2:
        return ()
    times = booking.attempt - 1
    how_often = {1: "once", 2: "twice"}.get(times, f"{times} times")
    return (Fact("Moved", how_often, "one payment, the same booking"),)
