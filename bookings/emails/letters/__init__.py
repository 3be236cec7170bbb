"""Every e-mail, by its subject. Importing a module here enters its e-mails into the register."""

from bookings.emails.letters import (
    accounts,
    attendance,
    booked,
    offers,
    refunds,
    staff,
)

__all__ = ["accounts", "attendance", "booked", "offers", "refunds", "staff"]
