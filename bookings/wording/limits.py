"""What were the rules? The limits a booking was made under, as both sides can hold us to them."""

from __future__ import annotations

from bookings import formats
from bookings.models import Booking
from bookings.wording.reader import Audience, Reader

BANK_DAYS = "5 to 10 working days"
"""Until a provider names a date."""
BANK_TAKES = f"usually {BANK_DAYS}"

_EXPERT = (
    "{follower} can report a no-show from {report_opens_after} after the start until "
    "{report_window} after the end.",
    "You then have {no_show_window} to answer; without an answer the money goes back.",
    "An offer of a new time stays open for {offer_window}.",
    "{follower} can contest a mark for {contest_window}; our team then decides within "
    "{decide_window}.",
)
_FOLLOWER = (
    "You can report a no-show from {report_opens_after} after the start until {report_window} "
    "after the end.",
    "{expert} then has {no_show_window} to answer; without an answer everything you paid goes "
    "back to you.",
    "A link to pick a new time is open for {offer_window}.",
    "If {expert} marks the call as completed, you can say that it is not right for "
    "{contest_window}; our team then decides within {decide_window}.",
)
_LIMITS = (
    "report_opens_after", "report_window", "no_show_window", "offer_window", "contest_window",
    "decide_window",
)  # fmt: skip


def in_force(booking: Booking, reader: Reader) -> tuple[str, ...]:
    is_follower = reader.audience == Audience.FOLLOWER
    spelled = {name: formats.duration(getattr(booking.limits, name)) for name in _LIMITS}
    names = {"expert": booking.expert.first_name, "follower": booking.buyer.first_name}
    sentences = _FOLLOWER if is_follower else _EXPERT
    return tuple(sentence.format(**names, **spelled) for sentence in sentences)
