"""The frame around an expert's pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bookings.formats import zone_abbreviation, zone_place
from bookings.models import Booking, Expert
from bookings.presenters.people import initials

COUNTED_UP_TO = 100
SECTIONS = {"waiting": "need_action", "availability": "account"}


@dataclass(frozen=True, slots=True)
class Navigation:
    count: str
    """how many calls need action; empty for none"""
    section: str
    name: str
    initials: str
    zone_hint: str


def navigation(expert: Expert, *, section: str, count: int | None, now: datetime) -> Navigation:
    """`count` saves the query where the page has counted already."""
    if count is None:
        count = need_count(expert)
    place, letters = zone_place(expert.time_zone), zone_abbreviation(now, expert.time_zone)
    return Navigation(
        count=bounded(count) if count else "",
        section=SECTIONS.get(section, section),
        name=expert.name,
        initials=initials(expert.name),
        zone_hint=f"Times in {place} ({letters})" if place != letters else f"Times in {place}",
    )


def need_count(expert: Expert) -> int:
    """Counts no further than it shows: an exact count gets slower with every call."""
    return Booking.objects.of_expert(expert).needing_action()[:COUNTED_UP_TO].count()


def bounded(count: int) -> str:
    """4, and 99+ for a count that reached the limit."""
    return f"{COUNTED_UP_TO - 1}+" if count >= COUNTED_UP_TO else str(count)
