"""One line of the file: from text values to a call, or to everything that is wrong with it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_precision, list_currencies
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

from bookings.models import Provider, validate_time_zone
from bookings.states import State

_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)\s?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_PRICE = re.compile(r"(\d{1,12})(?:\.(\d{1,6}))?", re.ASCII)
_MINUTES = re.compile(r"\d{1,4}", re.ASCII)
_STATES = (State.SCHEDULED, State.COMPLETED, State.REFUNDED, State.CANCELLED)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST_AHEAD = timedelta(days=3 * 366)
_is_email = EmailValidator()
T = TypeVar("T")


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


class _Refused(Exception):
    """A value makes no sense; `str()` is the reason."""


def understand(
    number: int, values: dict[str, str], *, now: datetime
) -> tuple[Call | None, list[Problem]]:
    """The call, or every reason why there is none."""
    line = _Reader(number, values)
    currency = line.take("currency", _currency, default="")
    starts_at = line.take("starts_at", lambda text: _starts_at(text, line, now), default=now)
    minutes = line.take("duration_minutes", _duration, default=30)
    price = line.take("price", lambda text: _price(text, currency), default=0)
    ends_at = starts_at + timedelta(minutes=minutes)
    call = Call(
        line=number,
        external_ref=line.take("external_ref", _text(100), default=""),
        expert_email=line.take("expert_email", _email, default=""),
        follower_name=line.take("follower_name", _text(80), default=""),
        follower_email=line.take("follower_email", _email, default=""),
        follower_time_zone=line.take_optional("follower_time_zone", _zone, default=""),
        service_title=line.take("service_title", _text(120), default=""),
        duration_minutes=minutes,
        starts_at=starts_at,
        price_minor=price,
        currency=currency,
        provider=line.take_optional("provider", _provider, default=Provider.MANUAL.value),
        payment_ref=line.take_optional("payment_ref", _text(100), default=""),
        payment_method=line.take_optional("payment_method", _text(60), default=""),
        paid_at=line.take_optional("paid_at", lambda text: _paid_at(text, line, now), default=None),
        state=line.take_optional(
            "state", lambda text: _state(text, ends_at, now), default=_STATES[0]
        ),
        place=line.take_optional("place", _text(300), default=""),
    )
    if not line.problems:
        line.problems.extend(_payment_problems(call))
    return (None if line.problems else call), line.problems


class _Reader:
    """Takes one value after the other and remembers what was wrong."""

    def __init__(self, number: int, values: dict[str, str]) -> None:
        self.number = number
        self.values = values
        self.problems: list[Problem] = []

    def text(self, column: str) -> str:
        return self.values.get(column, "")

    def take(self, column: str, reading: Callable[[str], T], *, default: T) -> T:
        if not self.text(column):
            self.refuse(column, "It is empty.")
            return default
        return self.take_optional(column, reading, default=default)

    def take_optional(self, column: str, reading: Callable[[str], T], *, default: T) -> T:
        text = self.text(column)
        if not text:
            return default
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
            self.refuse(column, "It holds a control character, such as a line break or NUL.")
            return default
        try:
            return reading(text)
        except _Refused as refused:
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
    return problems


def _text(longest: int) -> Callable[[str], str]:
    def reading(text: str) -> str:
        if len(text) > longest:
            raise _Refused(f"It is longer than {longest} characters.")
        return text

    return reading


@lru_cache(maxsize=10_000)
def _valid_email(text: str) -> bool:
    try:
        _is_email(text)
    except ValidationError:
        return False
    return len(text) <= 254


def _email(text: str) -> str:
    if not _valid_email(text):
        raise _Refused("It is not an e-mail address.")
    return text.lower()


@lru_cache(maxsize=1000)
def _zone(text: str) -> str:
    try:
        validate_time_zone(text)
    except ValidationError:
        raise _Refused("It is not a time zone; write one such as Europe/Berlin.") from None
    return text


def _duration(text: str) -> int:
    if not _MINUTES.fullmatch(text) or not 5 <= int(text) <= 480:
        raise _Refused("It must be a whole number of minutes from 5 to 480.")
    return int(text)


def _currency(text: str) -> str:
    if text.upper() not in _currencies():
        raise _Refused("It is not a currency; write three letters such as INR or EUR.")
    return text.upper()


@lru_cache(maxsize=1)
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies())


def _price(text: str, currency: str) -> int:
    found = _PRICE.fullmatch(text)
    if not found:
        raise _Refused(
            "It must be a plain number such as 2400 or 59.50, without sign or separators."
        )
    decimals = get_currency_precision(currency) if currency else 2
    if len((found[2] or "").rstrip("0")) > decimals:
        many = "no decimals" if decimals == 0 else f"at most {decimals} decimals"
        raise _Refused(f"{currency} has {many}.")
    return int(Decimal(text).scaleb(decimals))


def _provider(text: str) -> str:
    if text.lower() not in Provider.values:
        raise _Refused(f"It must be one of {', '.join(Provider.values)}.")
    return text.lower()


def _state(text: str, ends_at: datetime, now: datetime) -> State:
    if text.lower() not in _STATES:
        raise _Refused(f"It must be one of {', '.join(_STATES)}.")
    if text.lower() == State.COMPLETED and ends_at > now:
        raise _Refused("A call that is not over cannot be completed.")
    return State(text.lower())


def _starts_at(text: str, line: _Reader, now: datetime) -> datetime:
    instant = _instant(text, line)
    if not _EARLIEST <= instant <= now + _LATEST_AHEAD:
        raise _Refused("It must lie between the year 2000 and three years from now.")
    return instant


def _paid_at(text: str, line: _Reader, now: datetime) -> datetime:
    instant = _instant(text, line)
    if not _EARLIEST <= instant <= now:
        raise _Refused("It must lie between the year 2000 and now.")
    return instant


def _instant(text: str, line: _Reader) -> datetime:
    """2026-11-20T18:00+05:30, or 2026-11-20 18:00 as the wall clock of the column time_zone."""
    found = _MOMENT.fullmatch(text)
    try:
        written = (
            datetime.fromisoformat(f"{found[1]}T{found[2]}{found[3] or ''}") if found else None
        )
    except ValueError:
        written = None
    if written is None:
        raise _Refused("It must be written like 2026-11-20T18:00+05:30.")
    if written.tzinfo is not None:
        return _to_utc(written)
    zone = line.text("time_zone")
    if not zone:
        raise _Refused("It has no offset such as +05:30, and the column time_zone is empty.")
    return _from_wall_clock(written, _zone(zone))


def _from_wall_clock(written: datetime, zone: str) -> datetime:
    first, second = (_to_utc(written.replace(tzinfo=ZoneInfo(zone), fold=fold)) for fold in (0, 1))
    if first == second:
        return first
    if first.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != written:
        raise _Refused(f"That time does not exist in {zone}: the clocks went forward.")
    raise _Refused(f"That time comes twice in {zone}: write it with its offset.")


def _to_utc(written: datetime) -> datetime:
    try:
        return written.astimezone(UTC)
    except OverflowError:
        raise _Refused("It is not a usable date.") from None
