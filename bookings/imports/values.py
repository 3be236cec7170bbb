"""Single values: what a text means, or in a sentence why it means nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_precision, list_currencies
from django.core.exceptions import ValidationError

from bookings import addresses, zones
from bookings.models import Provider, validate_time_zone
from bookings.plain_text import has_link, person_name
from bookings.states import State

STATES = (State.SCHEDULED, State.COMPLETED, State.REFUNDED, State.CANCELLED)
"""Those a call may come with; the others are only reached here, with a history."""
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)"
    r"(?:\s?(?:(Z|UTC|GMT)|(?:UTC|GMT)?([+\u2212-])(\d\d?)(?::([0-5]\d)|(?<=\d\d)([0-5]\d))?))?",
    re.ASCII | re.IGNORECASE,
)
_FURTHEST = timedelta(hours=14)
"""No clock anywhere is further away from UTC."""
_PRICE = re.compile(r"(\d{1,12})(?:\.(\d{1,6}))?", re.ASCII)
_MINUTES = re.compile(r"\d{1,4}", re.ASCII)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST_AHEAD = timedelta(days=3 * 366)


class Refused(Exception):
    """A value makes no sense; `str()` is the reason."""


def short_text(longest: int) -> Callable[[str], str]:
    def reading(text: str) -> str:
        if len(text) > longest:
            raise Refused(f"It is longer than {longest} characters.")
        return text

    return reading


def name(text: str) -> str:
    """Of a person: e-mails begin with it."""
    found = short_text(80)(person_name(text))
    if has_link(found):
        raise Refused("It holds a web address, an e-mail address or a telephone number.")
    return found


@lru_cache(maxsize=10_000)
def email(text: str) -> str:
    try:
        return addresses.identity(addresses.read(text))
    except addresses.NotAnAddress as error:
        raise Refused(str(error)) from None


@lru_cache(maxsize=1000)
def time_zone(text: str) -> str:
    try:
        validate_time_zone(text)
    except ValidationError:
        raise Refused("It is not a time zone; write one such as Europe/Berlin.") from None
    return zones.todays_name(text)


def duration(text: str) -> int:
    if not _MINUTES.fullmatch(text) or not 5 <= int(text) <= 480:
        raise Refused("It must be a whole number of minutes from 5 to 480.")
    return int(text)


def currency_code(text: str) -> str:
    if text.upper() not in _currencies():
        raise Refused("It is not a currency; write three letters such as INR or EUR.")
    return text.upper()


@lru_cache(maxsize=1)
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies())


def price_minor(text: str, currency: str) -> int:
    found = _PRICE.fullmatch(text)
    if not found:
        raise Refused(
            "It must be a plain number such as 2400 or 59.50, without sign or separators."
        )
    decimals = get_currency_precision(currency) if currency else 2
    if len((found[2] or "").rstrip("0")) > decimals:
        many = "no decimals" if decimals == 0 else f"at most {decimals} decimals"
        raise Refused(f"{currency} has {many}.")
    return int(Decimal(text).scaleb(decimals))


def provider(text: str) -> str:
    if text.lower() not in Provider.values:
        raise Refused(f"It must be one of {', '.join(Provider.values)}.")
    return text.lower()


def outcome(text: str, ends_at: datetime, now: datetime) -> State:
    if text.lower() not in STATES:
        raise Refused(f"It must be one of {', '.join(STATES)}.")
    if text.lower() == State.COMPLETED and ends_at > now:
        raise Refused("A call that is not over cannot be completed.")
    return State(text.lower())


def starts_at(text: str, zone: str, now: datetime) -> datetime:
    instant = _instant(text, zone)
    if not _EARLIEST <= instant <= now + _LATEST_AHEAD:
        raise Refused("It must lie between the year 2000 and three years from now.")
    return instant


def paid_at(text: str, zone: str, now: datetime) -> datetime:
    instant = _instant(text, zone)
    if not _EARLIEST <= instant <= now:
        raise Refused("It must lie between the year 2000 and now.")
    return instant


def _instant(text: str, zone: str) -> datetime:
    """2026-11-20T18:00+05:30, or 2026-11-20 18:00 as the wall clock of the column time_zone."""
    found = _MOMENT.fullmatch(text)
    try:
        written = datetime.fromisoformat(f"{found[1]}T{found[2]}") if found else None
    except ValueError:
        written = None
    offset = _offset(found) if found else None
    if written is None or (offset is not None and abs(offset) > _FURTHEST):
        raise Refused("It must be written like 2026-11-20T18:00+05:30.")
    if offset is not None:
        return _to_utc(written.replace(tzinfo=timezone(offset)))
    if not zone:
        raise Refused("It has no offset such as +05:30, and the column time_zone is empty.")
    return _from_wall_clock(written, time_zone(zone))


def _offset(found: re.Match[str]) -> timedelta | None:
    """+05:30, also as +0530 and +5:30; +00, +0 and Z; None where there is none."""
    utc, sign, hours, minutes = *found.group(3, 4, 5), found[6] or found[7]
    if not sign:
        return timedelta(0) if utc else None
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return offset if sign == "+" else -offset


def _from_wall_clock(written: datetime, zone: str) -> datetime:
    first, second = (_to_utc(written.replace(tzinfo=ZoneInfo(zone), fold=fold)) for fold in (0, 1))
    if first == second:
        return first
    if first.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != written:
        raise Refused(f"That time does not exist in {zone}: the clocks went forward.")
    raise Refused(f"That time comes twice in {zone}: write it with its offset.")


def _to_utc(written: datetime) -> datetime:
    """At the ends of the calendar an offset may lead beyond it: such a time is refused without."""
    try:
        return written.astimezone(UTC)
    except OverflowError:
        return written.replace(tzinfo=UTC)
