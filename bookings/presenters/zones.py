"""Time zones as a reader meets them: a country, a place, how far ahead, a list to choose from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from babel import Locale

from bookings import formats, zones


@dataclass(frozen=True, slots=True)
class ZoneOption:
    name: str
    label: str
    is_chosen: bool = False


def likely(near: Iterable[str], *, chosen: str, clock: str, now: datetime) -> list[ZoneOption]:
    """The zones that are probably right, the chosen one first."""
    known = (zones.todays_name(name) for name in near if zones.is_known(name))
    names = dict.fromkeys([chosen, *known])
    return [ZoneOption(name, now_in(name, clock, now), name == chosen) for name in names]


def now_in(zone: str, clock: str, now: datetime) -> str:
    """Berlin (CET), now 10:58."""
    abbreviation = formats.zone_abbreviation(now, zone)
    place = formats.zone_place(zone)
    suffix = "" if abbreviation == place else f" ({abbreviation})"
    return f"{place}{suffix}, now {formats.time_of_day(now, zone, clock)}"


def ahead_of_reader(name: str, their_zone: str, own_zone: str, at: datetime) -> str:
    """Maya is in India, 4 h 30 min ahead of you. `at` decides about summer time."""
    if not zones.is_known(their_zone):
        return f"We do not know the time zone {name} is in."
    where = f"{name} is in {country(their_zone) or formats.zone_place(their_zone)}"
    difference = _offset(their_zone, at) - _offset(own_zone, at)
    if not difference:
        return f"{where}, where the clocks show the same time as yours."
    way = "ahead of" if difference > timedelta(0) else "behind"
    return f"{where}, {formats.left(abs(difference))} {way} you."


def country(zone: str) -> str:
    """India for Asia/Kolkata; empty where the list of zones names no country."""
    code = zones.countries().get(zone, "")
    return str(Locale("en").territories.get(code, "")) if code else ""


def _offset(zone: str, at: datetime) -> timedelta:
    return formats.local(at, zone).utcoffset() or timedelta(0)
