"""Time zones for a native select, grouped by region, each with its offset of today."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

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


class ZoneSelect(forms.Select):
    """Writes its options itself. Django renders a template for each of the five hundred, which is
    most of what the page takes: see docs/performance.md. Without it `forms.Select` does the same.
    """

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        own = flatatt(self.build_attrs(self.attrs, attrs))
        options = as_options(self.choices, chosen=value)
        return format_html('<select name="{}"{}>{}</select>', name, own, options)


def as_options(regions: Iterable[Any], *, chosen: str = "") -> SafeString:
    """All zones by region. The one that is chosen stands among them once."""
    marks = {chosen: SafeString(" selected")}
    groups = (
        (
            region,
            format_html_join(
                "",
                '<option value="{}"{}>{}</option>',
                ((zone, marks.pop(zone, ""), label) for zone, label in places),
            ),
        )
        for region, places in regions
    )
    return format_html_join("", '<optgroup label="{}">{}</optgroup>', groups)


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
