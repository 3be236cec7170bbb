"""What cannot be read of a booking's row, and what stands in its place: a sentence for each.

One bad value never takes a page away. Times are shown in UTC where a zone is not known, and the
limits of today are used where those of the booking cannot be read.
"""

from __future__ import annotations

from bookings import zones
from bookings.models import Booking

LIMITS = (
    "The limits this booking was made under cannot be read. The limits of today are used "
    "instead, and our team is told."
)


def for_expert(booking: Booking) -> list[str]:
    """The frame around an expert's pages says it of their own zone."""
    follower, found = booking.buyer, []
    if not zones.is_known(follower.time_zone):
        name = follower.first_name
        found.append(
            f"{name}’s time zone, “{follower.time_zone}”, is not known here. "
            f"Times for {name} are shown in UTC."
        )
    return [*found, LIMITS] if booking.unreadable_limits else found


def for_follower(booking: Booking) -> list[str]:
    zone, found = booking.buyer.time_zone, []
    if not zones.is_known(zone):
        found.append(f"Your time zone, “{zone}”, is not known here. All times are shown in UTC.")
    return [*found, LIMITS] if booking.unreadable_limits else found


def for_staff(booking: Booking) -> list[str]:
    """With the values, so that somebody can put them right."""
    people = (("expert", booking.expert), ("follower", booking.follower))
    found = [
        f"The time zone of the {who} {person.name}, “{person.time_zone}”, is not known here. "
        "Times are shown in UTC instead. Choose a time zone on the page of that person."
        for who, person in people
        if not zones.is_known(person.time_zone)
    ]
    if names := booking.unreadable_limits:
        found.append(
            f"These limits of the booking cannot be read: {', '.join(names)}. "
            "The limits of today are used instead."
        )
    return found
