"""Refunds: request one, drive it through the provider, let staff step in.

`request` writes the row inside the verb's transaction; `execute` talks to the provider outside
of any; `staff` holds what people do with a refund that needs them.
"""

from bookings.refunds.driving import execute
from bookings.refunds.requesting import request, void
from bookings.refunds.staff import hold, record_paid_by_hand, release, retry

__all__ = ["execute", "hold", "record_paid_by_hand", "release", "request", "retry", "void"]
