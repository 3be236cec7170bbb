"""One line of the file: from text values to a call, or to everything that is wrong with it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_precision, list_currencies
from django.core.exceptions import ValidationError

from bookings import addresses, zones
from bookings.gateways import why_no_reference, why_not
from bookings.models import Provider, validate_time_zone
from bookings.plain_text import has_link, is_blank, one_line, person_name
from bookings.states import State

T = TypeVar("T")

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
_TURNING = frozenset(["LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"])
_BY_HAND = "Write manual as the provider: then staff pays its refund by hand."


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a line was refused. `column` is empty when the line as a whole is meant."""

    line: int
    column: str
    reason: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A line that makes sense by itself. Times are UTC, money in minor units."""

    line: int
    external_ref: str
    expert_email: str
    follower_name: str
    follower_email: str
    follower_time_zone: str
    service_title: str
    duration_minutes: int
    starts_at: datetime
    price_minor: int
    currency: str
    provider: str
    payment_ref: str
    payment_method: str
    paid_at: datetime | None
    state: State
    place: str

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.duration_minutes)


def understand(
    number: int, texts: dict[str, str], *, now: datetime
) -> tuple[Call | None, list[Problem]]:
    """The call, or every reason why there is none."""
    line = _Reader(number, texts)
    zone = one_line(line.text("time_zone"))
    currency = line.take("currency", read_currency_code, default="")
    starts_at = line.take("starts_at", lambda text: read_starts_at(text, zone, now), default=now)
    minutes = line.take("duration_minutes", read_duration, default=30)
    price = line.take("price", lambda text: read_price_minor(text, currency), default=0)
    ends_at = starts_at + timedelta(minutes=minutes)
    call = Call(
        line=number,
        external_ref=line.take("external_ref", read_short_text(100), default=""),
        expert_email=line.take("expert_email", read_email, default=""),
        follower_name=line.take("follower_name", read_name, default=""),
        follower_email=line.take("follower_email", read_email, default=""),
        follower_time_zone=line.take_optional("follower_time_zone", read_time_zone, default=""),
        service_title=line.take("service_title", read_short_text(120), default=""),
        duration_minutes=minutes,
        starts_at=starts_at,
        price_minor=price,
        currency=currency,
        provider=line.take_optional("provider", read_provider, default=Provider.MANUAL.value),
        payment_ref=line.take_optional("payment_ref", read_short_text(100), default=""),
        payment_method=line.take_optional("payment_method", read_short_text(60), default=""),
        paid_at=line.take_optional(
            "paid_at", lambda text: read_paid_at(text, zone, now), default=None
        ),
        state=line.take_optional(
            "state", lambda text: read_outcome(text, ends_at, now), default=State.SCHEDULED
        ),
        place=line.take_optional("place", read_short_text(300), default=""),
    )
    if not line.problems:
        line.problems.extend(_payment_problems(call))
    return (None if line.problems else call), line.problems


class _Reader:
    """Takes one value after the other and remembers what was wrong."""

    def __init__(self, number: int, texts: dict[str, str]) -> None:
        self.number = number
        self.texts = texts
        self.problems: list[Problem] = []

    def text(self, column: str) -> str:
        return self.texts.get(column, "")

    def take(self, column: str, reading: Callable[[str], T], *, default: T) -> T:
        if not (text := self.text(column)):
            self.refuse(column, "It is empty.")
            return default
        if is_blank(text):
            self.refuse(column, "It holds nothing but signs that cannot be seen.")
            return default
        return self.take_optional(column, reading, default=default)

    def take_optional(self, column: str, reading: Callable[[str], T], *, default: T) -> T:
        text = self.text(column)
        if is_blank(text):
            return default
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
            self.refuse(column, "It holds a control character, such as a line break or NUL.")
            return default
        if any(unicodedata.bidirectional(character) in _TURNING for character in text):
            self.refuse(column, "It holds a sign that turns the direction of the text around it.")
            return default
        try:
            return reading(one_line(text))
        except Refused as refused:
            self.refuse(column, str(refused))
            return default

    def refuse(self, column: str, reason: str) -> None:
        self.problems.append(Problem(self.number, column, reason, self.text(column)))


def _payment_problems(call: Call) -> list[Problem]:
    """A paid call needs what its refund will need."""
    if call.price_minor == 0:
        return []
    problems = []
    if call.paid_at is None:
        problems.append(Problem(call.line, "paid_at", "It is empty, and the call was paid."))
    if not call.payment_ref and call.provider != Provider.MANUAL:
        problems.append(
            Problem(
                call.line, "payment_ref", f"It is empty, and {call.provider} needs it to refund."
            )
        )
    elif why := why_no_reference(call.provider, call.payment_ref):
        problems.append(Problem(call.line, "payment_ref", f"{why} {_BY_HAND}", call.payment_ref))
    if why := why_not(call.provider, call.price_minor, call.currency):
        problems.append(Problem(call.line, "currency", f"{why} {_BY_HAND}", call.currency))
    return problems


# --- single values: what a text means, or in a sentence why it means nothing ----------------------


class Refused(Exception):
    """A value makes no sense; `str()` is the reason."""


def read_short_text(longest: int) -> Callable[[str], str]:
    def reading(text: str) -> str:
        if len(text) > longest:
            raise Refused(f"It is longer than {longest} characters.")
        return text

    return reading


def read_name(text: str) -> str:
    """Of a person: e-mails begin with it."""
    found = read_short_text(80)(person_name(text))
    if has_link(found):
        raise Refused("It holds a web address, an e-mail address or a telephone number.")
    return found


@lru_cache(maxsize=10_000)
def read_email(text: str) -> str:
    try:
        return addresses.identity(addresses.read(text))
    except addresses.NotAnAddress as error:
        raise Refused(str(error)) from None


@lru_cache(maxsize=1000)
def read_time_zone(text: str) -> str:
    try:
        validate_time_zone(text)
    except ValidationError:
        raise Refused("It is not a time zone; write one such as Europe/Berlin.") from None
    return zones.todays_name(text)


def read_duration(text: str) -> int:
    if not _MINUTES.fullmatch(text) or not 5 <= int(text) <= 480:
        raise Refused("It must be a whole number of minutes from 5 to 480.")
    return int(text)


def read_currency_code(text: str) -> str:
    if text.upper() not in _currencies():
        raise Refused("It is not a currency; write three letters such as INR or EUR.")
    return text.upper()


@lru_cache(maxsize=1)
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies())


def read_price_minor(text: str, currency: str) -> int:
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


def read_provider(text: str) -> str:
    if text.lower() not in Provider.values:
        raise Refused(f"It must be one of {', '.join(Provider.values)}.")
    return text.lower()


def read_outcome(text: str, ends_at: datetime, now: datetime) -> State:
    if text.lower() not in STATES:
        raise Refused(f"It must be one of {', '.join(STATES)}.")
    if text.lower() == State.COMPLETED and ends_at > now:
        raise Refused("A call that is not over cannot be completed.")
    return State(text.lower())


def read_starts_at(text: str, zone: str, now: datetime) -> datetime:
    instant = _instant(text, zone)
    if not _EARLIEST <= instant <= now + _LATEST_AHEAD:
        raise Refused("It must lie between the year 2000 and three years from now.")
    return instant


def read_paid_at(text: str, zone: str, now: datetime) -> datetime:
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
    return _from_wall_clock(written, read_time_zone(zone))


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
