"""The register of all e-mails: who gets it, when, and whether it is still true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bookings.emails.case import MailCase
from bookings.emails.letter import Letter
from bookings.models import OutboxEmail, TimelineEvent

Audience = OutboxEmail.Audience
FOLLOWER, EXPERT, STAFF = Audience.FOLLOWER, Audience.EXPERT, Audience.STAFF
CalendarMethod = Literal["", "REQUEST", "CANCEL"]
Writer = Callable[[MailCase], Letter]


def always(case: MailCase) -> bool:
    return True


def every(event: TimelineEvent) -> bool:
    return True


def no_calendar(case: MailCase) -> CalendarMethod:
    return ""


@dataclass(frozen=True, slots=True)
class Kind:
    """One e-mail. `applies` reads nothing but the event's own fields, so that the promise of an
    event can be worked out again at any time; `is_still_true` reads the state when it is sent."""

    name: str
    audience: str
    when: str
    write: Writer
    is_still_true: Callable[[MailCase], bool] = always
    applies: Callable[[TimelineEvent], bool] = every
    links: tuple[str, ...] = ()
    """private links that must exist when it is queued"""
    calendar: Callable[[MailCase], CalendarMethod] = no_calendar


KINDS: dict[str, Kind] = {}


def kind(
    audience: str,
    when: str,
    *,
    still_true: Callable[[MailCase], bool] = always,
    applies: Callable[[TimelineEvent], bool] = every,
    links: tuple[str, ...] = (),
    calendar: Callable[[MailCase], CalendarMethod] = no_calendar,
) -> Callable[[Writer], Writer]:
    """Registers a writer under its own name."""

    def register(write: Writer) -> Writer:
        name = write.__name__
        KINDS[name] = Kind(name, audience, when, write, still_true, applies, links, calendar)
        return write

    return register
