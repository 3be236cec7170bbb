"""The page that names everybody before links are sent to several followers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from bookings import clocks, formats
from bookings.models import Booking
from bookings.presenters import people, undo
from bookings.presenters.undo import Undo
from bookings.wording.reader import Reader
from bookings.wording.told import later


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


def offered_to(bookings: Sequence[Booking]) -> str:
    """New times offered to Priya Nair and Tom Okafor."""
    who = _listed(bookings)
    if len(bookings) == 1:
        name = bookings[0].buyer.first_name
        return f"New time offered to {who}. {later(bookings[0], f'{name} gets the link')}."
    return f"New times offered to {who}. {later(bookings[0], 'they get their links')}."


def way_back(bookings: Sequence[Booking]) -> Undo:
    """For all of them at once."""
    query = urlencode([("call", booking.code) for booking in bookings])
    until = min(booking.undo_until for booking in bookings if booking.undo_until)
    label = undo.ONE if len(bookings) == 1 else undo.ALL
    return Undo(f"{reverse('bulk_undo')}?{query}", formats.utc_iso(until), label)


def taken_back(bookings: Sequence[Booking]) -> str:
    """Links cancelled. Priya Nair and Tom Okafor did not get an e-mail."""
    link = "Link" if len(bookings) == 1 else "Links"
    return f"{link} cancelled. {_listed(bookings)} did not get an e-mail."


def _listed(bookings: Sequence[Booking]) -> str:
    names = [booking.buyer.name for booking in bookings]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
