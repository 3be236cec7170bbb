"""One line of the file: from text values to a call, or to everything that is wrong with it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from bookings.gateways import why_no_reference, why_not
from bookings.imports import values
from bookings.models import Provider
from bookings.plain_text import is_blank, one_line
from bookings.states import State

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


def understand(
    number: int, texts: dict[str, str], *, now: datetime
) -> tuple[Call | None, list[Problem]]:
    """The call, or every reason why there is none."""
    line = _Reader(number, texts)
    zone = one_line(line.text("time_zone"))
    currency = line.take("currency", values.currency_code, default="")
    starts_at = line.take("starts_at", lambda text: values.starts_at(text, zone, now), default=now)
    minutes = line.take("duration_minutes", values.duration, default=30)
    price = line.take("price", lambda text: values.price_minor(text, currency), default=0)
    ends_at = starts_at + timedelta(minutes=minutes)
    call = Call(
        line=number,
        external_ref=line.take("external_ref", values.short_text(100), default=""),
        expert_email=line.take("expert_email", values.email, default=""),
        follower_name=line.take("follower_name", values.name, default=""),
        follower_email=line.take("follower_email", values.email, default=""),
        follower_time_zone=line.take_optional("follower_time_zone", values.time_zone, default=""),
        service_title=line.take("service_title", values.short_text(120), default=""),
        duration_minutes=minutes,
        starts_at=starts_at,
        price_minor=price,
        currency=currency,
        provider=line.take_optional("provider", values.provider, default=Provider.MANUAL.value),
        payment_ref=line.take_optional("payment_ref", values.short_text(100), default=""),
        payment_method=line.take_optional("payment_method", values.short_text(60), default=""),
        paid_at=line.take_optional(
            "paid_at", lambda text: values.paid_at(text, zone, now), default=None
        ),
        state=line.take_optional(
            "state", lambda text: values.outcome(text, ends_at, now), default=State.SCHEDULED
        ),
        place=line.take_optional("place", values.short_text(300), default=""),
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
        except values.Refused as refused:
            self.refuse(column, str(refused))
            return default

    def refuse(self, column: str, reason: str) -> None:
        self.problems.append(Problem(self.number, column, reason, self.text(column)))


_TURNING = frozenset(["LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"])


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


_BY_HAND = "Write manual as the provider: then staff pays its refund by hand."
