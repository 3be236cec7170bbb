"""Calendar files: one UID per booking for life, times in UTC, no control characters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from django.conf import settings
from icalendar import Calendar, Event, vCalAddress

from bookings import addresses
from bookings.models import Booking
from bookings.plain_text import cleaned, one_line

Method = Literal["REQUEST", "CANCEL"]


@dataclass(frozen=True, slots=True)
class Party:
    """A name and an address in a calendar file."""

    name: str
    email: str


def uid(booking: Booking) -> str:
    """The same for life, also when the site moves to another address: else a calendar would take
    the moved call for a second one, and find nothing to cancel."""
    return f"{booking.code}@{booking.calendar_host}"


def call_file(
    booking: Booking,
    *,
    method: Method,
    summary: str,
    organizer: Party,
    attendee: Party,
    now: datetime,
) -> str:
    """The .ics text for the booking's present time. Only the recipient is named as attendee."""
    calendar = Calendar()
    calendar.add("prodid", "-//Topmate bookings//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    event = Event()
    event.add("uid", uid(booking))
    event.add("sequence", booking.calendar_sequence)
    event.add("dtstamp", now.astimezone(UTC).replace(microsecond=0))
    event.add("dtstart", booking.starts_at.astimezone(UTC))
    event.add("dtend", booking.ends_at.astimezone(UTC))
    event.add("summary", one_line(summary))
    event.add("status", "CANCELLED" if method == "CANCEL" else "CONFIRMED")
    if booking.place:
        event.add("location", one_line(booking.place))
    event.add("description", cleaned(f"Booking {booking.code} via {settings.SITE_NAME}."))
    event.add("organizer", _address(organizer))
    event.add("attendee", _address(attendee, partstat="ACCEPTED", rsvp="FALSE"))
    calendar.add_component(event)
    return str(calendar.to_ical().decode())


def _address(party: Party, **parameters: str) -> vCalAddress:
    address = vCalAddress(f"mailto:{addresses.for_programs(one_line(party.email))}")
    address.params["CN"] = one_line(party.name)
    for name, value in parameters.items():
        address.params[name.upper()] = value
    return address
