"""Words of single follower pages: reporting, picking, contesting, and links that are over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bookings import clocks, formats
from bookings.models import Booking, NoShowReport, PrivateLink
from bookings.presenters.people import hue, initials
from bookings.states import State, Verb
from bookings.wording.case import Case
from bookings.wording.next_step import if_nobody_acts
from bookings.wording.reader import Reader

Reason = NoShowReport.Reason


@dataclass(frozen=True, slots=True)
class ReasonChoice:
    value: str
    label: str
    hint: str
    is_chosen: bool


def reasons(case: Case, *, chosen: str) -> list[ReasonChoice]:
    return [
        ReasonChoice(value, label, hint, value == chosen)
        for value, label, hint in (
            (
                Reason.EXPERT_ABSENT,
                f"{case.expert.first_name} did not join",
                "I was there, nobody came",
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


@dataclass(frozen=True, slots=True)
class AfterReport:
    """What a report would start if it were sent now."""

    window: str
    without_an_answer: str


def after_report(case: Case) -> AfterReport:
    window = case.booking.limits.no_show_window
    deadline = case.reader.moment(clocks.after(case.reader.now, window))
    then = if_nobody_acts(case.booking, case.reader, state=State.NO_SHOW_REPORTED, until=deadline)
    return AfterReport(formats.duration(window), then)


def thanks(case: Case) -> str:
    """Said once, right after a report."""
    until, then = case.until_answered
    return f"Thank you. {until} {then}"


@dataclass(frozen=True, slots=True)
class AboutPick:
    """The left column of the calendar: what the follower has, and what happens without a pick."""

    initials: str
    hue: str
    call: str
    earlier: str
    earlier_note: str
    is_past: bool
    price: str
    note: str
    without: str
    can_refund: bool
    is_move: bool


def about_pick(case: Case, zone: str, clock: str) -> AboutPick:
    booking = case.booking
    reader = Reader(zone, clock, case.reader.now, case.reader.audience)
    is_past = clocks.has_started(booking, reader.now)
    is_move = booking.state == State.NO_SHOW_REPORTED
    price = "" if case.is_free else f"{case.price}, nothing more to pay"
    until = reader.moment(booking.deadline_at) if booking.deadline_at else ""
    return AboutPick(
        initials=initials(case.expert.name),
        hue=hue(case.expert.pk),
        call=f"{booking.service_title}, {booking.duration_minutes} min",
        earlier=reader.moment(booking.starts_at),
        earlier_note=_earlier_note(booking, is_past=is_past),
        is_past=is_past,
        price=price,
        note=case.offer.note if case.offer and not is_move else "",
        without=if_nobody_acts(booking, reader, until=until),
        can_refund=booking.has_open_report and not is_move and bool(case.back),
        is_move=is_move,
    )


def _earlier_note(booking: Booking, *, is_past: bool) -> str:
    if booking.has_open_report:
        return "earlier time, did not happen"
    return "earlier time" if is_past else "yours until you pick a new one"


def taken(starts_at: datetime, zone: str, clock: str) -> str:
    at = formats.time_of_day(starts_at, zone, clock)
    return f"{at} has just been taken. Please pick another time. Your other choices are still here."


def new_time(booking: Booking, zone: str, clock: str) -> str:
    day = formats.long_day(booking.starts_at, zone)
    at = formats.time_of_day(booking.starts_at, zone, clock)
    place = formats.zone_place(zone)
    return f"Your new time is set. {day}, {at} ({place}). A calendar file comes by e-mail."


def picked_before(booking: Booking, zone: str, clock: str) -> str:
    """The form was sent twice, with another time each time: the first one counted."""
    day = formats.long_day(booking.starts_at, zone)
    at = formats.time_of_day(booking.starts_at, zone, clock)
    return (
        f"You had picked a time already: {day}, {at} ({formats.zone_place(zone)}). "
        "It was not changed again."
    )


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


_ENDED = {
    Verb.PICK_TIME.value: "You picked a new time on {day}, so this link is done.",
    Verb.MOVE_INSTEAD.value: "You picked a new time on {day}, so this link is done.",
    Verb.OFFER_LAPSED.value: "This link to pick a new time ended on {day}.",
    Verb.WITHDRAW_OFFER.value: "{expert} withdrew the offer of a new time on {day}.",
    Verb.REFUND_INSTEAD.value: "You chose a refund on {day}, so this link is done.",
    Verb.REPORT_NO_SHOW.value: "You reported the call on {day}, so this link is done.",
    Verb.MARK_COMPLETED.value: "{expert} marked the call as completed on {day}.",
    Verb.NO_ANSWER.value: "The time to answer ended on {day}.",
    Verb.REFUND_NOW.value: "The call was refunded on {day}.",
    Verb.CANCEL.value: "The call was cancelled on {day}.",
}
