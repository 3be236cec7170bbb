"""Django admin for staff: read-only rows, actions through the verbs, a reason for each."""

from bookings.admin import acts, bookings, invitations, money, people, queues, shop

__all__ = ["acts", "bookings", "invitations", "money", "people", "queues", "shop"]
