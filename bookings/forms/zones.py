"""Time zones for a native select, grouped by region, each with its offset of today."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from bookings import zones
from bookings.formats import zone_place

REGIONS = (
    "Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian",
    "Pacific",
)  # fmt: skip
Choice = tuple[str, str]


def zone_choices(*, current: str, now: datetime) -> list[tuple[str, list[Choice]]]:
    """Groups of (zone, label). The one in use comes first, so that it is never missing."""
    first = [(current, _label(current, now))]
    if current != "UTC":
        first.append(("UTC", "UTC"))
    return [("In use", first), *((region, _of_region(region, now)) for region in REGIONS)]


def _of_region(region: str, now: datetime) -> list[Choice]:
    return [(zone, _label(zone, now)) for zone in _names().get(region, ())]


def _label(zone: str, now: datetime) -> str:
    """Kolkata (UTC+05:30). The region is left out: it heads the group."""
    if not zones.is_known(zone):
        return f"{zone} (not known, choose another one)"
    offset = now.astimezone(zones.zone_info(zone)).strftime("%z")
    place = zone.split("/", 1)[-1].replace("_", " ").replace("/", ", ")
    return f"{place} (UTC{offset[:3]}:{offset[3:5]})" if zone != "UTC" else zone_place(zone)


@lru_cache(maxsize=1)
def _names() -> dict[str, tuple[str, ...]]:
    """Places by region; older names of theirs are left out."""
    found: dict[str, list[str]] = {}
    for zone in sorted(zones.countries()):
        region = zone.partition("/")[0]
        if region in REGIONS:
            found.setdefault(region, []).append(zone)
    return {region: tuple(names) for region, names in found.items()}
