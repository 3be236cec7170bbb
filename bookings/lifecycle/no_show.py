"""The follower says the call did not happen, or takes that back."""

from __future__ import annotations

from datetime import datetime

from bookings import clocks, links
from bookings.lifecycle.engine import close_cases, tell, transition, verb
from bookings.models import Booking, NoShowReport, Offer
from bookings.states import Actor, State, TransitionNotAllowed, Verb


@verb(Verb.REPORT_NO_SHOW)
def report_no_show(
    booking: Booking, *, actor: Actor, now: datetime, reason: str, text: str = ""
) -> None:
    """Open a case: the expert has until the deadline to answer."""
    if reason not in NoShowReport.Reason.values:
        raise TransitionNotAllowed("details_missing", "Choose what happened.")
    event = transition(
        booking,
        Verb.REPORT_NO_SHOW,
        State.NO_SHOW_REPORTED,
        actor=actor,
        now=now,
        note=text,
        data={"reason": reason, "is_second": booking.offers_after_report > 0},
        has_open_report=True,
        reports_this_attempt=booking.reports_this_attempt + 1,
        resume_state="",
        resume_deadline_at=None,
    )
    close_cases([event], now=now, offer=Offer.Outcome.CLOSED)
    NoShowReport.objects.create(
        booking=booking,
        attempt=booking.attempt,
        reason=reason,
        text=text,
        reported_at=now,
        due_at=clocks.after(now, booking.limits.no_show_window),
        made_by=event,
    )
    links.revoke(links.Purpose.PICK, now=now, by=[event])
    links.mark_used(booking, links.Purpose.REPORT, now=now)
    tell([event], now=now)


@verb(Verb.WITHDRAW_REPORT)
def withdraw_report(booking: Booking, *, actor: Actor, now: datetime) -> None:
    event = transition(
        booking,
        Verb.WITHDRAW_REPORT,
        State.SCHEDULED,
        actor=actor,
        now=now,
        has_open_report=False,
    )
    close_cases([event], now=now, report=NoShowReport.Outcome.WITHDRAWN)
    links.revoke(links.Purpose.PICK, now=now, by=[event])
    tell([event], now=now)
