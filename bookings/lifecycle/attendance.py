"""Did the call take place? The follower reports that it did not, the expert says that it did, the
follower may contest that, and staff decides.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bookings import clocks, links, rules
from bookings.database import kept_statements
from bookings.database.prepared import sent_together
from bookings.lifecycle import ending
from bookings.lifecycle.engine import close_cases, tell, transition, verb
from bookings.models import Booking, CompletionMark, Contest, NoShowReport, Offer
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


@verb(Verb.MARK_COMPLETED)
def mark_completed(
    booking: Booking,
    *,
    actor: Actor,
    now: datetime,
    outcome: str,
    channel: str = "",
    held_at: datetime | None = None,
    minutes: int | None = None,
    note: str = "",
) -> None:
    """Record a call that was held, here or elsewhere; no refund follows.

    On a reported booking the channel and the time of the call are required, and the follower is
    told what the expert wrote. `minutes` is the length of the call.
    """
    was_reported = booking.has_open_report
    _check_mark(booking, outcome, channel, held_at, now=now)
    details: dict[str, Any] = {
        "outcome": outcome, "channel": channel, "held_at": held_at, "minutes": minutes,
    }  # fmt: skip
    event = transition(
        booking,
        Verb.MARK_COMPLETED,
        State.COMPLETED,
        actor=actor,
        now=now,
        note=note,
        data={**details, "held_at": held_at and held_at.isoformat(), "was_reported": was_reported},
        marked_at=now,
        has_open_report=False,
        resume_state="",
        resume_deadline_at=None,
    )
    mark = CompletionMark(
        booking=booking, attempt=booking.attempt, note=note, marked_at=now, made_by=event, **details
    )
    contest, pick = links.Purpose.CONTEST, links.Purpose.PICK
    with sent_together():
        close_cases(
            [event],
            now=now,
            report=NoShowReport.Outcome.COMPLETED,
            offer=Offer.Outcome.CLOSED,
        )
        kept_statements.insert([mark])
        links.issue(booking, contest, now=now, by=event, and_revoke=[pick])
        tell([event], now=now)


def _check_mark(
    booking: Booking, outcome: str, channel: str, held_at: datetime | None, *, now: datetime
) -> None:
    if outcome not in CompletionMark.Outcome.values:
        raise TransitionNotAllowed("details_missing", "Choose how the call went.")
    if channel and channel not in CompletionMark.Channel.values:
        raise TransitionNotAllowed("details_missing", "Choose where the call was held.")
    if held_at is not None and (no := rules.not_held_at(booking, held_at, now=now)):
        raise no
    if outcome == CompletionMark.Outcome.FOLLOWER_ABSENT:
        return
    if outcome == CompletionMark.Outcome.HELD_ELSEWHERE and not channel:
        raise TransitionNotAllowed("details_missing", "Choose where the call was held.")
    if booking.has_open_report and not (channel and held_at):
        raise TransitionNotAllowed(
            "details_missing", "Say where and when the call was held: the follower reported it."
        )


@verb(Verb.CONTEST)
def contest(booking: Booking, *, actor: Actor, now: datetime, reason: str) -> None:
    """The follower says the mark is wrong; staff has seven days, else the money goes back."""
    if not reason.strip():
        raise TransitionNotAllowed("reason_missing", "Say what happened.")
    event = transition(
        booking,
        Verb.CONTEST,
        State.CONTESTED,
        actor=actor,
        now=now,
        note=reason,
        contested_at=now,
    )
    Contest.objects.create(
        booking=booking, attempt=booking.attempt, reason=reason, contested_at=now
    )
    links.mark_used(booking, links.Purpose.CONTEST, now=now)
    tell([event], now=now)


@verb(Verb.DECIDE)
def decide(
    booking: Booking,
    *,
    actor: Actor,
    now: datetime,
    decision: str,
    reason: str,
    amount_minor: int | None = None,
    in_addition: bool = False,
) -> None:
    """Staff decides a contested booking, in writing; both sides get the reason by mail."""
    if not reason.strip():
        raise TransitionNotAllowed("reason_missing", "Give a written reason.")
    if decision == Contest.Decision.REFUNDED:
        ending.end_with_refund(
            [booking],
            Verb.DECIDE,
            actor=actor,
            now=now,
            amount_minor=amount_minor,
            in_addition=in_addition,
            note=reason,
            data={"decision": decision},
        )
    elif decision == Contest.Decision.COMPLETED:
        event = transition(
            booking,
            Verb.DECIDE,
            State.COMPLETED,
            actor=actor,
            now=now,
            note=reason,
            data={"decision": decision},
        )
        tell([event], now=now)
    else:
        raise TransitionNotAllowed("details_missing", "Choose a decision.")
    booking.contests.filter(attempt=booking.attempt).update(
        decision=decision, decision_reason=reason, decided_by_id=actor.user_id, decided_at=now
    )
