"""Where a booking stands, told to the follower: one heading, a few sentences, the next step."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bookings import clocks, formats, rules
from bookings.presenters import refund_progress
from bookings.presenters.follower_case import Case
from bookings.presenters.follower_mark import is_absence, mark_facts, says
from bookings.presenters.follower_steps import Line, recent
from bookings.presenters.labels import Chip
from bookings.presenters.reader import words
from bookings.presenters.refund_progress import Progress
from bookings.states import State


@dataclass(frozen=True, slots=True)
class Standing:
    chip: Chip
    heading: str
    sentences: tuple[str, ...] = ()
    progress: Progress | None = None
    why: str = ""
    said: str = ""
    """words of the expert or of our team, with who said them"""
    said_by: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    """what the expert filled in besides"""
    answer: str = ""
    """the follower's own words to that"""
    where: str = ""
    room_url: str = ""
    """where it is a link one may follow"""
    is_off: bool = False
    """the time of the call counts no more"""
    calendar: bool = False
    """a future call: its calendar file is worth having"""
    is_final: bool = False
    lines: list[Line] = field(default_factory=list)
    limits: tuple[str, ...] = ()


def standing(case: Case) -> Standing:
    """The page `status`, and what a link that can do nothing more shows."""
    made = _STATES[State(case.booking.state)](case)
    lines = recent(case.events, case.booking, case.reader)
    return replace(made, lines=lines, limits=limits_in_force(case))


def _scheduled(case: Case) -> Standing:
    booking, reader = case.booking, case.reader
    if not clocks.has_started(booking, reader.now):
        chip = Chip("New time" if booking.attempt > 1 else "Upcoming", "info")
        heading = f"Your call with {case.expert} is on {reader.moment(booking.starts_at)}"
        return Standing(
            chip,
            heading,
            (f"This is your time in {case.place}.",),
            where=booking.place,
            room_url=room_url(booking.place),
            calendar=True,
        )
    if not clocks.has_ended(booking, reader.now):
        return Standing(Chip("Now", "ok"), f"Your call with {case.expert} is now")
    heading = f"Your call with {case.expert} was on {reader.moment(booking.starts_at)}"
    closes_at = clocks.report_closes_at(booking)
    if reader.now < closes_at:
        sentence = f"Did it not happen? You can tell us until {reader.moment(closes_at)}."
        if rules.reported_too_often(booking):
            sentence = (
                "You reported this call and withdrew that several times. If it did not happen, "
                "reply to any of our e-mails."
            )
        return Standing(Chip("Over", "plain"), heading, (sentence,))
    return Standing(
        Chip("Completed", "ok"), heading, ("Nobody told us that it did not happen.",), is_final=True
    )


def room_url(place: str) -> str:
    """`place` when it is a web address and nothing else; experts write it as they like."""
    is_address = place.startswith(("https://", "http://")) and not any(c.isspace() for c in place)
    return place if is_address else ""


def _reported(case: Case) -> Standing:
    heading = f"You reported this call on {case.reported_on}"
    if case.is_deadline_over:
        over = ("The time to answer is over.", *_ending(case))
        return Standing(Chip("No answer", "bad"), heading, over)
    return Standing(Chip("No-show reported", "warn"), heading, waiting(case))


def _ending(case: Case) -> tuple[str, ...]:
    """A deadline has passed: what happens now, within minutes."""
    if not case.booking.has_open_report and case.booking.state != State.CONTESTED:
        return ("Nothing else changes.",)
    if not case.back:
        return ("The booking is being closed.",)
    return (f"Your refund of {case.back} is starting.",)


def waiting(case: Case) -> tuple[str, ...]:
    """Until when the expert may answer an open report, and what happens without an answer."""
    if not case.back:
        then = "If there is no answer, the booking is closed; the call was free."
    else:
        then = f"If there is no answer, you get {case.back} back automatically."
    return (f"{case.expert} has until {case.deadline} to answer.", then)


def _offered(case: Case) -> Standing:
    if case.is_deadline_over:
        over = ("The time to choose one is over.", *_ending(case))
        return Standing(Chip("Link ended", "plain"), "The link to pick a new time has ended", over)
    note, by = (case.offer.note, case.expert) if case.offer else ("", "")
    heading = f"{case.expert} would like to find a new time with you"
    sentence = f"You can choose one until {case.deadline}. {without_a_pick(case)}"
    return Standing(Chip("Waiting for you", "info"), heading, (sentence,), said=note, said_by=by)


def without_a_pick(case: Case) -> str:
    """What happens if the follower lets an offer lapse."""
    if not case.booking.has_open_report:
        return "If you pick nothing, nothing changes."
    if not case.back:
        return "If you pick nothing, the booking is closed; the call was free."
    return f"If you pick nothing, we refund your {case.back} automatically."


def _completed(case: Case) -> Standing:
    decided = case.contest if case.contest and case.contest.decision else None
    if decided and case.mark and decided.contested_at >= case.mark.marked_at:
        return Standing(
            Chip("Completed", "ok"),
            "Our team decided that your call took place",
            said=decided.decision_reason,
            said_by="Our team",
            is_final=True,
        )
    sentence = ""
    closes_at = clocks.contest_closes_at(case.booking)
    if closes_at and case.reader.now < closes_at:
        sentence = f"Not right? You can tell us until {case.reader.moment(closes_at)}."
    return Standing(
        Chip("Completed", "ok"),
        says(case),
        (sentence,) if sentence else (),
        said=case.mark.note if case.mark else "",
        said_by=case.expert,
        is_final=not sentence,
    )


def _contested(case: Case) -> Standing:
    money = f", you get {case.back} back" if case.back else ", the case is closed"
    then: tuple[str, ...] = (
        f"You hear from us by {case.deadline}. If nobody decides by then{money}.",
    )
    if case.is_deadline_over:
        then = ("The time to decide is over.", *_ending(case))
    return Standing(
        Chip("With our team", "info"),
        "Our team is looking at it",
        (
            f"{says(case)}. You told us that this is not right.",
            *then,
        ),
        said=case.mark.note if case.mark else "",
        said_by=case.expert,
        facts=() if is_absence(case) else tuple(mark_facts(case)[1:]),
        answer=case.contest.reason if case.contest else "",
    )


def _refunded(case: Case) -> Standing:
    """Refunded or cancelled: the heading is about the money, the reason comes below it."""
    last = next((e for e in case.events if e.to_state == case.booking.state), None)
    reason = ""
    if last is not None:
        reason = refund_progress.why(last.verb, last.actor_kind, case.booking, last.note)
    if case.refund is None or case.payment is None:
        said = "The call was free, so there is nothing to refund." if case.is_free else ""
        if case.payment is not None and (minor := case.payment.returned_external_minor):
            said = f"{formats.money(minor, case.payment.currency)} went back to you directly."
        is_cancelled = case.booking.state == State.CANCELLED
        heading = "This call is cancelled" if is_cancelled else "This booking is closed"
        return Standing(
            Chip("Closed", "plain"),
            heading,
            (said,) if said else (),
            why=reason,
            is_off=True,
            is_final=True,
        )
    made = refund_progress.progress(
        case.refund, case.payment, case.reader, report=case.report, contest=case.contest
    )
    return Standing(
        made.chip,
        made.heading,
        made.sentences,
        progress=made,
        why=reason,
        is_off=True,
        is_final=made.is_final,
    )


_STATES = {
    State.SCHEDULED: _scheduled,
    State.NO_SHOW_REPORTED: _reported,
    State.RESCHEDULE_OFFERED: _offered,
    State.COMPLETED: _completed,
    State.CONTESTED: _contested,
    State.REFUNDED: _refunded,
    State.CANCELLED: _refunded,
}


def limits_in_force(case: Case) -> tuple[str, ...]:
    """The limits this booking was made under."""
    limits, expert = case.booking.limits, case.expert
    return (
        f"You can report a no-show from {words(limits.report_opens_after)} after the start until "
        f"{words(limits.report_window)} after the end.",
        f"{expert} then has {words(limits.no_show_window)} to answer; without an answer "
        "everything you paid goes back to you.",
        f"A link to pick a new time is open for {words(limits.offer_window)}.",
        f"If {expert} marks the call as completed, you can say it is not right for "
        f"{words(limits.contest_window)}; our team then decides within "
        f"{words(limits.decide_window)}.",
    )
