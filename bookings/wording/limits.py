"""What were the rules? The limits a booking was made under, as both sides can hold us to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bookings import formats
from bookings.models import Booking, Expert
from bookings.policy import Policy
from bookings.wording.reader import Audience, Reader

BANK_AT_MOST = "10 working days"
BANK_DAYS = f"5 to {BANK_AT_MOST}"
"""Until a provider names a date."""
BANK_TAKES = f"usually {BANK_DAYS}"

_EXPERT = (
    "{follower} can report a no-show from {report_opens_after} after the start until "
    "{report_window} after the end.",
    "You then have {no_show_window} to answer. If you do not, the money goes back.",
    "An offer of a new time stays open for {offer_window}.",
    "{follower} can contest a mark for {contest_window}; our team then decides within "
    "{decide_window}.",
)
_FOLLOWER = (
    "You can report a no-show from {report_opens_after} after the start until {report_window} "
    "after the end.",
    "{expert} then has {no_show_window} to answer. If {expert} does not, you get back everything "
    "you paid.",
    "A link to pick a new time is open for {offer_window}.",
    "If {expert} marks the call as completed, you can say that it is not right for "
    "{contest_window}; our team then decides within {decide_window}.",
)
_LIMITS = (
    "report_opens_after", "report_window", "no_show_window", "offer_window", "contest_window",
    "decide_window",
)  # fmt: skip


def figures(policy: Policy) -> dict[str, Any]:
    """Each limit by its name, in words; numbers stay numbers. For the help and for the admin."""
    return {name: _in_words(getattr(policy, name)) for name in policy.__slots__}


def _in_words(value: Any) -> Any:
    if isinstance(value, timedelta):
        return formats.duration(value)
    if isinstance(value, tuple):  # 48 hours, 24 hours and 6 hours
        words = [formats.duration(duration) for duration in value]
        return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
    return value


def in_force(booking: Booking, reader: Reader) -> tuple[str, ...]:
    is_follower = reader.audience == Audience.FOLLOWER
    spelled = {name: formats.duration(getattr(booking.limits, name)) for name in _LIMITS}
    names = {"expert": booking.expert.first_name, "follower": booking.buyer.first_name}
    sentences = _FOLLOWER if is_follower else _EXPERT
    return tuple(sentence.format(**names, **spelled) for sentence in sentences)


_BEFORE_BUYING = (
    "If the call does not take place, tell us from {report_opens_after} after its start until "
    "{report_window} after its end.",
    "{expert} then has {no_show_window} to offer you a new time or to say that the call took "
    "place. If there is no answer, you get back everything you paid.",
    "You have {offer_window} to pick a new time. Until you pick one, you can have your money back "
    "instead.",
    "If {expert} says that the call took place and you do not agree, tell us within "
    "{contest_window}. Our team decides within {decide_window}.",
)
_BEFORE_BOOKING = (
    "If the call does not take place, tell us from {report_opens_after} after its start until "
    "{report_window} after its end.",
    "{expert} then has {no_show_window} to offer you a new time.",
    "You have {offer_window} to pick a new time.",
)


def before_buying(expert: Expert, *, is_free: bool) -> tuple[str, ...]:
    """What a buyer is promised, by the limits that a booking of this moment is made under."""
    policy = Policy.in_force()
    spelled = {name: formats.duration(getattr(policy, name)) for name in _LIMITS}
    sentences = _BEFORE_BOOKING if is_free else _BEFORE_BUYING
    return tuple(sentence.format(expert=expert.first_name, **spelled) for sentence in sentences)


# --- for the admin --------------------------------------------------------------------------------

_MEANINGS = {
    "no_show_window": "The expert may answer a no-show report for",
    "report_opens_after": "A call can be reported from its start plus",
    "report_window": "A call can be reported until its end plus",
    "offer_window": "The follower may pick a new time for",
    "offer_after_call": "A past call can be offered again for",
    "contest_window": "The follower may contest a mark for",
    "decide_window": "Staff decides a contested call within",
    "undo_window": "The expert may undo for",
    "grace": "Added to every deadline for a click on its way (never shown)",
    "min_offer_slots": "Free times an offer must have",
    "offer_slot_horizon": "Free times are counted for the next",
    "expert_reminders": "The expert is reminded before the end of a report",
    "link_reminder": "The follower is reminded before an offer lapses",
    "staff_reminder": "Staff is reminded before a decision is due",
}


def policy_rows(policy: Policy) -> list[tuple[str, str, str]]:
    """The meaning and value of each limit, and the environment variable that changes it."""
    return [
        (_MEANINGS.get(name, name), str(value), f"POLICY_{name.upper()}")
        for name, value in figures(policy).items()
    ]
