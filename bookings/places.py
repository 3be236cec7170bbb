"""Where a call takes place, as a buyer reads it before paying and as the booking keeps it."""

from __future__ import annotations

import secrets

from django.conf import settings

from bookings.models import PlaceKind, Service
from bookings.plain_text import has_link

SCHEMES = ("https://", "http://")
NUMBER_QUESTION = "Your telephone number, with the country code"


def link(place: str) -> str:
    """`place` when it is a web address and nothing else; empty for every other text."""
    is_address = place.startswith(SCHEMES) and not any(sign.isspace() for sign in place)
    return place if is_address else ""


def without_scheme(place: str) -> str:
    """meet.example.org/maya: how a link is shown."""
    return place.removeprefix(SCHEMES[0]).removeprefix(SCHEMES[1])


def said_before(service: Service) -> str:
    """What everybody reads before paying. Links and telephone numbers are left out: only those who
    have booked get them."""
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
    return f"{name} writes to you to say where you meet."


def of_booking(service: Service, *, number: str = "") -> str:
    """What a new booking keeps. `number` is the buyer's, if the expert is to call it.

    Each call of this function makes a new room, with an address that nobody can guess.
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
