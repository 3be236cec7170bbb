"""Django admin for staff: read-only rows, actions through the verbs, a reason for each."""

from bookings.admin import bookings, invitations, money, people, queues, shop

__all__ = ["bookings", "invitations", "money", "people", "queues", "shop"]
