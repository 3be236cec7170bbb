"""Time zones by the names they have today; browsers still send older ones, like Asia/Calcutta."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo


def is_known(name: str) -> bool:
    """Whether it is a zone; some systems list others, which mean whatever the machine is set to."""
    return name in _all_names()


def known(name: str) -> str:
    """The name itself; UTC in place of one that means nothing here: no page fails for it."""
    return name if is_known(name) else "UTC"


@lru_cache(maxsize=1024)
def zone_info(name: str) -> ZoneInfo:
    """The zone's clock, and that of UTC in place of a zone that is not known."""
    return ZoneInfo(known(name))


def first_known(names: Iterable[str], *, otherwise: str) -> str:
    """The first that is a zone, by the name it has today."""
    return next((todays_name(name) for name in names if is_known(name)), otherwise)


def todays_name(zone: str) -> str:
    """Asia/Kolkata for Asia/Calcutta; any other name as it is."""
    return _older_names().get(zone, zone)


@lru_cache(maxsize=1)
def countries() -> Mapping[str, str]:
    """Every place that people choose, and the code of its country."""
    return {fields[2]: fields[0] for fields in (row.split("\t") for row in _rows("zone.tab"))}


@lru_cache(maxsize=1)
def _older_names() -> Mapping[str, str]:
    links = (row.split() for row in _rows("tzdata.zi") if row.startswith("L "))
    places = countries()
    return {old: new for _, new, old in links if old not in places and new in places}


@lru_cache(maxsize=1)
def _all_names() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones()) - {"Factory", "localtime"}


def _rows(file: str) -> list[str]:
    text = (resources.files("tzdata.zoneinfo") / file).read_text(encoding="utf-8")
    return [row for row in text.splitlines() if row and not row.startswith("#")]
