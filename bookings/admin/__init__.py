"""Django admin for staff: read-only rows, actions through the verbs, a reason for each."""

from bookings.admin import (
    bookings,
    cases,
    checkouts,
    help,
    money,
    outbox,
    people,
    set_aside,
    sign_ins,
)

__all__ = [
    "bookings",
    "cases",
    "checkouts",
    "help",
    "money",
    "outbox",
    "people",
    "set_aside",
    "sign_ins",
]
