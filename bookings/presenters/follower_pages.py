"""What a follower's private pages say: where the booking stands, where the money is, reporting,
picking, contesting, and links that are over."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.conf import settings

from bookings import clocks, formats, places, rules
from bookings.addresses import mailto
from bookings.formats import hue, initials
from bookings.models import (
    Booking,
    NoShowReport,
    Payment,
    PrivateLink,
    Refund,
    RefundState,
    TimelineEvent,
)
from bookings.states import State, Verb
from bookings.wording import history, limits
from bookings.wording import refund as money
from bookings.wording.case import Case
from bookings.wording.limits import BANK_AT_MOST, BANK_TAKES
from bookings.wording.next_step import if_nobody_acts
from bookings.wording.reader import Reader
from bookings.wording.refund import Chip, Place


@dataclass(frozen=True, slots=True)
class Standing:
    chip: Chip
    heading: str
    sentences: tuple[str, ...] = ()
    progress: dict[str, Any] | None = None
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
            room_url=places.link(booking.place),
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
                "You reported this call and withdrew the report several times. If it did not "
                "happen, reply to any of our e-mails."
            )
        return Standing(Chip("Over", "plain"), heading, (sentence,))
    return Standing(
        Chip("Completed", "ok"), heading, ("Nobody told us that it did not happen.",), is_final=True
    )


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
        then = f"You will hear from us by {case.deadline}. {then}"
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
    reader, reason = case.reader, ""
    last = next((e for e in case.events if e.to_state == case.booking.state), None)
    if last is not None:
        reason = money.why(last.verb, last.actor_kind, case.booking, reader.audience)
        if last.note and last.verb in (Verb.CANCEL, Verb.DECIDE):
            reason = f"{reason}: {last.note}"
    if case.refund is None or case.payment is None:
        said = " ".join(money.sentences(money.amount_of(None, case.booking), case.booking, reader))
        if case.payment is not None and (minor := case.payment.returned_external_minor):
            said = f"{formats.money(minor, case.payment.currency)} went back to you directly."
        is_cancelled = case.booking.state == State.CANCELLED
        return Standing(
            Chip("Closed", "plain"),
            "This call is cancelled" if is_cancelled else "This booking is closed",
            (said,) if said else (),
            why=reason,
            is_off=True,
            is_final=True,
        )
    where = money.place(case.refund)
    return Standing(
        money.chip(where, reader.audience),
        money.heading(where),
        money.sentences(money.amount_of(case.refund, case.booking), case.booking, reader),
        progress=_progress(case, case.refund, case.payment, where),
        why=reason,
        is_off=True,
        is_final=where is Place.ARRIVED,
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


# --- reporting, picking, and links that are over --------------------------------------------------

Reason = NoShowReport.Reason


def reasons(case: Case, *, chosen: str) -> list[dict[str, Any]]:
    return [
        {
            "value": value,
            "label": label,
            "hint": hint,
            "is_chosen": value == chosen,
        }
        for value, label, hint in (
            (
                Reason.EXPERT_ABSENT,
                f"{case.expert.first_name} did not join",
                "I was there, but nobody came",
            ),
            (Reason.NO_ACCESS, "The call did not work", "The link, sound or picture failed"),
            (
                Reason.CUT_SHORT,
                "It ended much too early",
                f"We did not get the time I {'booked' if case.is_free else 'paid for'}",
            ),
            (Reason.OTHER, "Something else", "A few words in the box below help"),
        )
    ]


def after_report(case: Case) -> dict[str, Any]:
    """What a report would start if it were sent now."""
    window = case.booking.limits.no_show_window
    deadline = case.reader.moment(clocks.after(case.reader.now, window))
    then = if_nobody_acts(case.booking, case.reader, state=State.NO_SHOW_REPORTED, until=deadline)
    return {
        "window": formats.duration(window),
        "without_an_answer": then,
    }


def thanks(case: Case) -> str:
    """Said once, right after a report."""
    until, then = case.until_answered
    return f"Thank you. {until} {then}"


def about_pick(case: Case, zone: str, clock: str) -> dict[str, Any]:
    """The left column of the calendar: what the follower has, and what happens without a pick."""
    booking = case.booking
    reader = Reader(zone, clock, case.reader.now, case.reader.audience)
    is_past = clocks.has_started(booking, reader.now)
    is_move = booking.state == State.NO_SHOW_REPORTED
    price = "" if case.is_free else f"{case.price}, nothing more to pay"
    until = reader.moment(booking.deadline_at) if booking.deadline_at else ""
    return {
        "initials": initials(case.expert.name),
        "hue": hue(case.expert.pk),
        "call": f"{booking.service_title}, {booking.duration_minutes} min",
        "earlier": reader.moment(booking.starts_at),
        "earlier_note": _earlier_note(booking, is_past=is_past),
        "is_past": is_past,
        "price": price,
        "note": case.offer.note if case.offer and not is_move else "",
        "without": if_nobody_acts(booking, reader, until=until),
        "can_refund": booking.has_open_report and not is_move and bool(case.back),
        "is_move": is_move,
    }


def _earlier_note(booking: Booking, *, is_past: bool) -> str:
    if booking.has_open_report:
        return "earlier time, did not happen"
    return "earlier time" if is_past else "yours until you pick a new one"


def taken(starts_at: datetime, zone: str, clock: str) -> str:
    at = formats.time_of_day(starts_at, zone, clock)
    return f"{at} has just been taken. Please pick another time. Your other choices are still here."


def new_time(booking: Booking, zone: str, clock: str) -> str:
    at = _picked(booking, zone, clock)
    return f"Your new time is set. {at}. You will get a calendar file by e-mail."


def picked_before(booking: Booking, zone: str, clock: str) -> str:
    """The form was sent twice, with another time each time: the first one counted."""
    at = _picked(booking, zone, clock)
    return f"You had already picked a time: {at}. It was not changed again."


def _picked(booking: Booking, zone: str, clock: str) -> str:
    """Thursday 20 November, 18:00 (Berlin)."""
    day = formats.long_day(booking.starts_at, zone)
    at = formats.time_of_day(booking.starts_at, zone, clock)
    return f"{day}, {at} ({formats.zone_place(zone)})"


_ENDED = {
    Verb.PICK_TIME.value: "You picked a new time on {day}, so this link is no longer needed.",
    Verb.MOVE_INSTEAD.value: "You picked a new time on {day}, so this link is no longer needed.",
    Verb.OFFER_LAPSED.value: "This link to pick a new time ended on {day}.",
    Verb.WITHDRAW_OFFER.value: "{expert} withdrew the offer of a new time on {day}.",
    Verb.REFUND_INSTEAD.value: "You chose a refund on {day}, so this link is no longer needed.",
    Verb.REPORT_NO_SHOW.value: "You reported the call on {day}, so this link is no longer needed.",
    Verb.MARK_COMPLETED.value: "{expert} marked the call as completed on {day}.",
    Verb.NO_ANSWER.value: "The time to answer ended on {day}.",
    Verb.REFUND_NOW.value: "The call was refunded on {day}.",
    Verb.CANCEL.value: "The call was cancelled on {day}.",
}


def link_ended(case: Case, link: PrivateLink) -> str:
    """Why an old link is over: what superseded it, with its day where that helps."""
    event = next((e for e in case.events if e.pk == link.superseded_by_id), None)
    if event is None:
        return "There is a newer one for this call." if link.superseded_at else "It is too old."
    day = formats.day(event.at, case.reader.zone, case.reader.now)
    return _ENDED.get(event.verb, "There is a newer one.").format(
        day=day, expert=case.expert.first_name
    )


def unused_pick(link: PrivateLink) -> str:
    """Said on top where a link to pick a time can do so no more, though nobody picked one."""
    if link.purpose == PrivateLink.Purpose.PICK and link.used_at is None:
        return "This link to pick a new time has ended."
    return ""


# --- where the money is ---------------------------------------------------------------------------
# In words that never say more than is known.


@dataclass(frozen=True, slots=True)
class Step:
    label: str
    note: str
    icon: str
    place: str
    """One of done, now, next and failed."""


def _progress(case: Case, refund: Refund, payment: Payment, where: Place) -> dict[str, Any]:
    title = f"If you cannot see it after {BANK_AT_MOST}"
    if refund.state == RefundState.SUCCEEDED:
        title = "If you cannot find it"
    write_to = ""
    if where is Place.SENT_BACK:  # to where a reply to one of our e-mails goes as well
        us = [*settings.STAFF_EMAIL, settings.DEFAULT_FROM_EMAIL][0]
        write_to = mailto(us, f"The refund for booking {case.booking.code} came back")
    return {
        "amount": formats.money(refund.amount_minor, refund.currency),
        "method": payment.method,
        "steps": (_first_step(case, refund.event), *_money_steps(refund, case.reader)),
        "reference": refund.reference,
        "reference_title": title,
        # Opens an e-mail to support, where the follower has something to tell us.
        "write_to": write_to,
    }


_BEGAN = {
    Verb.CANCEL.value: "Call cancelled",
    Verb.REFUND_NOW.value: "Refund decided",
    "time_taken": "Time was taken",
}


def _first_step(case: Case, event: TimelineEvent) -> Step:
    """What began it: a report, a contest, or somebody's decision to refund."""
    label, at = _BEGAN.get(event.verb, "Case closed"), event.at
    if event.verb in (Verb.NO_ANSWER, Verb.OFFER_LAPSED, Verb.REFUND_INSTEAD) and case.report:
        label, at = "No-show reported", case.report.reported_at
    elif event.verb in (Verb.DECIDE, Verb.NOBODY_DECIDED) and case.contest:
        label, at = "You told us it was not right", case.contest.contested_at
    return Step(label, case.reader.moment(at), "flag", "done")


def _money_steps(refund: Refund, reader: Reader) -> tuple[Step, Step, Step]:
    """Approved, sent, arrived: exactly one of them is now or failed, unless all is done."""
    sent = refund.accepted_at or refund.finished_at
    approved = Step("Refund approved", reader.moment(refund.created_at), "check", "done")
    went = Step("Sent to your bank", reader.moment(sent) if sent else "", "card", "done")
    there = Step("In your account", BANK_TAKES, "bank", "next")
    ended = reader.moment(refund.finished_at) if refund.finished_at else ""
    match RefundState(refund.state):
        case RefundState.SUCCEEDED:
            return approved, went, Step("Refunded", ended, "bank", "done")
        case RefundState.ACCEPTED if not refund.hold_reason:
            return approved, replace(went, place="now"), there
        case RefundState.DECLINED:
            failed = Step("Did not go through", ended, "x", "failed")
            return approved, failed, replace(there, note="")
        case RefundState.REVERSED:
            return approved, went, Step("Sent back", ended, "x", "failed")
    return replace(approved, place="now"), replace(went, note="", place="next"), there
