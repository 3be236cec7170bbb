"""Refunds: plan one, drive it through the provider, compare with its books, let staff step in.

`request_all` writes the rows inside the verb's transaction; `drive` talks to the provider outside
of any; `refetch` brings our rows in line with the provider's list, whoever noticed that they
might differ; `hear_of_dispute` asks what a bank dispute does to them. The rest is what people
do with a refund that needs them.
"""

from bookings.refunds.planning import Wanted, lock_payments, request_all, void
from bookings.refunds.reconciling import disputed, hear_of_dispute, reconcile, refetch
from bookings.refunds.sending import drive
from bookings.refunds.staff import (
    StaffVerb,
    continue_all,
    fit,
    hold,
    record_paid_by_hand,
    refusal,
    release,
    retry,
)
