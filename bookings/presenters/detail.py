"""The booking page: everything it shows, prepared as strings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bookings import clocks, formats, unreadable
from bookings.models import Booking, NoShowReport, Refund, RefundState, TimelineEvent
from bookings.presenters import addresses, people
from bookings.presenters.facts import Fact, facts
from bookings.presenters.panel import Panel, panel
from bookings.states import State
from bookings.wording import history, labels, limits, told
from bookings.wording.chip import Chip
from bookings.wording.history import Entry
from bookings.wording.next_step import next_step
from bookings.wording.reader import Reader


@dataclass(frozen=True, slots=True)
class Said:
    """The follower's words, from the report or the contest that is open."""

    text: str
    without: str
    """Stands in place of a text that nobody wrote."""
    reason: str
    who: str
    when: str
    when_iso: str


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Where the booking stands in the queue of calls that need action."""

    position: str
    previous_url: str
    next_url: str


@dataclass(frozen=True, slots=True)
class Detail:
    code: str
    title: str
    name: str
    first_name: str
    initials: str
    hue: str
    chip: Chip
    panel: Panel
    wrong: list[str]
    """What cannot be read of the booking."""
    said: Said | None
    entries: tuple[Entry, ...]
    facts: tuple[Fact, ...]
    limits: tuple[str, ...]
    section: str
    back_label: str
    back_name: str
    neighbours: Neighbours | None
    until: str
    """When the page is out of date by itself. Empty if that never happens."""
    is_moving: bool
    """Something is under way that ends in a minute or two."""


def detail(
    booking: Booking, events: Sequence[TimelineEvent], queue: Sequence[str], reader: Reader
) -> Detail:
    """`events` are loaded with their refunds; `queue` holds codes, the next deadline first."""
    refunds = [refund for event in events if (refund := _refund_of(event)) is not None]
    latest = _latest(refunds)
    chip = labels.chip(booking, reader, latest)
    coming = next_step(booking, reader)
    said_in = _said_in(booking, events)
    quoted_id = said_in.pk if said_in else 0
    section, back_name, back_label = _back(booking, reader)
    decision = panel(booking, reader, refund=refunds[-1] if refunds else None)
    is_over = decision.countdown is not None and decision.countdown.is_over
    until = clocks.next_change_at(booking, reader.now)
    return Detail(
        code=booking.code,
        title=f"{booking.service_title} with {booking.buyer.name}",
        name=booking.buyer.name,
        first_name=booking.buyer.first_name,
        initials=people.initials(booking.buyer.name),
        hue=people.hue(booking.follower_id),
        chip=chip,
        panel=decision,
        wrong=unreadable.for_expert(booking),
        said=_said(said_in, booking, reader) if said_in else None,
        entries=(
            *filter(None, [coming]),
            *history.entries(events, booking, reader, quoted_id=quoted_id),
        ),
        facts=facts(booking, reader, refunds),
        limits=limits.in_force(booking, reader),
        section=section,
        back_label=back_label,
        back_name=back_name,
        neighbours=_neighbours(booking.code, queue),
        until=formats.utc_iso(until) if until else "",
        is_moving=is_over or any(map(told.is_on_its_way, events)),
    )


def _refund_of(event: TimelineEvent) -> Refund | None:
    """The refund this event caused, unless it was undone."""
    refund: Refund | None = getattr(event, "refund", None)
    return refund if refund and refund.state != RefundState.VOID else None


def _latest(refunds: Sequence[Refund]) -> dict[str, str] | None:
    if not refunds:
        return None
    return {"state": refunds[-1].state, "hold_reason": refunds[-1].hold_reason}


SAID_BY_STATE = {
    State.NO_SHOW_REPORTED: "report_no_show",
    State.CONTESTED: "contest",
}


def _said_in(booking: Booking, events: Sequence[TimelineEvent]) -> TimelineEvent | None:
    """The event that holds what the follower wrote, while it is what the page is about."""
    verb = SAID_BY_STATE.get(State(booking.state))
    if verb is None and booking.has_open_report:
        verb = "report_no_show"
    return next((event for event in reversed(events) if event.verb == verb), None)


def _said(event: TimelineEvent, booking: Booking, reader: Reader) -> Said:
    reason = event.data.get("reason", "")
    label = str(NoShowReport.Reason(reason).label) if reason in NoShowReport.Reason.values else ""
    silent = f"{booking.buyer.first_name} gave no details."
    return Said(
        text=event.note,
        without=f"{label}. {silent}" if label else silent,
        reason=label,
        who=booking.buyer.name,
        when=reader.moment(event.at),
        when_iso=formats.utc_iso(event.at),
    )


def _back(booking: Booking, reader: Reader) -> tuple[str, str, str]:
    """The tab that is lit, and the list the page leads back to."""
    if booking.state == State.NO_SHOW_REPORTED:
        return "need_action", "need_action", "Need action"
    if booking.state == State.RESCHEDULE_OFFERED:
        return "need_action", "waiting", "Waiting for follower"
    if clocks.has_ended(booking, reader.now):
        return "completed_calls", "completed_calls", "Completed calls"
    return "upcoming", "upcoming", "Upcoming"


def _neighbours(code: str, queue: Sequence[str]) -> Neighbours | None:
    if code not in queue:
        return None
    at = list(queue).index(code)
    before = queue[at - 1] if at else ""
    after = queue[at + 1] if at + 1 < len(queue) else ""
    return Neighbours(
        position=f"{at + 1} of {len(queue)}",
        previous_url=addresses.of("booking", before) if before else "",
        next_url=addresses.of("booking", after) if after else "",
    )
