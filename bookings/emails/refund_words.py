"""What several letters about the end of a call share."""

from __future__ import annotations

from bookings.emails.case import MailCase
from bookings.emails.words import upper_first
from bookings.wording.limits import BANK_TAKES
from bookings.wording.refund import GOING, Place

CLOSED = (Place.NOTHING, Place.ELSEWHERE)


def facts_for_follower(case: MailCase) -> tuple[tuple[str, str], ...]:
    if case.where in CLOSED:
        return (("Call", case.call), ("Was planned for", case.time))
    to = (("To", case.payment.method),) if case.payment and case.payment.method else ()
    by = (("On your account", upper_first(BANK_TAKES)),) if case.where in GOING else ()
    return (("Amount", case.amount), *to, ("Call", case.call), *by)


def next_for_follower(case: MailCase) -> tuple[str, ...]:
    if case.where in CLOSED:
        return ()
    return ("We write again when your bank has the money.",)
