"""The page of one booking for its expert: everything it shows, prepared as strings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bookings import clocks, formats, places, unreadable
from bookings.models import Booking, NoShowReport, Payment, Refund, RefundState, TimelineEvent
from bookings.presenters.row import (
    address,
    button,
    countdown,
    length_of_clock,
    offered,
)
from bookings.states import State, Verb
from bookings.wording import history, labels, limits, told
from bookings.wording import refund as money
from bookings.wording.next_step import at_stake, contestable_until, if_nobody_acts, next_step
from bookings.wording.reader import Reader


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    value: str
    small: str = ""
    address: str = ""
    """The address that the value leads to."""
    is_written: bool = False
    """By the buyer, to a question: both may be long."""


def detail(
    booking: Booking, events: Sequence[TimelineEvent], queue: Sequence[str], reader: Reader
) -> dict[str, Any]:
    """`events` are loaded with their refunds; `queue` holds codes, the next deadline first."""
    buyer = booking.buyer
    loaded: list[Refund | None] = [getattr(event, "refund", None) for event in events]
    refunds = [refund for refund in loaded if refund and refund.state != RefundState.VOID]
    latest = refunds[-1] if refunds else None
    coming = next_step(booking, reader)
    said_in = _said_in(booking, events)
    section, back_name, back_label = _back(booking, reader)
    panel = _panel(booking, reader, latest)
    is_over = panel["countdown"] is not None and panel["countdown"].is_over
    return {
        "code": booking.code,
        "title": f"{booking.service_title} with {buyer.name}",
        "name": buyer.name,
        "first_name": buyer.first_name,
        "initials": formats.initials(buyer.name),
        "hue": formats.hue(booking.follower_id),
        "chip": labels.chip(booking, reader, vars(latest) if latest else None),
        "panel": panel,
        # What cannot be read of the booking.
        "wrong": unreadable.for_expert(booking),
        "said": _said(said_in, booking, reader) if said_in else None,
        "entries": (
            *([coming] if coming else []),
            *history.entries(events, booking, reader, quoted_id=said_in.pk if said_in else 0),
        ),
        "facts": _facts(booking, reader, refunds),
        "limits": limits.in_force(booking, reader),
        # The tab that is lit.
        "section": section,
        # The list the page leads back to.
        "back_name": back_name,
        "back_label": back_label,
        "neighbours": _neighbours(booking.code, queue),
        # When the page is out of date by itself. Empty if that never happens.
        "until": formats.utc_iso(clocks.next_change_at(booking, reader.now)),
        # Something is under way that ends in a minute or two.
        "is_moving": is_over or any(map(told.is_on_its_way, events)),
    }


def _said_in(booking: Booking, events: Sequence[TimelineEvent]) -> TimelineEvent | None:
    """The event that holds what the follower wrote, while it is what the page is about."""
    if booking.state == State.CONTESTED:
        verb = Verb.CONTEST
    elif booking.state == State.NO_SHOW_REPORTED or booking.has_open_report:
        verb = Verb.REPORT_NO_SHOW
    else:
        return None
    return next((event for event in reversed(events) if event.verb == verb), None)


def _said(event: TimelineEvent, booking: Booking, reader: Reader) -> dict[str, Any]:
    """The follower's words, from the report or the contest that is open."""
    reason = event.data.get("reason", "")
    label = str(NoShowReport.Reason(reason).label) if reason in NoShowReport.Reason.values else ""
    silent = f"{booking.buyer.first_name} gave no details."
    return {
        "text": event.note,
        # Stands in place of a text that nobody wrote.
        "without": f"{label}. {silent}" if label else silent,
        "reason": label,
        "who": booking.buyer.name,
        "when": reader.moment(event.at),
        "when_iso": formats.utc_iso(event.at),
    }


def _back(booking: Booking, reader: Reader) -> tuple[str, str, str]:
    """The tab that is lit, and the list the page leads back to."""
    if booking.state == State.NO_SHOW_REPORTED:
        return "need_action", "need_action", "Need action"
    if booking.state == State.RESCHEDULE_OFFERED:
        return "need_action", "waiting", "Waiting for follower"
    if clocks.has_ended(booking, reader.now):
        return "completed_calls", "completed_calls", "Completed calls"
    return "upcoming", "upcoming", "Upcoming"


def _neighbours(code: str, queue: Sequence[str]) -> dict[str, Any] | None:
    """Where the booking stands in the queue of calls that need action."""
    if code not in queue:
        return None
    at = queue.index(code)
    return {
        "position": f"{at + 1} of {len(queue)}",
        "previous_url": address("booking", queue[at - 1]) if at else "",
        "next_url": address("booking", queue[at + 1]) if at + 1 < len(queue) else "",
    }


# --- the panel ------------------------------------------------------------------------------------

SOURCE = "booking"
VERBS: dict[State, tuple[Verb, ...]] = {
    State.NO_SHOW_REPORTED: (Verb.OFFER_RESCHEDULE, Verb.MARK_COMPLETED),
    State.RESCHEDULE_OFFERED: (Verb.MARK_COMPLETED, Verb.WITHDRAW_OFFER),
    State.SCHEDULED: (Verb.OFFER_RESCHEDULE, Verb.MARK_COMPLETED, Verb.CANCEL),
    State.COMPLETED: (Verb.OFFER_RESCHEDULE,),
}
STARTED = {State.NO_SHOW_REPORTED: "Reported", State.RESCHEDULE_OFFERED: "Offered"}


def _panel(booking: Booking, reader: Reader, refund: Refund | None) -> dict[str, Any]:
    """How much time is left, and what can be done. `refund` is the latest that was not undone."""
    state, clock = State(booking.state), countdown(booking, reader)
    title, headline, text = _panel_words(booking, reader, refund)
    started = ends = ""
    if booking.deadline_at is not None:
        began = reader.near(booking.deadline_at - length_of_clock(booking))
        started = f"{STARTED.get(state, 'Since')} {began}"
        ends = _capital(reader.near(booking.deadline_at))
    names = offered(booking, *VERBS.get(state, ()), now=reader.now)
    if state == State.RESCHEDULE_OFFERED and names:
        names = ("resend_offer", *names)
    besides = {
        name: button(booking, name, source=SOURCE)
        for name in offered(booking, Verb.UNDO, Verb.REFUND_NOW, now=reader.now)
    }
    buttons = tuple(button(booking, name, source=SOURCE) for name in names)
    refund_now = besides.get("refund_now") if "cancel" not in names else None
    leads = not (state == State.NO_SHOW_REPORTED and booking.offers_after_report)
    if refund_now and not leads:  # neither end is ours to suggest
        amount = at_stake(booking)
        label = f"Refund {amount}" if amount else "Close the booking"
        buttons, refund_now = (replace(refund_now, label=label), *buttons), None
    return {
        "title": "The time is up" if clock and clock.is_over else title,
        "countdown": clock,
        "started": started,
        "ends": ends,
        # The share of the clock that has run, 0 to 100.
        "gone": f"{100 - float(clock.ring):.1f}" if clock else "0",
        # Stands there in place of a countdown.
        "headline": headline,
        "text": if_nobody_acts(booking, reader) if clock and clock.is_over else text,
        "buttons": buttons,
        # Whether the first button is the filled one.
        "leads": leads,
        # Given where it is a link in the text and no button.
        "refund": refund_now,
        "undo": besides.get("undo"),
        "urgency": clock.urgency if clock else _colour(booking, refund),
    }


def _panel_words(booking: Booking, reader: Reader, refund: Refund | None) -> tuple[str, str, str]:
    """The title, what stands in place of a countdown, and the sentences."""
    name, now = booking.buyer.first_name, reader.now
    match State(booking.state):
        case State.NO_SHOW_REPORTED:
            text = if_nobody_acts(booking, reader)
            if booking.offers_after_report:
                text = (
                    f"You offered a new time before, so only {name} can choose to move the call "
                    f"again. {text}"
                )
            return "Time to decide", "", text
        case State.RESCHEDULE_OFFERED:
            return f"Waiting for {name}", "", if_nobody_acts(booking, reader)
        case State.CONTESTED:
            return "Our team decides within", "", if_nobody_acts(booking, reader)
        case State.REFUNDED | State.CANCELLED if refund is None:
            return "The money", "Nothing to refund", ""
        case State.REFUNDED | State.CANCELLED:
            label = money.chip(money.place(refund), reader.audience).label
            sentences = money.sentences(money.amount_of(refund, booking), booking, reader)
            return "The money", label, " ".join(sentences)
        case State.SCHEDULED if not clocks.has_started(booking, now):
            starts = _capital(reader.near(booking.starts_at))
            text = f"Rescheduling keeps this time until {name} picks another one."
            return "The call starts", starts, text
        case State.SCHEDULED if labels.is_unconfirmed(booking, reader):
            headline = "Not confirmed" if clocks.has_ended(booking, now) else "Now"
            until = reader.near(clocks.report_closes_at(booking))
            text = f"{name} may report a no-show until {until}. After that it is completed."
            return "Where it stands", headline, text
        case State.SCHEDULED:
            window = formats.duration(booking.limits.report_window)
            return "Where it stands", "Completed", f"{name} reported nothing within {window}."
        case State.COMPLETED:
            until_at = contestable_until(booking, reader)
            text = "This call is settled."
            if until_at is not None:
                text = f"{name} may contest the mark until {reader.near(until_at)}."
            return "Where it stands", "Completed", text


def _colour(booking: Booking, refund: Refund | None) -> str:
    if booking.state == State.COMPLETED:
        return "done"
    if refund is None:
        return "calm"
    return "now" if money.place(refund) in money.FAILED else "over"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# --- the facts ------------------------------------------------------------------------------------


def _facts(booking: Booking, reader: Reader, refunds: list[Refund]) -> tuple[Fact, ...]:
    """A name, a value and small print each."""
    times = reader.span(booking.starts_at, booking.ends_at)
    for half in (" am", " pm"):  # never broken into two lines
        times = times.replace(half, f"\N{NO-BREAK SPACE}{half.strip()}")
    place = booking.place or "Not given"
    shown = places.without_scheme(place)
    paid = formats.price(booking.price_minor, booking.currency)
    facts = [
        Fact("Planned for", times, _their_time(booking)),
        Fact("Where", shown, address=places.link(place)),
        Fact("Paid", paid, _how_paid(booking, reader)),
        *(_refund_fact(refund, reader) for refund in refunds),
    ]
    facts += [Fact(question, answer, is_written=True) for question, answer in booking.answered]
    if (times_moved := booking.attempt - 1) > 0:
        how_often = {1: "once", 2: "twice"}.get(times_moved, f"{times_moved} times")
        facts.append(Fact("Moved", how_often, "one payment, the same booking"))
    return tuple(facts)


def _their_time(booking: Booking) -> str:
    """The follower's own time, where it differs."""
    follower, expert = booking.buyer, booking.expert
    place = formats.zone_place(follower.time_zone)
    theirs = formats.local(booking.starts_at, follower.time_zone)
    ours = formats.local(booking.starts_at, expert.time_zone)
    if theirs.replace(tzinfo=None) == ours.replace(tzinfo=None):
        return f"the same time for {follower.first_name} ({place})"
    time = formats.moment(booking.starts_at, follower.time_zone, follower.clock)
    return f"{time} for {follower.first_name} ({place})"


def _how_paid(booking: Booking, reader: Reader) -> str:
    payment: Payment | None = getattr(booking, "payment", None)
    if payment is None:
        return ""
    parts = [payment.method, reader.day(payment.paid_at)]
    if payment.returned_external_minor:
        back = formats.money(payment.returned_external_minor, payment.currency)
        parts.append(f"{back} went back before")
    if payment.is_disputed:
        parts.append("a bank dispute is open")
    return " · ".join(part for part in parts if part)


def _refund_fact(refund: Refund, reader: Reader) -> Fact:
    parts = [money.chip(money.place(refund), reader.audience).label.lower()]
    if refund.finished_at:
        parts.append(reader.day(refund.finished_at))
    if refund.reference:
        parts.append(f"reference {refund.reference}")
    amount = formats.money(refund.amount_minor, refund.currency)
    return Fact("Refund", amount, " · ".join(parts))
