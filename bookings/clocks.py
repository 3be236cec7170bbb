"""Every clock of a booking, as pure functions of its columns and `now` (all aware, UTC).

Instants are added in UTC: 72 hours are 72 elapsed hours on every day of the year.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bookings.policy import Policy
from bookings.states import FINAL, WAITING, State

if TYPE_CHECKING:
    from bookings.models import Booking

COMPARED_EVERY = timedelta(days=1)
WATCHED_FOR = timedelta(days=7)
"""How long after a payment, or its last refund, it is compared with its provider's books."""


def after(instant: datetime, duration: timedelta) -> datetime:
    """`duration` of elapsed time after `instant`, in UTC."""
    return instant.astimezone(UTC) + duration


def is_over(deadline_at: datetime | None, *, grace: timedelta, now: datetime) -> bool:
    """The one predicate: people act while it is False, the sweep acts when it is True."""
    return deadline_at is not None and now >= deadline_at + grace


def has_passed(deadline_at: datetime | None, now: datetime) -> bool:
    """Whether a page says that the time is up. It does not show the grace."""
    return is_over(deadline_at, grace=timedelta(0), now=now)


def has_started(booking: Booking, now: datetime) -> bool:
    return now >= booking.starts_at


def has_ended(booking: Booking, now: datetime) -> bool:
    return now >= booking.ends_at


def report_opens_at(booking: Booking) -> datetime:
    return after(booking.starts_at, booking.limits.report_opens_after)


def report_closes_at(booking: Booking) -> datetime:
    """72 hours after the scheduled end, or when an open offer ends if that is later."""
    closes_at = after(booking.ends_at, booking.limits.report_window)
    if booking.state == State.RESCHEDULE_OFFERED and booking.deadline_at is not None:
        return max(closes_at, booking.deadline_at)
    return closes_at


def offer_closes_at(booking: Booking) -> datetime:
    """Until when the expert may still offer a new time for a call that is over."""
    return after(booking.ends_at, booking.limits.offer_after_call)


def contest_closes_at(booking: Booking) -> datetime | None:
    if booking.marked_at is None:
        return None
    return after(booking.marked_at, booking.limits.contest_window)


def next_change_at(booking: Booking, now: datetime) -> datetime | None:
    """When a page that shows the booking is out of date though nobody has done anything: the next
    moment at which a clock runs out, or opens or closes what somebody may do."""
    if booking.state in FINAL:
        return None
    instants = (
        booking.deadline_at,
        booking.starts_at,
        report_opens_at(booking),
        booking.ends_at,
        report_closes_at(booking),
        contest_closes_at(booking),
        offer_closes_at(booking),
    )
    return min((at for at in instants if at is not None and at > now), default=None)


def objection_ran_out(booking: Booking, now: datetime) -> bool:
    """Whether the time in which the follower could report or contest has ended while an offer
    that nobody asked for was open: it would be over once the offer is withdrawn."""
    if booking.has_open_report or booking.deadline_at is None:
        return False
    closes_at: datetime | None = after(booking.ends_at, booking.limits.report_window)
    if booking.resume_state == State.COMPLETED:
        closes_at = None if booking.contested_at else contest_closes_at(booking)
    return closes_at is not None and _offered_at(booking) < closes_at <= now


def _offered_at(booking: Booking) -> datetime:
    """When the offer of a booking that has one was made."""
    assert booking.deadline_at is not None
    return booking.deadline_at - booking.limits.offer_window


def deadline_for(state: State, *, limits: Policy, now: datetime) -> datetime | None:
    """The deadline that starts now when a booking enters `state`."""
    window = window_of(state, limits=limits)
    return None if window is None else after(now, window)


def window_of(state: str, *, limits: Policy) -> timedelta | None:
    """The whole length of the clock of a state; None for a state without one."""
    waiting = WAITING.get(State(state))
    return getattr(limits, waiting.window) if waiting else None


def _lead_times(state: str, *, limits: Policy) -> tuple[timedelta, ...]:
    """How long before the deadline of a state somebody is reminded."""
    waiting = WAITING.get(State(state))
    if waiting is None:
        return ()
    found: timedelta | tuple[timedelta, ...] = getattr(limits, waiting.reminders)
    return found if isinstance(found, tuple) else (found,)


def first_reminder_at(
    *, state: str, ends_at: datetime, limits: Policy, now: datetime
) -> datetime | None:
    """The same for a booking that comes to us now: one whose call can still be reported asks its
    follower at once, or there would be no link to report it from."""
    if state == State.SCHEDULED and ends_at <= now < after(ends_at, limits.report_window):
        return now
    return next_reminder_at(state=state, ends_at=ends_at, deadline_at=None, limits=limits, now=now)


def next_reminder_at(
    *, state: str, ends_at: datetime, deadline_at: datetime | None, limits: Policy, now: datetime
) -> datetime | None:
    """When the next reminder of a booking in this state is due; None when there is none left.

    A scheduled call has one: the mail after the call. Only instants after `now` count.
    """
    if state == State.SCHEDULED:
        return ends_at if ends_at > now else None
    if deadline_at is None:
        return None
    reminders = (deadline_at - lead for lead in _lead_times(state, limits=limits))
    return min((at for at in reminders if at > now), default=None)


def resumed_reminder_at(booking: Booking, *, now: datetime) -> datetime | None:
    """The same for a booking whose offer ends without a new time. If its call ended meanwhile,
    nobody has asked the follower about it, and the offer's mail had no link to report it from."""
    state, limits, ends_at = booking.resume_state, booking.limits, booking.ends_at
    if state == State.SCHEDULED and _offered_at(booking) < ends_at:
        return first_reminder_at(state=state, ends_at=ends_at, limits=limits, now=now)
    deadline_at = booking.resume_deadline_at
    return next_reminder_at(
        state=state, ends_at=ends_at, deadline_at=deadline_at, limits=limits, now=now
    )


def next_compare_at(watched_since: datetime, *, now: datetime) -> datetime | None:
    """When a payment is compared with its provider's books next; None: not any more."""
    return after(now, COMPARED_EVERY) if now - watched_since < WATCHED_FOR else None
