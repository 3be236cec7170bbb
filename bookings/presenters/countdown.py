"""How much time is left: words, ring and urgency. The script only keeps the words fresh."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from bookings import clocks, formats
from bookings.models import Booking
from bookings.states import State
from bookings.wording.next_step import at_stake_minor
from bookings.wording.reader import Reader

NOW_WITHIN = timedelta(hours=6)
SOON_WITHIN = timedelta(hours=24)
USUALLY_OVER = "Refund starting"


class Countdown(NamedTuple):
    iso: str
    urgency: str
    """One of calm, soon, now and over, or paused while the follower decides."""
    ring: str
    """The share of the time that is left, 0 to 100."""
    left: str
    text: str
    over: str
    """What stands there when the time is up."""
    until: str
    is_over: bool
    is_paused: bool

    @property
    def parts(self) -> tuple[tuple[str, str], ...]:
        """(3, h), (12, min)"""
        if self.left == formats.UNDER_A_MINUTE:
            return (("<1", "min"),)
        words = self.left.split()
        return tuple(zip(words[::2], words[1::2], strict=True))


def countdown(booking: Booking, reader: Reader) -> Countdown | None:
    """None for a booking without a clock."""
    if booking.deadline_at is None:
        return None
    remaining = booking.deadline_at - reader.now
    is_over = remaining <= timedelta(0)
    left, over = formats.left(remaining), _over(booking)
    return Countdown(
        iso=formats.utc_iso(booking.deadline_at),
        urgency=urgency(booking, remaining),
        ring=share(remaining, total(booking)),
        left=left,
        text=over if is_over else _text(booking, left),
        over=over,
        until=reader.until(booking.deadline_at),
        is_over=is_over,
        is_paused=booking.state != State.NO_SHOW_REPORTED,
    )


def urgency(booking: Booking, remaining: timedelta) -> str:
    if remaining <= timedelta(0):
        return "over"
    if booking.state != State.NO_SHOW_REPORTED:
        return "paused"
    if remaining <= NOW_WITHIN:
        return "now"
    return "soon" if remaining <= SOON_WITHIN else "calm"


def total(booking: Booking) -> timedelta:
    """The whole length of the clock that is running."""
    window = clocks.window_of(booking.state, limits=booking.limits)
    return booking.limits.no_show_window if window is None else window


def share(remaining: timedelta, whole: timedelta) -> str:
    return f"{min(1.0, max(0.0, remaining / whole)) * 100:.1f}"


def _text(booking: Booking, left: str) -> str:
    if booking.state == State.RESCHEDULE_OFFERED:
        return f"Waiting for {booking.buyer.first_name}"
    return "Our team decides" if booking.state == State.CONTESTED else f"{left} left"


def _over(booking: Booking) -> str:
    if booking.state == State.RESCHEDULE_OFFERED:
        return "Link ending"
    return USUALLY_OVER if at_stake_minor(booking) else "Closing"


def started_at(booking: Booking) -> datetime | None:
    """When the running clock started."""
    return booking.deadline_at - total(booking) if booking.deadline_at else None
