"""A booking's history in a few lines, told to the follower."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bookings import formats
from bookings.models import Booking, TimelineEvent
from bookings.presenters.reader import Reader
from bookings.states import ActorKind, Verb

AT_MOST = 8


@dataclass(frozen=True, slots=True)
class Line:
    words: str
    icon: str
    tone: str
    iso: str
    when: str


def recent(events: Iterable[TimelineEvent], booking: Booking, reader: Reader) -> list[Line]:
    """The newest lines first. `events` come newest first too; what was undone is left out."""
    lines = [
        Line(
            words,
            *_LOOKS.get(event.verb, _PLAIN),
            formats.utc_iso(event.at),
            reader.moment(event.at),
        )
        for event in _that_stand(events)
        if (words := _words(event, booking.expert.first_name, reader))
    ]
    return lines[:AT_MOST]


def _that_stand(newest_first: Iterable[TimelineEvent]) -> Sequence[TimelineEvent]:
    """Without undone verbs and their undoing: within half a minute nobody was told of them."""
    kept: list[TimelineEvent] = []
    undone = 0
    for event in newest_first:
        if event.verb == Verb.UNDO:
            undone += 1
        elif undone and "before" in event.data:
            undone -= 1
        else:
            kept.append(event)
    return kept


def _words(event: TimelineEvent, expert: str, reader: Reader) -> str:
    """Empty for what does not concern the follower."""
    match event.verb:
        case Verb.PICK_TIME | Verb.MOVE_INSTEAD:
            to = event.data.get("to")
            when = f": {reader.moment(datetime.fromisoformat(to))}" if to else ""
            return f"You picked a new time{when}"
        case Verb.REFUND_NOW | Verb.CANCEL:
            who = "Our team" if event.actor_kind == ActorKind.STAFF else expert
            return f"{who} {'cancelled the call' if event.verb == Verb.CANCEL else 'refunded you'}"
        case Verb.DECIDE:
            took_place = event.data.get("decision") == "completed"
            return "Our team decided: " + ("the call took place" if took_place else "refund")
    return _FIXED.get(event.verb, "").format(expert=expert)


_FIXED = {
    "booked": "You booked the call",
    "time_taken": "The time was taken while you were paying",
    Verb.REPORT_NO_SHOW.value: "You reported that it did not happen",
    Verb.WITHDRAW_REPORT.value: "You withdrew your report",
    Verb.OFFER_RESCHEDULE.value: "{expert} offered you a new time",
    Verb.WITHDRAW_OFFER.value: "{expert} withdrew the offer of a new time",
    Verb.OFFER_LAPSED.value: "The link to pick a new time ended",
    Verb.REFUND_INSTEAD.value: "You chose a refund instead",
    Verb.MARK_COMPLETED.value: "{expert} marked the call as completed",
    Verb.CONTEST.value: "You told us that this is not right",
    Verb.NOBODY_DECIDED.value: "The time to decide ended; you get your money back",
    Verb.NO_ANSWER.value: "{expert} did not answer in time",
    "refund_accepted": "We sent your refund to your bank",
    "refund_succeeded": "Your refund was confirmed",
    "refund_declined": "Your refund did not go through yet",
    "refund_reversed": "Your bank sent the refund back",
    "refund_paid_by_hand": "We paid your refund by hand",
}

_PLAIN = ("info", "")
_LOOKS: dict[str, tuple[str, str]] = {
    "booked": ("calendar", ""),
    "time_taken": ("x", ""),
    Verb.REPORT_NO_SHOW.value: ("flag", "bad"),
    Verb.WITHDRAW_REPORT.value: ("x", ""),
    Verb.OFFER_RESCHEDULE.value: ("again", "info"),
    Verb.WITHDRAW_OFFER.value: ("x", ""),
    Verb.OFFER_LAPSED.value: ("clock", ""),
    Verb.PICK_TIME.value: ("calendar", "info"),
    Verb.MOVE_INSTEAD.value: ("calendar", "info"),
    Verb.REFUND_INSTEAD.value: ("bank", "money"),
    Verb.REFUND_NOW.value: ("bank", "money"),
    Verb.CANCEL.value: ("x", ""),
    Verb.MARK_COMPLETED.value: ("check", "ok"),
    Verb.CONTEST.value: ("chat", ""),
    Verb.DECIDE.value: ("shield", ""),
    Verb.NOBODY_DECIDED.value: ("clock", "money"),
    Verb.NO_ANSWER.value: ("clock", "money"),
    "refund_accepted": ("bank", "money"),
    "refund_succeeded": ("check", "ok"),
    "refund_declined": ("x", "bad"),
    "refund_reversed": ("x", "bad"),
    "refund_paid_by_hand": ("check", "ok"),
}
"""icon and colour"""
