"""The verbs of a booking: the one room behind the three doors (page, admin action, sweep).

Each verb is `verb(booking_ref, *, actor, now, ...) -> Booking`: one transaction, no network,
refused with TransitionNotAllowed. What may follow what is in `states.TABLE`, the conditions in
`rules`, and only `engine.transition` writes a state.
"""

from bookings.lifecycle.attendance import (
    contest,
    decide,
    mark_completed,
    report_no_show,
    withdraw_report,
)
from bookings.lifecycle.ending import cancel, refund_now, undo
from bookings.lifecycle.engine import Own, run_deadline, run_deadlines
from bookings.lifecycle.offers import (
    move_instead,
    offer_reschedule,
    pick_time,
    refund_instead,
    resend_offer,
    withdraw_offer,
)
