"""What letters say about money that goes back: by the state of the refund when they are sent.

A booking that has ended stays ended whatever becomes of its refund. So a letter about the end
goes out in any case, and these words never say more than is true by then.
"""

from __future__ import annotations

from enum import Enum, auto

from bookings.emails.case import Case
from bookings.emails.words import BANK_TAKES, site_name, upper_first
from bookings.models import RefundState


class Stands(Enum):
    NOTHING = auto()
    """there was nothing to send back"""
    STARTED = auto()
    WAITS = auto()
    """on hold, or to be paid by hand"""
    FAILED = auto()
    """declined, or sent back by the bank; staff looks after it"""
    ELSEWHERE = auto()
    """the money went another way, so ours was not sent"""


_OF_STATE = {
    RefundState.DECLINED: Stands.FAILED,
    RefundState.REVERSED: Stands.FAILED,
    RefundState.VOID: Stands.ELSEWHERE,
    RefundState.MANUAL_DUE: Stands.WAITS,
}


def stands(case: Case) -> Stands:
    refund = case.refund
    if case.refunded_minor == 0:
        return Stands.NOTHING
    if refund is None or refund.hold_reason:
        return Stands.WAITS
    return _OF_STATE.get(RefundState(refund.state), Stands.STARTED)


def money_for_follower(case: Case) -> str:
    match stands(case):
        case Stands.NOTHING:
            return (
                "There is nothing to refund."
                if case.is_free
                else "All your money went back before."
            )
        case Stands.STARTED:
            return f"Your refund of {case.amount} has started."
        case Stands.WAITS:
            return (
                f"Your refund of {case.amount} is approved. {site_name()} support sends it by hand."
            )
        case Stands.FAILED:
            return (
                f"Your refund of {case.amount} is approved, but it did not go through yet. "
                f"{site_name()} support looks after it: you still get this money."
            )
        case Stands.ELSEWHERE:
            return (
                "Your money went back to you another way. Should a part be left, we send it and "
                "write to you."
            )


def money_for_expert(case: Case) -> str:
    who = case.follower.first_name
    match stands(case):
        case Stands.NOTHING:
            return "There was nothing to refund."
        case Stands.STARTED:
            return f"{case.amount} is going back to {who}."  # the bank may still say no
        case Stands.WAITS:
            return f"{case.amount} goes back to {who}; {site_name()} support sees to it."
        case Stands.FAILED:
            return (
                f"The refund of {case.amount} to {who} did not go through yet. {site_name()} "
                "support looks after it, and you need to do nothing."
            )
        case Stands.ELSEWHERE:
            return f"The money went back to {who} another way."


def title_for_follower(case: Case) -> str:
    """Of the letter that tells how a call has ended."""
    match stands(case):
        case Stands.NOTHING | Stands.ELSEWHERE:
            return "Your call is closed"
        case Stands.STARTED:
            return "Your refund has started"
        case Stands.WAITS | Stands.FAILED:
            return "Your refund is approved"


def facts_for_follower(case: Case) -> tuple[tuple[str, str], ...]:
    now = stands(case)
    if now in (Stands.NOTHING, Stands.ELSEWHERE):
        return (("Call", case.call), ("Was planned for", case.time))
    to = (("To", case.payment.method),) if case.payment and case.payment.method else ()
    by = (("On your account", upper_first(BANK_TAKES)),) if now is Stands.STARTED else ()
    return (("Amount", case.amount), *to, ("Call", case.call), *by)


def next_for_follower(case: Case) -> tuple[str, ...]:
    if stands(case) in (Stands.NOTHING, Stands.ELSEWHERE):
        return ()
    return ("We write again when your bank has the money.",)
