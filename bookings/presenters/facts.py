"""The facts of a booking, as a list of name, value and small print."""

from __future__ import annotations

from dataclasses import dataclass

from bookings import formats
from bookings.models import Booking, Payment, Refund
from bookings.policy import Policy
from bookings.presenters.labels import money_chip
from bookings.presenters.reader import Reader, words
from bookings.presenters.rows import price


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    value: str
    small: str = ""
    address: str = ""
    """where the value leads to"""


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
    chip = money_chip({"state": refund.state, "hold_reason": refund.hold_reason})
    parts = [chip.label.lower() if chip else ""]
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


def limits(booking: Booking) -> tuple[str, ...]:
    """The rules this booking was made under, in sentences both sides can hold us to."""
    name, rules = booking.buyer.first_name, booking.limits
    return (
        f"{name} can report a no-show from {words(rules.report_opens_after)} after the start "
        f"until {words(rules.report_window)} after the end.",
        f"You then have {words(rules.no_show_window)} to answer, else the money goes back.",
        f"An offer of a new time stays open for {words(rules.offer_window)}.",
        _mark(rules, name),
    )


def _mark(rules: Policy, name: str) -> str:
    return (
        f"{name} can contest a mark for {words(rules.contest_window)}; "
        f"our team then decides within {words(rules.decide_window)}."
    )
