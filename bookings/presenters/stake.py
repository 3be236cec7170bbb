"""The money a booking is about."""

from __future__ import annotations

from bookings import formats
from bookings.models import Booking, Payment


def at_stake_minor(booking: Booking) -> int:
    """What would go back now: everything captured minus what went back already."""
    payment: Payment | None = getattr(booking, "payment", None)
    return payment.refundable_minor if payment else 0


def at_stake(booking: Booking) -> str:
    """₹2,400, or nothing for a free call."""
    minor = at_stake_minor(booking)
    return formats.money(minor, booking.currency) if minor else ""
