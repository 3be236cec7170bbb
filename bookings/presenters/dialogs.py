"""What a dialog says will happen, with dates, before anybody presses the button; and what a page
says after an action, in the same words with and without scripts."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from bookings import clocks, emails, formats, links, rules
from bookings.emails.letter import MailCase
from bookings.models import Booking, Offer
from bookings.presenters.row import address, as_expert
from bookings.states import State, TransitionNotAllowed, Verb
from bookings.wording.limits import BANK_DAYS
from bookings.wording.next_step import at_stake, if_nobody_acts
from bookings.wording.reader import Reader
from bookings.wording.told import later

Then = tuple[str, str]
"""What happens next: an icon and a sentence."""


def of_offer(booking: Booking, reader: Reader) -> tuple[Then, ...]:
    name = booking.buyer.first_name
    until = reader.moment(clocks.after(reader.now, booking.limits.offer_window))
    unused = if_nobody_acts(booking, reader, state=State.RESCHEDULE_OFFERED, until=until)
    if booking.has_open_report:
        clock = formats.duration_adjective(booking.limits.no_show_window)
        return (
            ("pause", f"Your {clock} clock stops when the link is sent."),
            ("bank", unused),
            ("info", "You can offer a new time once after a report, not again."),
        )
    if not clocks.has_started(booking, reader.now):
        planned = reader.moment(booking.starts_at)
        return (
            ("calendar", f"The call on {planned} stays booked until {name} picks a new time."),
            ("clock", unused),
        )
    return (
        ("calendar", f"{name} pays nothing again: it is the same booking at a new time."),
        ("clock", unused),
    )


def of_mark(booking: Booking) -> tuple[Then, ...]:
    name, limits = booking.buyer.first_name, booking.limits
    return (
        ("mail", f"{name} gets an e-mail with what you write here."),
        (
            "shield",
            f"{name} has {formats.duration(limits.contest_window)} to say that it is not right; "
            "then our team looks at it.",
        ),
    )


def of_refund(booking: Booking) -> tuple[Then, ...]:
    name, money = booking.buyer.first_name, at_stake(booking)
    undo = formats.duration(booking.limits.undo_window)
    if not money:
        return (("info", f"There is nothing to refund. {name} gets an e-mail."),)
    return (
        ("bank", f"{name} gets {money} back. Banks usually take {BANK_DAYS}."),
        ("info", f"This cannot be undone after {undo}."),
    )


def of_cancellation(booking: Booking, reader: Reader) -> tuple[Then, ...]:
    name, money = booking.buyer.first_name, at_stake(booking)
    back = f"{name} gets {money} back in full." if money else "There is nothing to refund."
    return (
        ("calendar", f"{reader.moment(booking.starts_at)} becomes free again."),
        ("bank", back),
        ("mail", f"{name} gets an e-mail with your reason."),
    )


def of_withdrawal(booking: Booking, reader: Reader) -> tuple[Then, ...]:
    name = booking.buyer.first_name
    gone = ("x", f"The link {name} has stops working.")
    if not booking.has_open_report or booking.resume_deadline_at is None:
        return (gone, ("info", "Nothing else changes."))
    until = reader.near(booking.resume_deadline_at)
    if booking.resume_deadline_at > reader.now:
        return (gone, ("clock", f"Your first deadline counts again: {until}."))
    money = at_stake(booking)
    starts = f"the refund of {money} starts at once" if money else "the booking is closed at once"
    return (gone, ("bank", f"Your first deadline ended {until}, so {starts}."))


# --- the e-mail a follower would get --------------------------------------------------------------

NOTE_GOES_HERE = "Your note will appear here."
LINK = "a private link"


def preview(booking: Booking, reader: Reader) -> dict[str, Any]:
    """In the words of the real e-mail, as if the offer were made now; nothing is written, nothing
    is asked of the database."""
    offered = copy.copy(booking)
    offered.deadline_at = clocks.after(reader.now, booking.limits.offer_window)
    kind = emails.KINDS["offer"]
    case = MailCase.of(kind.audience, offered, None, {}, reader.now)
    case.__dict__["offer"] = Offer(note=NOTE_GOES_HERE)
    case.__dict__["_links"] = dict.fromkeys((links.Purpose.PICK, *kind.links), LINK)
    letter = kind.write(case)
    closing = "".join(part if isinstance(part, str) else part.label for part in letter.closing)
    return {"letter": letter, "closing": closing}


# --- after an action ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Undo:
    """The way back that a message on the next page offers; a line of text in its extra tags."""

    url: str
    until: str
    """After this moment it is refused."""
    label: str = "Undo"

    def __str__(self) -> str:
        return f"{self.url} {self.until} {self.label}" if self.url else ""

    @classmethod
    def read(cls, text: str) -> Undo | None:
        """None for a message that cannot be taken back."""
        parts = text.split(" ", 2)
        return cls(*parts) if len(parts) == 3 else None


@dataclass(frozen=True, slots=True)
class Result:
    title: str
    text: str = ""
    undo_url: str = ""
    undo_until: str = ""
    is_bad: bool = False
    code: str = ""
    url: str = ""

    @property
    def sentence(self) -> str:
        """All of it in one line, for a message or the live region."""
        return f"{self.title}. {self.text}".removesuffix(" ") if self.text else f"{self.title}."


def done(verb: Verb, booking: Booking, reader: Reader, *, money: str, source: str) -> Result:
    """`money` was at stake before the action."""
    title, text = _words(verb, booking, reader, money)
    can_undo = rules.allows(booking, Verb.UNDO, as_expert(booking), now=reader.now)
    return Result(
        title=title,
        text=text,
        undo_url=address("undo", booking.code, source=source) if can_undo else "",
        undo_until=formats.utc_iso(booking.undo_until) if can_undo else "",
        code=booking.code,
        url=address("booking", booking.code),
    )


def _words(verb: Verb, booking: Booking, reader: Reader, money: str) -> tuple[str, str]:
    follower = booking.buyer
    name = follower.first_name
    match verb:
        case Verb.OFFER_RESCHEDULE:
            window = formats.duration_adjective(booking.limits.no_show_window)
            stopped = f"Your {window} clock has stopped. " if booking.has_open_report else ""
            gets_it = later(booking, f"{name} gets the link")
            return f"New time offered to {follower.name}", f"{stopped}{gets_it}."
        case Verb.MARK_COMPLETED:
            text = later(booking, f"we tell {name} what you wrote")
            return f"Marked as completed: {follower.name}", f"{text}."
        case Verb.REFUND_NOW if money:
            text = later(booking, f"we tell {name} by e-mail")
            return f"Refund of {money} to {follower.name} has started", f"{text}."
        case Verb.REFUND_NOW:
            return f"Booking of {follower.name} closed", "There was nothing to refund."
        case Verb.CANCEL:
            back = f"{name} gets {money} back. " if money else ""
            text = later(booking, f"we tell {name} your reason")
            return f"Call with {follower.name} cancelled", f"{back}{text}."
        case Verb.WITHDRAW_OFFER:
            return (
                f"Offer withdrawn: {follower.name}",
                f"The link no longer works. {_left(booking, reader) or 'Nothing else changes.'}",
            )
    raise ValueError(f"nothing to say about {verb}")


def undone(undone_verb: str, booking: Booking, reader: Reader) -> Result:
    name = booking.buyer.first_name
    title = {
        "offer_reschedule": f"Link cancelled. {name} did not get an e-mail",
        "withdraw_offer": "The offer is open again. The link works as before",
        "mark_completed": f"Mark taken back. {name} did not get an e-mail",
        "refund_now": "Refund stopped. No money has moved",
        "cancel": f"The call is on again. {name} did not get an e-mail",
    }.get(undone_verb, "Taken back")
    return Result(title=title, text=_left(booking, reader), code=booking.code)


def _left(booking: Booking, reader: Reader) -> str:
    if booking.state != State.NO_SHOW_REPORTED or booking.deadline_at is None:
        return ""
    if booking.deadline_at <= reader.now:
        return if_nobody_acts(booking, reader)
    return f"{formats.left(booking.deadline_at - reader.now)} left to decide."


MOVED_ON = {"state", "changed", "too_late", "taken"}
"""Refusals after which it helps to read where the booking stands now."""


def refused(refusal: TransitionNotAllowed, booking: Booking, reader: Reader) -> Result:
    """Somebody or the clock was faster: where the booking stands now, in one sentence."""
    title, text = _why(refusal, booking), ""
    if refusal.code in MOVED_ON:
        is_reported = booking.state == State.NO_SHOW_REPORTED
        if is_reported and clocks.has_passed(booking.deadline_at, reader.now):
            # whether or not the sweep has been there
            title = if_nobody_acts(booking, reader).removesuffix(".")
        else:
            text = _now(booking, reader)
    return Result(title, text, is_bad=True, code=booking.code, url=address("booking", booking.code))


def _why(refusal: TransitionNotAllowed, booking: Booking) -> str:
    if refusal.code not in ("state", "changed"):
        return refusal.sentence.removesuffix(".")
    last = booking.events.exclude(from_state="").order_by("-id").first()
    if last is not None and last.verb in (Verb.PICK_TIME, Verb.MOVE_INSTEAD):
        return f"{booking.buyer.first_name} picked a new time while you were here"
    return "This booking has changed while you were here"


def _now(booking: Booking, reader: Reader) -> str:
    if booking.state == State.SCHEDULED and booking.starts_at > reader.now:
        return f"The call is on {reader.moment(booking.starts_at)}."
    if booking.state in (State.NO_SHOW_REPORTED, State.RESCHEDULE_OFFERED):
        return if_nobody_acts(booking, reader)
    return rules.STANDS[State(booking.state)]


# --- several followers at once --------------------------------------------------------------------


def confirmation(
    bookings: Sequence[Booking],
    refusals: Mapping[str, TransitionNotAllowed | None],
    reader: Reader,
) -> dict[str, Any]:
    shown = tuple(
        {
            "code": booking.code,
            "name": booking.buyer.name,
            "initials": formats.initials(booking.buyer.name),
            "hue": formats.hue(booking.follower_id),
            "what": f"{booking.service_title}, {reader.moment(booking.starts_at)}",
            "refusal": refusal.sentence if (refusal := refusals[booking.code]) else "",
        }
        for booking in bookings
    )
    window = min(booking.limits.offer_window for booking in bookings)
    return {
        "people": shown,
        "count": sum(1 for person in shown if not person["refusal"]),
        "until": reader.moment(clocks.after(reader.now, window)),
    }


def offered_to(bookings: Sequence[Booking]) -> str:
    """New times offered to Priya Nair and Tom Okafor."""
    who = _all_names(bookings)
    if len(bookings) == 1:
        name = bookings[0].buyer.first_name
        return f"New time offered to {who}. {later(bookings[0], f'{name} gets the link')}."
    return f"New times offered to {who}. {later(bookings[0], 'they get their links')}."


def way_back(bookings: Sequence[Booking]) -> Undo:
    """For all of them at once."""
    query = urlencode([("call", booking.code) for booking in bookings])
    until = min(booking.undo_until for booking in bookings if booking.undo_until)
    label = "Undo" if len(bookings) == 1 else "Undo all"
    return Undo(f"{reverse('bulk_undo')}?{query}", formats.utc_iso(until), label)


def taken_back(bookings: Sequence[Booking]) -> str:
    """Links cancelled. Priya Nair and Tom Okafor did not get an e-mail."""
    link = "Link" if len(bookings) == 1 else "Links"
    return f"{link} cancelled. {_all_names(bookings)} did not get an e-mail."


def _all_names(bookings: Sequence[Booking]) -> str:
    names = [booking.buyer.name for booking in bookings]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
