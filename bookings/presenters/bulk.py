"""The page that names everybody before links are sent to several followers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bookings import clocks
from bookings.models import Booking
from bookings.presenters import people
from bookings.presenters.reader import Reader


@dataclass(frozen=True, slots=True)
class Person:
    code: str
    name: str
    initials: str
    hue: str
    what: str
    refusal: str


@dataclass(frozen=True, slots=True)
class Confirmation:
    people: tuple[Person, ...]
    count: int
    until: str


def confirmation(
    bookings: Sequence[Booking], refused: Mapping[str, str], reader: Reader
) -> Confirmation:
    shown = tuple(
        Person(
            code=booking.code,
            name=booking.buyer.name,
            initials=people.initials(booking.buyer.name),
            hue=people.hue(booking.follower_id),
            what=f"{booking.service_title}, {reader.moment(booking.starts_at)}",
            refusal=refused.get(booking.code, ""),
        )
        for booking in bookings
    )
    window = min(booking.limits.offer_window for booking in bookings)
    return Confirmation(
        people=shown,
        count=sum(1 for person in shown if not person.refusal),
        until=reader.moment(clocks.after(reader.now, window)),
    )


def sent_to(names: Sequence[str]) -> str:
    """Reschedule links sent to Priya Nair and Tom Okafor."""
    who = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    link = "link" if len(names) == 1 else "links"
    return f"Reschedule {link} sent to {who}. You can undo each one here for a short time."
