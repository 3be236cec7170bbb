"""The frame around an expert's pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from babel.core import Locale, get_global

from bookings.formats import initials, zone_abbreviation, zone_place
from bookings.models import Expert
from bookings.presenters.groups import bounded
from bookings.presenters.row import WITH_DEADLINE
from bookings.zones import is_known, known

SECTIONS = {"waiting": "need_action", "availability": "account", "password_change": "account"}


@dataclass(frozen=True, slots=True)
class Navigation:
    count: str
    """How many calls need action; empty for none."""
    section: str
    name: str
    initials: str
    zone_hint: str
    unknown_zone: str | None
    """The zone of the expert, where it is not known on this machine."""
    source: str = ""
    """The list with deadlines that stands below it, if one does."""


def navigation(
    expert: Expert, *, section: str, count: int, now: datetime, source: str = ""
) -> Navigation:
    return Navigation(
        count=bounded(count) if count else "",
        section=SECTIONS.get(section, section),
        name=expert.name,
        initials=initials(expert.name),
        zone_hint=_zone_hint(known(expert.time_zone), now),
        unknown_zone=None if is_known(expert.time_zone) else expert.time_zone,
        source=source if source in WITH_DEADLINE else "",
    )


def _zone_hint(zone: str, now: datetime) -> str:
    """Times in India (IST): the country where it has one zone only, else the city."""
    place, letters = _place(zone), zone_abbreviation(now, zone)
    return f"Times in {place} ({letters})" if place != letters else f"Times in {place}"


@lru_cache(maxsize=1000)
def _place(zone: str) -> str:
    territory = get_global("zone_territories").get(zone, "")
    has_one = len(get_global("territory_zones").get(territory, ())) == 1
    return (Locale("en").territories.get(territory) if has_one else None) or zone_place(zone)
