"""Selling a call: the time is kept, the follower pays, the booking is made, exactly once.

Whoever brings the news (a webhook, the follower coming back, or the sweep) only makes us ask the
provider; what it answers is written down in one transaction. Money for a time that somebody else
has got by then goes back through the refund engine, from a booking that was never to be.
"""

from bookings.checkouts.settling import (
    ASK_AFTER,
    KEPT_FOR,
    ask,
    forget_old,
    pay_in_sandbox,
    poll,
    settle,
)
from bookings.checkouts.starting import HELD_FOR, MOST_HELD, Buyer, give_up, open_order, start
