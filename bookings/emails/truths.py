"""Whether an e-mail is still true when it is about to be sent, and to whom an event matters.

The first half reads the present state. The second half, `after_…`, reads only the event.
"""

from __future__ import annotations

from bookings import clocks
from bookings.emails.case import MailCase
from bookings.intake import CHECKOUT
from bookings.models import (
    NoShowReport,
    Offer,
    OutboxState,
    RefundState,
    TimelineEvent,
    User,
)
from bookings.models.money import FAILED, NEEDS_STAFF
from bookings.states import FINAL, ActorKind, State

LEFT_THE_HOUSE = (OutboxState.SENDING, OutboxState.SENT)


def offer_is_open(case: MailCase) -> bool:
    """The very offer the event made is open; a link sent again belongs to whichever is open."""
    if case.booking.state != State.RESCHEDULE_OFFERED or not _same_deadline(case):
        return False
    offer = case.booking.offers.filter(outcome=Offer.Outcome.OPEN).first()
    if offer is None or case.event is None or case.event.verb != "offer_reschedule":
        return offer is not None
    return offer.made_by_id == case.event.pk


def offer_was_mailed(case: MailCase) -> bool:
    """Nobody is told that a link is withdrawn which they never got."""
    if case.booking.state == State.RESCHEDULE_OFFERED or case.event is None:
        return False
    withdrawn = Offer.objects.filter(closed_by=case.event).first()
    if withdrawn is None:
        return False
    mailed = case.booking.emails.filter(kind="offer", state__in=LEFT_THE_HOUSE)
    return mailed.filter(created_at__gte=withdrawn.offered_at).exists()


def report_is_open(case: MailCase) -> bool:
    if case.booking.state != State.NO_SHOW_REPORTED or case.event is None:
        return False
    return case.booking.reports.filter(
        made_by=case.event, outcome=NoShowReport.Outcome.OPEN
    ).exists()


def report_is_closed(case: MailCase) -> bool:
    return not case.booking.has_open_report


def clock_runs(case: MailCase) -> bool:
    """The same deadline as when the reminder was written, and it has not passed."""
    deadline_at = case.booking.deadline_at
    is_ahead = deadline_at is not None and case.now < deadline_at
    return case.booking.state == State.NO_SHOW_REPORTED and is_ahead and _same_deadline(case)


def is_contested(case: MailCase) -> bool:
    return case.booking.state == State.CONTESTED and _same_deadline(case)


def is_unconfirmed(case: MailCase) -> bool:
    """The call is over, nobody has said anything, and it was not moved since."""
    booking = case.booking
    is_past = clocks.has_ended(booking, case.now) and _same_start(case)
    return is_past and booking.state == State.SCHEDULED and not booking.has_open_report


def time_holds(case: MailCase) -> bool:
    """The call is still at the time that was picked."""
    picked = case.instant("to")
    return case.booking.starts_at == picked and State(case.booking.state) not in FINAL


def as_booked(case: MailCase) -> bool:
    """The call is still at the time it was bought for."""
    bought = case.instant("starts_at")
    return case.booking.starts_at == bought and State(case.booking.state) not in FINAL


def mark_stands(case: MailCase) -> bool:
    """The very mark the event made, and not one of an earlier attempt."""
    mark, booking = case.mark, case.booking
    if mark is None or mark.undone_at is not None or mark.marked_at != booking.marked_at:
        return False
    return booking.state == State.COMPLETED


def is_cancelled(case: MailCase) -> bool:
    return case.booking.state == State.CANCELLED


def was_decided(case: MailCase) -> bool:
    contest = case.contest
    return contest is not None and contest.decision != ""


def has_ended(case: MailCase) -> bool:
    """Refunded or cancelled, whatever became of the money since: the words say that. An undo
    takes back what was held."""
    return State(case.booking.state) in FINAL


def refund_succeeded(case: MailCase) -> bool:
    return case.refund is not None and case.refund.state == RefundState.SUCCEEDED


def refund_failed(case: MailCase) -> bool:
    return case.refund is not None and case.refund.state in FAILED


def refund_needs_staff(case: MailCase) -> bool:
    refund = case.refund
    if refund is None:
        return False
    is_slow = refund.state == RefundState.ACCEPTED and refund.alerted_at is not None
    return bool(refund.hold_reason) or refund.state in NEEDS_STAFF or is_slow


def link_is_current(case: MailCase) -> bool:
    purpose = case.datum("purpose")
    return case.booking.links.filter(purpose=purpose, superseded_at__isnull=True).exists()


def account_exists(case: MailCase) -> bool:
    """A form to which everybody can send any address writes this e-mail for each of them."""
    try:
        return case.user.is_active
    except User.DoesNotExist:
        return False


def _same_deadline(case: MailCase) -> bool:
    written = case.facts.get("deadline_at")
    now = case.booking.deadline_at
    return written is None or (now is not None and now.isoformat() == written)


def _same_start(case: MailCase) -> bool:
    written = case.facts.get("starts_at")
    return written is None or case.booking.starts_at.isoformat() == written


def after_checkout(event: TimelineEvent) -> bool:
    """Bought here just now, not imported and not part of the demo's past."""
    return bool(event.data.get("origin") == CHECKOUT)


def after_refund(event: TimelineEvent) -> bool:
    return event.to_state == State.REFUNDED


def after_refund_by_others(event: TimelineEvent) -> bool:
    return after_refund(event) and event.actor_kind != ActorKind.EXPERT


def after_lapse_without_refund(event: TimelineEvent) -> bool:
    return event.to_state != State.REFUNDED


def after_staff(event: TimelineEvent) -> bool:
    return event.actor_kind == ActorKind.STAFF
