"""How far the money is, for the expert: they need to do nothing about it, and read that here."""

from __future__ import annotations

from bookings import formats
from bookings.emails.words import BANK_DAYS
from bookings.models import Booking, Refund, RefundState
from bookings.presenters.labels import money_chip
from bookings.presenters.reader import Reader

FAILED = {RefundState.DECLINED.value, RefundState.REVERSED.value}


def label(refund: Refund) -> str:
    chip = money_chip({"state": refund.state, "hold_reason": refund.hold_reason})
    return chip.label if chip else ""


def progress(refund: Refund, booking: Booking, reader: Reader) -> str:
    """One sentence: what happens next."""
    name = booking.buyer.first_name
    money = formats.money(refund.amount_minor, refund.currency)
    if refund.state in FAILED:
        return f"Our team finds another way to send {money} to {name}. You need to do nothing."
    if refund.hold_reason:
        return f"Our team checks the payment before {money} goes back to {name}."
    if refund.state == RefundState.SUCCEEDED:
        when = f" on {reader.day(refund.finished_at)}" if refund.finished_at else ""
        return f"{money} went back to {name}{when}."
    goes = "is on its way" if refund.state == RefundState.ACCEPTED else "goes back"
    return f"{money} {goes} to {name}. Banks usually take {BANK_DAYS}."


def urgency(refund: Refund) -> str:
    """The colour of the panel."""
    return "now" if refund.state in FAILED else "over"
