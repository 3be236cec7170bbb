"""Where a booking stands, told to the follower: one heading, a few sentences, the next step."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bookings import clocks, formats, rules
from bookings.presenters import refund_progress
from bookings.presenters.refund_progress import Progress
from bookings.states import State, Verb
from bookings.wording import history, limits
from bookings.wording.case import Case
from bookings.wording.chip import Chip
from bookings.wording.next_step import if_nobody_acts
from bookings.wording.refund import amount_of, sentences, why


@dataclass(frozen=True, slots=True)
class Standing:
    chip: Chip
    heading: str
    sentences: tuple[str, ...] = ()
    progress: Progress | None = None
    why: str = ""
    said: str = ""
    """What the expert or our team wrote; `said_by` tells who."""
    said_by: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    """What the expert filled in besides."""
    answer: str = ""
    """The follower's own answer to that."""
    where: str = ""
    room_url: str = ""
    """Given where the place is a link that one may follow."""
    is_off: bool = False
    """The time of the call no longer counts."""
    calendar: bool = False
    """The call lies ahead, so its calendar file is worth having."""
    is_final: bool = False
    lines: list[history.Entry] = field(default_factory=list)
    limits: tuple[str, ...] = ()


def standing(case: Case) -> Standing:
    """The page `status`, and what a link that can do nothing more shows."""
    made = _STATES[State(case.booking.state)](case)
    lines = history.for_follower(case.events, case.booking, case.reader)
    return replace(made, lines=lines, limits=limits.in_force(case.booking, case.reader))


def _scheduled(case: Case) -> Standing:
    booking, reader = case.booking, case.reader
    if not clocks.has_started(booking, reader.now):
        chip = Chip("New time" if booking.attempt > 1 else "Upcoming", "info")
        heading = (
            f"Your call with {case.expert.first_name} is on {reader.moment(booking.starts_at)}"
        )
        return Standing(
            chip,
            heading,
            (f"This is your time in {case.place}.",),
            where=booking.place,
            room_url=room_url(booking.place),
            calendar=True,
        )
    if not clocks.has_ended(booking, reader.now):
        return Standing(Chip("Now", "ok"), f"Your call with {case.expert.first_name} is now")
    heading = f"Your call with {case.expert.first_name} was on {reader.moment(booking.starts_at)}"
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
        over = (if_nobody_acts(case.booking, case.reader),)
        return Standing(Chip("No answer", "bad"), heading, over)
    return Standing(Chip("No-show reported", "warn"), heading, case.until_answered)


def _offered(case: Case) -> Standing:
    if case.is_deadline_over:
        over = (if_nobody_acts(case.booking, case.reader),)
        return Standing(Chip("Link ended", "plain"), "The link to pick a new time has ended", over)
    note, by = (case.offer.note, case.expert.first_name) if case.offer else ("", "")
    heading = f"{case.expert.first_name} would like to find a new time with you"
    sentence = (
        f"You can choose one until {case.deadline}. {if_nobody_acts(case.booking, case.reader)}"
    )
    return Standing(Chip("Waiting for you", "info"), heading, (sentence,), said=note, said_by=by)


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
        case.marked_as,
        (sentence,) if sentence else (),
        said=case.mark.note if case.mark else "",
        said_by=case.expert.first_name,
        is_final=not sentence,
    )


def _contested(case: Case) -> Standing:
    then = if_nobody_acts(case.booking, case.reader)
    if not case.is_deadline_over:
        then = f"You hear from us by {case.deadline}. {then}"
    return Standing(
        Chip("With our team", "info"),
        "Our team is looking at it",
        (
            f"{case.marked_as}. You told us that this is not right.",
            then,
        ),
        said=case.mark.note if case.mark else "",
        said_by=case.expert.first_name,
        facts=() if case.is_absence else case.mark_facts[1:],
        answer=case.contest.reason if case.contest else "",
    )


def _refunded(case: Case) -> Standing:
    """Refunded or cancelled: the heading is about the money, the reason comes below it."""
    last = next((e for e in case.events if e.to_state == case.booking.state), None)
    reason = ""
    if last is not None:
        reason = why(last.verb, last.actor_kind, case.booking, case.reader.audience)
        if last.note and last.verb in (Verb.CANCEL, Verb.DECIDE):
            reason = f"{reason}: {last.note}"
    if case.refund is None or case.payment is None:
        said = " ".join(sentences(amount_of(None, case.booking), case.booking, case.reader))
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
