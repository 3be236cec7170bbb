"""Where a call takes place: what a buyer reads before paying, and what is kept with the booking."""

from __future__ import annotations

import secrets

from django.conf import settings

from bookings.models import PlaceKind, Service
from bookings.plain_text import has_link

NUMBER_QUESTION = "Your telephone number, with the country code"


def link(place: str) -> str:
    """`place` when it is a web address and nothing else; experts write it as they like."""
    is_address = place.startswith(("https://", "http://")) and not any(c.isspace() for c in place)
    return place if is_address else ""


def said_before(service: Service) -> str:
    """What a buyer reads before they pay. A link or a number is not in it: it is for buyers."""
    name = service.expert.first_name
    match PlaceKind(service.place_kind):
        case PlaceKind.ADDRESS:
            if link(service.place):
                return "Online. You get the link with your booking."
            is_private = has_link(service.place)
            return "You get the address with your booking." if is_private else service.place
        case PlaceKind.ROOM:
            return "Online, in a video room of its own. You get the link with your booking."
        case PlaceKind.CALL_BUYER:
            return f"By phone. {name} calls you."
        case PlaceKind.CALL_EXPERT:
            return f"By phone. You call {name}, and get the number with your booking."
    return f"{name} writes to you where you meet."


def of_booking(service: Service, *, number: str = "") -> str:
    """What is kept with a new booking. `number` is the buyer's, where they are called.

    A room gets its own address each time this is called, which nobody can guess.
    """
    name = service.expert.first_name
    match PlaceKind(service.place_kind):
        case PlaceKind.ADDRESS:
            return service.place
        case PlaceKind.ROOM:
            return settings.ROOM_ADDRESS.replace("{room}", secrets.token_urlsafe(16))
        case PlaceKind.CALL_BUYER:
            return f"By phone: {name} calls {number}" if number else f"By phone: {name} calls"
        case PlaceKind.CALL_EXPERT:
            return f"By phone: {name} answers at {service.place}"
    return ""


def asks_for_number(service: Service) -> bool:
    return service.place_kind == PlaceKind.CALL_BUYER
