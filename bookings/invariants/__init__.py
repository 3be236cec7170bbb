"""What must be true of the data at any moment, as queries that find no row.

`manage.py verify` asks all of them. Each compares within one statement, which sees one moment, so a
busy site can be asked too: nobody is named because a row was written meanwhile. The statements
come one after the other, also where an invariant has several (one for each value of a limit, one
for each kind of e-mail); what is written between two of them may be looked at only the next time.
"""

from bookings.invariants import cases, database, history, letters, money
from bookings.invariants.register import ALL, Invariant

__all__ = ["ALL", "Invariant", "cases", "database", "history", "letters", "money"]
