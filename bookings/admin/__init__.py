"""Django admin for staff: read-only rows, actions through the verbs, a reason for each."""

from bookings.admin import bookings, cases, help, invitations, money, people, waiting

__all__ = ["bookings", "cases", "help", "invitations", "money", "people", "waiting"]
