"""What must be true of the data at any moment, as queries that find no row.

`manage.py verify` asks all of them. Each is one statement, so that a busy site can be asked too.
"""

from bookings.invariants import cases, database, history, letters, money
from bookings.invariants.register import ALL, Invariant

__all__ = ["ALL", "Invariant", "cases", "database", "history", "letters", "money"]
