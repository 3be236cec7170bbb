"""Which verb is allowed on a booking now, and the sentence when it is not.

Pure functions of the booking's columns: a list of 25 rows decides its buttons without a query,
and the verbs in `lifecycle` refuse with the same sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bookings import clocks
from bookings.states import TABLE, Actor, ActorKind, State, TransitionNotAllowed, Verb

if TYPE_CHECKING:
    from bookings.models import Booking

STANDS = {
    State.SCHEDULED: "The call is still scheduled.",
    State.NO_SHOW_REPORTED: "A no-show was reported for this call.",
    State.RESCHEDULE_OFFERED: "A new time was offered for this call and has not been picked yet.",
    State.COMPLETED: "The call is marked as completed.",
    State.CONTESTED: "The follower contested the mark, and our team decides.",
    State.REFUNDED: "The booking has been refunded.",
    State.CANCELLED: "The call was cancelled.",
}
"""Where a booking stands, in one sentence for whoever may not act on it."""

MAX_REPORTS_PER_ATTEMPT = 3
"""A report can be withdrawn and made again only so often: each one sends the expert an e-mail."""
NO_GRACE = timedelta(0)


def refusal(
    booking: Booking, verb: Verb, actor: Actor, *, now: datetime, grace: timedelta | None = None
) -> TransitionNotAllowed | None:
    """Why `actor` may not do `verb` now; None when it is allowed.

    An expert's ownership of the booking is checked too (`booking.expert` must be loaded).
    Whether a slot is free is not known here: `lifecycle` asks that in its transaction.
    Whoever acts has the grace of the booking; `shows` asks without any.
    """
    grace = booking.limits.grace if grace is None else grace
    move = TABLE[verb]
    if actor.kind not in move.who or _is_strangers(booking, actor):
        return TransitionNotAllowed("not_yours", "You may not do this with this booking.")
    if booking.erased_at is not None and (gone := _nobody_is_there(verb, actor)):
        return gone
    if verb == Verb.DECIDE and (own := own_case(booking, actor)):
        return own
    if booking.state not in move.sources:
        return TransitionNotAllowed("state", STANDS[State(booking.state)])
    if verb != Verb.UNDO and (timing := _deadline_refusal(booking, move.at_deadline, grace, now)):
        return timing
    condition = _CONDITIONS.get(verb)
    refused = condition(booking, now) if condition else None
    return refused or _closing_refusal(booking, verb, grace, now)


def _nobody_is_there(verb: Verb, actor: Actor) -> TransitionNotAllowed | None:
    """The follower's data was erased, so nobody can act or answer for them."""
    if actor.kind == ActorKind.FOLLOWER:
        return TransitionNotAllowed(
            "erased", "Your data was erased, so nothing can be done with this booking any more."
        )
    if verb == Verb.OFFER_RESCHEDULE:
        return TransitionNotAllowed(
            "erased", "The follower's data was erased, so nobody could pick a new time."
        )
    return None


def allows(booking: Booking, verb: Verb, actor: Actor, *, now: datetime) -> bool:
    return refusal(booking, verb, actor, now=now) is None


def not_shown(
    booking: Booking, verb: Verb, actor: Actor, *, now: datetime
) -> TransitionNotAllowed | None:
    """Why a page does not offer `verb` now; None when it does.

    The grace is for a click on its way. A page that says that the time is up shows no button.
    """
    return refusal(booking, verb, actor, now=now, grace=NO_GRACE)


def shows(booking: Booking, verb: Verb, actor: Actor, *, now: datetime) -> bool:
    return not_shown(booking, verb, actor, now=now) is None


def may_report(booking: Booking, *, now: datetime) -> bool:
    """Whether the follower can report this call now, perhaps not for the first time."""
    return allows(booking, Verb.REPORT_NO_SHOW, Actor(ActorKind.FOLLOWER), now=now)


def reported_too_often(booking: Booking) -> bool:
    return booking.reports_this_attempt >= MAX_REPORTS_PER_ATTEMPT


HELD_EARLIER_AT_MOST = timedelta(days=30)
"""How much earlier than planned an imported call may have been held."""


def not_held_at(
    booking: Booking, held_at: datetime, *, now: datetime
) -> TransitionNotAllowed | None:
    """Why the call cannot have taken place at this time, to the minute; None when it can have.

    A call that was imported was booked elsewhere: all we know is when it was planned, and it may
    have been held earlier than that.
    """
    if held_at > now:
        return TransitionNotAllowed(
            "details_missing", "The call cannot have taken place in the future."
        )
    earliest, sentence = (
        booking.created_at,
        "The call cannot have taken place before it was booked.",
    )
    if booking.starts_at < booking.created_at:
        earliest = booking.starts_at - HELD_EARLIER_AT_MOST
        sentence = "The call cannot have taken place so long before its planned time."
    if held_at >= earliest.replace(second=0, microsecond=0):
        return None
    return TransitionNotAllowed("details_missing", sentence)


def own_case(booking: Booking, actor: Actor) -> TransitionNotAllowed | None:
    """Why `actor` may not do something that only staff may do and that an expert could gain by."""
    if actor.user_id is None or actor.user_id == booking.expert.user_id:
        return TransitionNotAllowed("own_case", "You cannot decide your own case.")
    return None


def check_staff(actor: Actor, reason: str) -> None:
    """Raises TransitionNotAllowed unless staff acts, and with a reason. For what is no verb."""
    if actor.kind != ActorKind.STAFF:
        raise TransitionNotAllowed("not_yours", "Only staff may do this.")
    if not reason.strip():
        raise TransitionNotAllowed("reason_missing", "Give a reason.")


def _is_strangers(booking: Booking, actor: Actor) -> bool:
    return actor.kind == ActorKind.EXPERT and booking.expert.user_id != actor.user_id


def _deadline_refusal(
    booking: Booking, at_deadline: bool, grace: timedelta, now: datetime
) -> TransitionNotAllowed | None:
    is_over = clocks.is_over(booking.deadline_at, grace=grace, now=now)
    if at_deadline and not is_over:
        return TransitionNotAllowed("too_early", "The deadline has not passed yet.")
    if is_over and not at_deadline:
        return TransitionNotAllowed("too_late", "The deadline has passed.")
    return None


def _closing_refusal(
    booking: Booking, verb: Verb, grace: timedelta, now: datetime
) -> TransitionNotAllowed | None:
    """Why the follower is too late for a verb whose time does not end with the deadline."""
    closes_at, sentence = _CLOSING.get(verb, (None, ""))
    if closes_at and clocks.is_over(closes_at(booking), grace=grace, now=now):
        return TransitionNotAllowed("too_late", sentence)
    return None


def _report_no_show(booking: Booking, now: datetime) -> TransitionNotAllowed | None:
    if booking.has_open_report:
        return TransitionNotAllowed("reported", "You have already reported this call.")
    if now < clocks.report_opens_at(booking):
        minutes = int(booking.limits.report_opens_after.total_seconds() // 60)
        return TransitionNotAllowed(
            "too_early", f"You can report a no-show from {minutes} minutes after the start."
        )
    if reported_too_often(booking):
        return TransitionNotAllowed(
            "too_often", "You have reported this call and withdrawn the report too often."
        )
    return None


def _offer_reschedule(booking: Booking, now: datetime) -> TransitionNotAllowed | None:
    if booking.has_open_report and booking.offers_after_report > 0:
        return TransitionNotAllowed(
            "offered_before",
            "A new time was already offered once after a report. "
            "You can refund, or mark the call as completed if it was held.",
        )
    is_past = clocks.has_ended(booking, now) and not booking.has_open_report
    if is_past and now >= clocks.offer_closes_at(booking):
        days = booking.limits.offer_after_call.days
        return TransitionNotAllowed(
            "too_late", f"A new time can be offered up to {days} days after the call."
        )
    return None


def _withdraw_offer(booking: Booking, now: datetime) -> TransitionNotAllowed | None:
    if clocks.objection_ran_out(booking, now):
        return TransitionNotAllowed(
            "would_silence",
            "While your offer was open, the follower’s time to report or contest ended, so the "
            "offer stays open for them. You can refund, or mark the call as completed.",
        )
    return None


def _move_instead(booking: Booking, now: datetime) -> TransitionNotAllowed | None:
    if booking.offers_after_report == 0:
        return TransitionNotAllowed(
            "first_report", "The expert can still offer a new time for this call."
        )
    return None


def _refund_instead(booking: Booking, now: datetime) -> TransitionNotAllowed | None:
    if not booking.has_open_report:
        return TransitionNotAllowed("not_reported", "Nobody has reported a no-show for this call.")
    return None


def _mark_completed(booking: Booking, now: datetime) -> TransitionNotAllowed | None:
    if not clocks.has_ended(booking, now):
        return TransitionNotAllowed(
            "too_early", "A call can be marked as completed after its scheduled end."
        )
    return None


def _contest(booking: Booking, now: datetime) -> TransitionNotAllowed | None:
    if booking.contested_at is not None:
        return TransitionNotAllowed("contested_before", "You have already contested this call.")
    if clocks.contest_closes_at(booking) is None:
        return TransitionNotAllowed("not_marked", "This call was not marked as completed.")
    return None


def _cancel(booking: Booking, now: datetime) -> TransitionNotAllowed | None:
    if clocks.has_started(booking, now):
        return TransitionNotAllowed("too_late", "A call that has started cannot be cancelled.")
    return None


def _undo(booking: Booking, now: datetime) -> TransitionNotAllowed | None:
    if booking.undo_until is None or now >= booking.undo_until:
        return TransitionNotAllowed("too_late", "The time to undo is over.")
    return None


_CLOSING: dict[Verb, tuple[Callable[[Booking], datetime | None], str]] = {
    Verb.REPORT_NO_SHOW: (clocks.report_closes_at, "The time to report this call is over."),
    Verb.CONTEST: (clocks.contest_closes_at, "The time to contest is over."),
}
_CONDITIONS: dict[Verb, Callable[[Booking, datetime], TransitionNotAllowed | None]] = {
    Verb.REPORT_NO_SHOW: _report_no_show,
    Verb.OFFER_RESCHEDULE: _offer_reschedule,
    Verb.WITHDRAW_OFFER: _withdraw_offer,
    Verb.MOVE_INSTEAD: _move_instead,
    Verb.REFUND_INSTEAD: _refund_instead,
    Verb.MARK_COMPLETED: _mark_completed,
    Verb.CONTEST: _contest,
    Verb.CANCEL: _cancel,
    Verb.UNDO: _undo,
}
