"""Offering a new time, taking the offer back, and the follower's answers to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bookings import clocks, emails, links, rules, slots, tasks, timeline
from bookings.lifecycle import ending
from bookings.lifecycle.engine import (
    BookingRef,
    Step,
    at_deadline,
    close_cases,
    in_transaction,
    lock,
    not_before,
    tell,
    transition,
    transition_all,
    verb,
)
from bookings.models import Booking, NoShowReport, Offer, OfferedSlot, TimelineEvent
from bookings.states import Actor, State, TransitionNotAllowed, Verb

MAX_LISTED_SLOTS = 8
LISTED_AHEAD = timedelta(days=365)
"""An expert is booked so far ahead at most. Who picks waits that long, and so does the money."""
RESEND_AFTER = timedelta(minutes=10)
MAX_OFFERS, OFFERS_WITHIN = 4, timedelta(days=1)


@verb(Verb.OFFER_RESCHEDULE)
def offer_reschedule(
    booking: Booking,
    *,
    actor: Actor,
    now: datetime,
    mode: str = Offer.Mode.AVAILABILITY,
    slots: Sequence[datetime] = (),
    note: str = "",
) -> None:
    """Mail the follower a link to pick a new time; stops the clock of a report."""
    listed = [start.astimezone(UTC) for start in slots] if mode == Offer.Mode.LISTED else []
    _check_pace(booking, now=now)
    _check_slots(booking, listed, mode=mode, now=now)
    expires_at = clocks.after(now, booking.limits.offer_window)
    event = transition(
        booking,
        Verb.OFFER_RESCHEDULE,
        State.RESCHEDULE_OFFERED,
        actor=actor,
        now=now,
        note=note,
        data={
            "mode": mode,
            "expires_at": expires_at.isoformat(),
            "is_after_report": booking.has_open_report,
        },
        deadline_at=expires_at,
        resume_state=booking.state,
        resume_deadline_at=booking.deadline_at,
        offers_after_report=booking.offers_after_report + booking.has_open_report,
    )
    offer = Offer.objects.create(
        booking=booking,
        attempt=booking.attempt,
        mode=mode,
        note=note,
        is_after_report=booking.has_open_report,
        offered_at=now,
        expires_at=expires_at,
        made_by=event,
    )
    OfferedSlot.objects.bulk_create(
        OfferedSlot(offer=offer, starts_at=start) for start in sorted(set(listed))
    )
    links.issue(booking, links.Purpose.PICK, now=now, by=event)
    tell([event], now=now)


def latest_listed(now: datetime) -> datetime:
    return clocks.after(now, LISTED_AHEAD)


def _check_pace(booking: Booking, *, now: datetime) -> None:
    """Offering and withdrawing in turns would mail the follower each time."""
    lately = booking.offers.filter(offered_at__gt=now - OFFERS_WITHIN)
    if lately.exclude(outcome=Offer.Outcome.UNDONE).count() >= MAX_OFFERS:
        raise TransitionNotAllowed(
            "too_often", "New times were offered several times today. Try again tomorrow."
        )


def _check_slots(booking: Booking, listed: Sequence[datetime], *, mode: str, now: datetime) -> None:
    """At least two free slots in the next 14 days, or the offer would be an empty promise."""
    limits = booking.limits
    if mode == Offer.Mode.LISTED:
        if len(listed) > MAX_LISTED_SLOTS:
            raise TransitionNotAllowed("too_many_slots", f"List at most {MAX_LISTED_SLOTS} times.")
        if any(start > latest_listed(now) for start in listed):
            raise TransitionNotAllowed("too_far", "Suggest times within the next year.")
        # The time it already has cannot be picked: it does not count.
        new = [at for at in listed if at > now and at != booking.starts_at]
        free = slots.still_free(booking, new, now=now)
    elif mode == Offer.Mode.AVAILABILITY:
        free = slots.free_for(booking, now=now, until=clocks.after(now, limits.offer_slot_horizon))
    else:
        raise TransitionNotAllowed("details_missing", "Choose which times to offer.")
    horizon = clocks.after(now, limits.offer_slot_horizon)
    if len([start for start in free if start < horizon]) < limits.min_offer_slots:
        raise TransitionNotAllowed(
            "too_few_slots",
            f"Add at least {limits.min_offer_slots} free times in the next "
            f"{limits.offer_slot_horizon.days} days before you send the link.",
        )


@verb(Verb.WITHDRAW_OFFER)
def withdraw_offer(booking: Booking, *, actor: Actor, now: datetime) -> None:
    """Back to the state before, with its original deadline: stopping the clock gains nothing."""
    (event,) = _resume([booking], Verb.WITHDRAW_OFFER, actor=actor, now=now)
    close_cases([event], now=now, offer=Offer.Outcome.WITHDRAWN)
    links.revoke(links.Purpose.PICK, now=now, by=[event])
    tell([event], now=now)


@verb(Verb.PICK_TIME, claims_slot=True)
def pick_time(booking: Booking, *, actor: Actor, now: datetime, starts_at: datetime) -> None:
    """The follower takes a slot that is free at this moment."""
    offer = booking.offers.filter(outcome=Offer.Outcome.OPEN).prefetch_related("slots").first()
    _move_to(booking, Verb.PICK_TIME, starts_at, offer=offer, actor=actor, now=now)


@verb(Verb.MOVE_INSTEAD, claims_slot=True)
def move_instead(booking: Booking, *, actor: Actor, now: datetime, starts_at: datetime) -> None:
    """After a second report only the follower may choose to move the call; the clock runs on."""
    _move_to(booking, Verb.MOVE_INSTEAD, starts_at, offer=None, actor=actor, now=now)


def _move_to(
    booking: Booking,
    name: Verb,
    starts_at: datetime,
    *,
    offer: Offer | None,
    actor: Actor,
    now: datetime,
) -> None:
    starts_at = starts_at.astimezone(UTC)
    if starts_at not in slots.free_for(booking, now=now, offer=offer):
        raise TransitionNotAllowed("taken", "This time is not free any more.")
    old = booking.starts_at
    ends_at = starts_at + timedelta(minutes=booking.duration_minutes)
    event = transition(
        booking,
        name,
        State.SCHEDULED,
        actor=actor,
        now=now,
        data={"from": old.isoformat(), "to": starts_at.isoformat()},
        starts_at=starts_at,
        ends_at=ends_at,
        busy_until=ends_at + timedelta(minutes=booking.expert.buffer_minutes),
        attempt=booking.attempt + 1,
        calendar_sequence=booking.calendar_sequence + 1,
        resume_state="",
        resume_deadline_at=None,
        has_open_report=False,
        reports_this_attempt=0,
        marked_at=None,
        contested_at=None,
    )
    close_cases(
        [event],
        now=now,
        report=NoShowReport.Outcome.RESCHEDULED,
        offer=Offer.Outcome.PICKED,
    )
    links.mark_used(booking, links.Purpose.PICK, now=now)
    links.revoke(links.Purpose.REPORT, links.Purpose.CONTEST, now=now, by=[event])
    tell([event], now=now)


@verb(Verb.REFUND_INSTEAD)
def refund_instead(booking: Booking, *, actor: Actor, now: datetime) -> None:
    """The follower takes the money back rather than a new time."""
    ending.end_with_refund([booking], Verb.REFUND_INSTEAD, actor=actor, now=now)


@at_deadline(Verb.OFFER_LAPSED)
def lapse(bookings: Sequence[Booking], *, actor: Actor, now: datetime) -> None:
    """Nobody picked: the money goes back after a report, else nothing has changed."""
    reported = [booking for booking in bookings if booking.has_open_report]
    unasked = [booking for booking in bookings if not booking.has_open_report]
    if reported:
        ending.end_with_refund(reported, Verb.OFFER_LAPSED, actor=actor, now=now)
    if unasked:
        events = _resume(unasked, Verb.OFFER_LAPSED, actor=actor, now=now)
        close_cases(events, now=now, offer=Offer.Outcome.LAPSED)
        tell(events, now=now)


def _resume(
    bookings: Sequence[Booking], name: Verb, *, actor: Actor, now: datetime
) -> list[TimelineEvent]:
    steps = [
        Step(
            booking,
            State(booking.resume_state),
            changes={
                "deadline_at": booking.resume_deadline_at,
                "next_reminder_at": clocks.resumed_reminder_at(booking, now=now),
                "resume_state": "",
                "resume_deadline_at": None,
            },
        )
        for booking in bookings
    ]
    events = transition_all(steps, name, actor=actor, now=now)
    if marked := [booking for booking in bookings if booking.state == State.COMPLETED]:
        # An offer made right after the mark kept the follower from hearing of it.
        held_until = not_before(marked[0], now)
        emails.queue_again("marked_completed", marked, not_before=held_until)
    return events


def resend_offer(booking_ref: BookingRef, *, actor: Actor, now: datetime) -> Booking:
    """Mail the link of the open offer once more; no change of state, no new deadline."""

    def once() -> Booking:
        booking = lock(booking_ref)
        refused = rules.refusal(booking, Verb.WITHDRAW_OFFER, actor, now=now)
        if refused and refused.code != "would_silence":  # that offer stays, and so does its link
            raise refused
        recent = booking.events.filter(
            verb__in=["link_resent", Verb.OFFER_RESCHEDULE], at__gt=now - RESEND_AFTER
        )
        if recent.exists():
            raise TransitionNotAllowed(
                "too_often", "The link was sent a few minutes ago. Try again in ten minutes."
            )
        event = timeline.append(booking, "link_resent", actor=actor, at=now)
        tell([event], now=now)
        tasks.wake(booking)
        return booking

    return in_transaction(once, "link_resent")
