"""What happens next, if nobody does anything? One sentence, the same on pages and in e-mails."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from bookings import clocks, formats
from bookings.models import Booking, Payment
from bookings.states import State
from bookings.wording.history import Entry
from bookings.wording.labels import is_unconfirmed
from bookings.wording.reader import Reader


def at_stake_minor(booking: Booking) -> int:
    """What would go back now, in minor units: everything captured minus what went back already."""
    payment: Payment | None = getattr(booking, "payment", None)
    return payment.refundable_minor if payment else 0


def at_stake(booking: Booking) -> str:
    """₹2,400; empty where there is nothing to send back."""
    minor = at_stake_minor(booking)
    return formats.money(minor, booking.currency) if minor else ""


class Silence(NamedTuple):
    """What silence comes to. {expert}, {follower}, {money} and {until} are filled in."""

    refunded: str
    closed: str
    """Said instead where there is nothing to send back."""


class _Told(NamedTuple):
    expert: Silence
    follower: Silence
    staff: Silence | None = None
    """None where staff reads what the expert reads."""


_REPORTED = _Told(
    expert=Silence(
        "If you do nothing, {follower} gets {money} back automatically.",
        "If you do nothing, the booking is closed.",
    ),
    follower=Silence(
        "If there is no answer, you get {money} back automatically.",
        "If there is no answer, the booking is closed.",
    ),
    staff=Silence(
        "If {expert} does nothing, {follower} gets {money} back automatically.",
        "If {expert} does nothing, the booking is closed.",
    ),
)
_REPORTED_UNTIL = _Told(
    expert=Silence(
        "If you do nothing by {until}, {follower} gets {money} back automatically.",
        "If you do nothing by {until}, the booking is closed.",
    ),
    follower=Silence(
        "If {expert} does not answer by {until}, you get {money} back automatically.",
        "If {expert} does not answer by {until}, the booking is closed.",
    ),
    staff=Silence(
        "If {expert} does nothing by {until}, {follower} gets {money} back automatically.",
        "If {expert} does nothing by {until}, the booking is closed.",
    ),
)
_OFFERED_AFTER_A_REPORT = _Told(
    expert=Silence(
        "If {follower} picks no time, {follower} gets {money} back automatically.",
        "If {follower} picks no time, the booking is closed.",
    ),
    follower=Silence(
        "If you pick nothing, you get {money} back automatically.",
        "If you pick nothing, the booking is closed.",
    ),
)
_OFFERED_AFTER_A_REPORT_UNTIL = _Told(
    expert=Silence(
        "If {follower} picks no time by {until}, {follower} gets {money} back automatically.",
        "If {follower} picks no time by {until}, the booking is closed.",
    ),
    follower=Silence(
        "If you pick nothing by {until}, you get {money} back automatically.",
        "If you pick nothing by {until}, the booking is closed.",
    ),
)


def _same(sentence: str) -> Silence:
    """Whatever was paid."""
    return Silence(sentence, sentence)


_OFFERED = _Told(
    expert=_same("If {follower} picks no time, nothing changes."),
    follower=_same("If you pick nothing, nothing changes."),
)
_OFFERED_UNTIL = _Told(
    expert=_same("If {follower} picks no time by {until}, nothing changes."),
    follower=_same("If you pick nothing by {until}, nothing changes."),
)
_CONTESTED = _Told(
    expert=Silence(
        "If nobody decides by then, {follower} gets {money} back.",
        "If nobody decides by then, the booking is closed.",
    ),
    follower=Silence(
        "If nobody decides by then, you get {money} back.",
        "If nobody decides by then, the booking is closed.",
    ),
)


_OVER_REPORTED = _Told(
    expert=Silence(
        "The {no_show_window} have ended, so the refund starts now.",
        "The {no_show_window} have ended, so the booking is closed now.",
    ),
    follower=Silence(
        "The time to answer is over. Your refund of {money} is starting.",
        "The time to answer is over. The booking is being closed.",
    ),
)
_OVER_OFFERED_AFTER_A_REPORT = _Told(
    expert=Silence(
        "{follower} picked no time, so the refund starts now.",
        "{follower} picked no time, so the booking is closed now.",
    ),
    follower=Silence(
        "The time to choose one is over. Your refund of {money} is starting.",
        "The time to choose one is over. The booking is being closed.",
    ),
)
_OVER_OFFERED = _Told(
    expert=_same("{follower} picked no time, so nothing changes."),
    follower=_same("The time to choose one is over. Nothing else changes."),
)
_OVER_CONTESTED = _Told(
    expert=Silence(
        "Our team has not decided in {decide_window}, so the refund starts now.",
        "Our team has not decided in {decide_window}, so the booking is closed now.",
    ),
    follower=Silence(
        "The time to decide is over. Your refund of {money} is starting.",
        "The time to decide is over. The booking is being closed.",
    ),
    staff=Silence(
        "Nobody decided in {decide_window}, so the refund starts now.",
        "Nobody decided in {decide_window}, so the booking is closed now.",
    ),
)


class _Situation(NamedTuple):
    """What is said while the clock runs, also with the deadline in it, and once it has ended."""

    running: _Told
    dated: _Told
    over: _Told


_SITUATIONS: dict[tuple[State, bool], _Situation] = {
    (State.NO_SHOW_REPORTED, False): _Situation(_REPORTED, _REPORTED_UNTIL, _OVER_REPORTED),
    (State.RESCHEDULE_OFFERED, True): _Situation(
        _OFFERED_AFTER_A_REPORT, _OFFERED_AFTER_A_REPORT_UNTIL, _OVER_OFFERED_AFTER_A_REPORT
    ),
    (State.RESCHEDULE_OFFERED, False): _Situation(_OFFERED, _OFFERED_UNTIL, _OVER_OFFERED),
    (State.CONTESTED, False): _Situation(_CONTESTED, _CONTESTED, _OVER_CONTESTED),
}
"""By the state of a waiting booking, and whether a new time was offered after a report."""


def if_nobody_acts(
    booking: Booking, reader: Reader, *, state: State | None = None, until: str = ""
) -> str:
    """What silence comes to; empty in a state without a clock. Once the deadline has passed: what
    happens now. `state` is another one than the booking's where a dialog says what would be; with
    `until` the sentence names the deadline."""
    is_over = state is None and clocks.has_passed(booking.deadline_at, reader.now)
    state = state or State(booking.state)
    is_after_a_report = state == State.RESCHEDULE_OFFERED and booking.has_open_report
    situation = _SITUATIONS.get((state, is_after_a_report))
    if situation is None:
        return ""
    told = situation.over if is_over else situation.dated if until else situation.running
    money = at_stake(booking)
    silence: Silence = getattr(told, reader.audience) or told.expert
    limits = booking.limits
    return (silence.refunded if money else silence.closed).format(
        expert=booking.expert.first_name,
        follower=booking.buyer.first_name,
        money=money,
        until=until,
        no_show_window=formats.duration(limits.no_show_window),
        decide_window=formats.duration(limits.decide_window),
    )


# --- the line at the top of a history -------------------------------------------------------------


def next_step(booking: Booking, reader: Reader) -> Entry | None:
    """What comes next by itself, as the expert reads it; None where nothing more will happen."""
    at, icon, text = _next(booking, reader)
    if at is None:
        return None
    when = reader.near(at)
    return Entry(
        icon=icon,
        tone="next",
        text=text,
        when=when[:1].upper() + when[1:],
        when_iso=formats.utc_iso(at),
        is_next=True,
    )


def _next(booking: Booking, reader: Reader) -> tuple[datetime | None, str, str]:
    name = booking.buyer.first_name
    if silence := if_nobody_acts(booking, reader):
        changes = booking.state != State.RESCHEDULE_OFFERED or booking.has_open_report
        return booking.deadline_at, "bank" if changes else "clock", silence.removesuffix(".")
    match State(booking.state):
        case State.SCHEDULED if not clocks.has_started(booking, reader.now):
            return booking.starts_at, "video", f"Your call with {name}"
        case State.SCHEDULED if is_unconfirmed(booking, reader):
            closes_at = clocks.report_closes_at(booking)
            return closes_at, "check", f"Counts as completed if {name} reports nothing"
        case State.COMPLETED if until := contestable_until(booking, reader):
            return until, "check", f"Settled if {name} does not contest the mark"
    return None, "", ""


def contestable_until(booking: Booking, reader: Reader) -> datetime | None:
    """None when the mark can be contested no more."""
    until = clocks.contest_closes_at(booking)
    if until is None or booking.contested_at is not None or until <= reader.now:
        return None
    return until
