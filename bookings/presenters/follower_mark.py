"""What the expert said about a call by marking it, told to the follower."""

from __future__ import annotations

from bookings.models import CompletionMark
from bookings.wording.case import Case
from bookings.wording.labels import CHANNELS


def is_absence(case: Case) -> bool:
    return case.mark is not None and case.mark.outcome == CompletionMark.Outcome.FOLLOWER_ABSENT


def says(case: Case) -> str:
    if is_absence(case):
        return f"{case.expert.first_name} says you did not come to your call"
    return f"{case.expert.first_name} says your call took place"


def mark_facts(case: Case) -> list[tuple[str, str]]:
    """What the expert wrote when marking the call as completed."""
    mark, booking = case.mark, case.booking
    facts = [("Call", f"{booking.service_title}, {booking.duration_minutes} min")]
    if mark is None:
        return [*facts, ("Planned", case.call_at)]
    if mark.held_at and mark.held_at != booking.starts_at:
        facts.append(("Planned", case.call_at))
    when = mark.held_at or booking.starts_at
    facts.append(("When", f"{case.reader.moment(when)} ({case.place})"))
    if mark.channel in CHANNELS:
        where = CHANNELS[mark.channel]
        facts.append(("Where", where[:1].upper() + where[1:]))
    if mark.minutes:
        facts.append(("How long", f"{mark.minutes} min"))
    return facts
