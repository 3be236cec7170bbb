"""What happened to a booking: one line for each event, told to the expert, the follower or staff.

The icon and the tone of an event are the same for every reader; the sentence is the reader's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import Any

from bookings import formats
from bookings.models import Booking, CompletionMark, NoShowReport, OutboxEmail, TimelineEvent
from bookings.states import ActorKind, State, Verb
from bookings.wording.labels import CHANNELS
from bookings.wording.reader import Reader
from bookings.wording.told import told

EXPERT, FOLLOWER, STAFF = (
    OutboxEmail.Audience.EXPERT.value,
    OutboxEmail.Audience.FOLLOWER.value,
    OutboxEmail.Audience.STAFF.value,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a history, ready to be shown."""

    icon: str
    tone: str
    text: str
    when: str
    when_iso: str
    detail: str = ""
    note: str = ""
    """What a person wrote."""
    is_strong: bool = False
    is_next: bool = False


Sentence = str | Callable[[TimelineEvent, Booking], str]
"""{expert}, {follower}, {money}, {window}, {decide} and {to} are filled in."""


@dataclass(frozen=True, slots=True)
class Line:
    """How one kind of event reads. An empty sentence: this reader is not told of it."""

    icon: str
    tone: str = ""
    _: KW_ONLY
    expert: Sentence
    follower: Sentence = ""
    staff: Sentence | None = None
    """None where staff reads what the expert reads."""
    detail: Callable[[TimelineEvent, Booking, Reader], str] = lambda event, booking, reader: ""
    is_strong: bool = False

    def sentence(self, event: TimelineEvent, booking: Booking, audience: str) -> str:
        one = self.follower if audience == FOLLOWER else self.expert
        if audience == STAFF and self.staff is not None:
            one = self.staff
        return _chosen(one, event, booking)


def _chosen(one: Sentence, event: TimelineEvent, booking: Booking) -> str:
    return one if isinstance(one, str) else one(event, booking)


# --- one event ------------------------------------------------------------------------------------


def entry(event: TimelineEvent, booking: Booking, reader: Reader, *, quoted_id: int = 0) -> Entry:
    """`text` is empty where the event does not concern this reader. The words of the event
    `quoted_id` stand elsewhere on the page."""
    line = LINES.get(event.verb) or _unknown(event.verb)
    is_quoted = event.pk == quoted_id
    return Entry(
        icon=line.icon,
        tone=line.tone,
        text=_filled(line.sentence(event, booking, reader.audience), event, booking, reader),
        when=reader.moment(event.at),
        when_iso=formats.utc_iso(event.at),
        detail=_detail(line, event, booking, reader),
        note=event.note if event.verb in WRITTEN_BY_PEOPLE and not is_quoted else "",
        is_strong=line.is_strong,
    )


def _detail(line: Line, event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    """The expert reads as well whether the follower has heard of it."""
    parts = [line.detail(event, booking, reader)]
    if reader.audience == EXPERT:
        parts.append(told(event, booking, reader))
    return " · ".join(filter(None, parts))


def entries(
    events: Sequence[TimelineEvent], booking: Booking, reader: Reader, *, quoted_id: int = 0
) -> tuple[Entry, ...]:
    """All of them, the newest first. `events` come with the oldest first."""
    return tuple(entry(event, booking, reader, quoted_id=quoted_id) for event in reversed(events))


FOLLOWER_READS_AT_MOST = 8


def for_follower(
    newest_first: Iterable[TimelineEvent], booking: Booking, reader: Reader
) -> list[Entry]:
    """The newest lines that concern the follower; what was undone is left out."""
    lines = (entry(event, booking, reader) for event in _that_stand(newest_first))
    return [line for line in lines if line.text][:FOLLOWER_READS_AT_MOST]


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


def _filled(sentence: str, event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    if "{" not in sentence:
        return sentence
    is_staff = reader.audience == STAFF
    expert, follower = booking.expert, booking.buyer
    to = _instant(event.data.get("to"))
    return sentence.format(
        expert=expert.name if is_staff else expert.first_name,
        follower=follower.name if is_staff else follower.first_name,
        money=_amount(event, booking),
        window=formats.duration(booking.limits.no_show_window),
        decide=formats.duration(booking.limits.decide_window),
        to=reader.moment(to) if to else "a new time",
    )


def _amount(event: TimelineEvent, booking: Booking) -> str:
    data = event.data
    keys = ("amount_minor", "refund_minor", "price_minor")
    minor = next((data[key] for key in keys if key in data), 0)
    if event.verb == "booked" and "price_minor" not in data:
        minor = booking.price_minor
    return formats.money(minor, data.get("currency", booking.currency))


def _instant(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None


# --- sentences that depend on what happened -------------------------------------------------------


def _if_refunded(refunded: str, closed: str) -> Sentence:
    """The second where there was nothing to send back."""
    return lambda event, booking: refunded if event.data.get("refund_minor") else closed


def _if_it_ended(refunded: str, closed: str, went_on: str) -> Sentence:
    """The last where the booking did not end with this event."""
    ended = _if_refunded(refunded, closed)
    return lambda event, booking: (
        _chosen(ended, event, booking) if event.to_state == State.REFUNDED else went_on
    )


def _by(expert: Sentence, staff: Sentence) -> Sentence:
    """The second where staff acted."""
    return lambda event, booking: _chosen(
        staff if event.actor_kind == ActorKind.STAFF else expert, event, booking
    )


def _by_datum(name: str, by_value: Mapping[str, str], otherwise: str) -> Sentence:
    """By what was written down with the event."""
    return lambda event, booking: by_value.get(str(event.data.get(name, "")), otherwise)


def _if_absent(absent: str, held: str) -> Sentence:
    """The first where the expert marks that the follower did not come."""
    return _by_datum("outcome", {CompletionMark.Outcome.FOLLOWER_ABSENT.value: absent}, held)


def _if_paid(paid: str, free: str) -> Sentence:
    return lambda event, booking: (
        paid if event.data.get("price_minor", booking.price_minor) else free
    )


# --- details --------------------------------------------------------------------------------------


def _report_reason(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    reason = event.data.get("reason")
    return str(NoShowReport.Reason(reason).label) if reason in NoShowReport.Reason.values else ""


def _offer_detail(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    whose = "you" if reader.audience == EXPERT else "the expert"
    is_listed = event.data.get("mode") == "listed"
    times = f"times {whose} suggested" if is_listed else "any time that is free"
    expires_at = _instant(event.data.get("expires_at"))
    return f"{times}, until {reader.moment(expires_at)}" if expires_at else times


def _instead_of(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    old = _instant(event.data.get("from"))
    return f"instead of {reader.moment(old)}" if old else ""


def _held(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    held_at, minutes = _instant(event.data.get("held_at")), event.data.get("minutes")
    parts = [
        CHANNELS.get(event.data.get("channel", ""), ""),
        reader.moment(held_at) if held_at else "",
        f"{minutes} min" if minutes else "",
    ]
    return ", ".join(part for part in parts if part)


def _cancel_detail(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    if not event.data.get("refund_minor"):
        return ""
    return f"the refund of {_amount(event, booking)} started"


def _hours_before(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    hours = event.data.get("hours")
    return f"{hours} hours before the deadline" if hours else ""


def _reference(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    reference = event.data.get("reference")
    return f"reference {reference}" if reference else ""


# --- every kind of event --------------------------------------------------------------------------

_PICKED = Line(
    "calendar",
    "ok",
    expert="{follower} picked {to}",
    follower="You picked {to}",
    detail=_instead_of,
    is_strong=True,
)
_REMINDED = {
    "offer_reminder": "We reminded {follower} to pick a time",
    "after_call": "We asked {follower} whether the call happened",
}
LINES: dict[str, Line] = {
    "booked": Line(
        "card",
        expert=_if_paid("{follower} booked and paid {money}", "{follower} booked"),
        follower=_if_paid("You booked the call and paid {money}", "You booked the call"),
    ),
    "time_taken": Line(
        "x",
        expert="{follower} paid for a time that was taken; {money} goes back",
        follower="The time was taken while you were paying",
    ),
    "imported": Line("info", expert="Imported from another system"),
    Verb.REPORT_NO_SHOW.value: Line(
        "flag",
        "bad",
        expert="{follower} reported a no-show",
        follower="You reported that the call did not happen",
        detail=_report_reason,
        is_strong=True,
    ),
    Verb.WITHDRAW_REPORT.value: Line(
        "check", "ok", expert="{follower} withdrew the report", follower="You withdrew your report"
    ),
    Verb.OFFER_RESCHEDULE.value: Line(
        "again",
        "info",
        expert="You offered a new time",
        follower="{expert} offered you a new time",
        staff="{expert} offered a new time",
        detail=_offer_detail,
    ),
    "link_resent": Line(
        "mail",
        expert=_by("You sent the link again", "Our team sent the link again"),
        staff=_by("{expert} sent the link again", "Staff sent the link again"),
    ),
    Verb.WITHDRAW_OFFER.value: Line(
        "x",
        expert="You withdrew the offer",
        follower="{expert} withdrew the offer of a new time",
        staff="{expert} withdrew the offer of a new time",
    ),
    Verb.PICK_TIME.value: _PICKED,
    Verb.MOVE_INSTEAD.value: _PICKED,
    Verb.REFUND_INSTEAD.value: Line(
        "bank",
        "money",
        expert="{follower} chose a refund of {money} instead",
        follower="You chose a refund of {money} instead",
    ),
    Verb.OFFER_LAPSED.value: Line(
        "clock",
        expert=_if_it_ended(
            "{follower} picked no new time, so the refund of {money} started",
            "{follower} picked no new time, so the booking was closed; there was nothing to refund",
            "{follower} picked no new time; nothing has changed",
        ),
        follower=_if_it_ended(
            "You picked no new time, so the refund of {money} started",
            "You picked no new time, so the booking was closed",
            "You picked no new time; nothing has changed",
        ),
    ),
    Verb.MARK_COMPLETED.value: Line(
        "check",
        "ok",
        expert=_if_absent(
            "You wrote that {follower} did not come", "You marked the call as completed"
        ),
        follower=_if_absent(
            "{expert} wrote that you did not come", "{expert} marked the call as completed"
        ),
        staff=_if_absent(
            "{expert} wrote that {follower} did not come", "{expert} marked the call as completed"
        ),
        detail=_held,
    ),
    Verb.CONTEST.value: Line(
        "flag",
        "bad",
        expert="{follower} says this is not right",
        follower="You told us that this is not right",
        staff="{follower} contested the mark",
        is_strong=True,
    ),
    Verb.DECIDE.value: Line(
        "shield",
        "info",
        expert=_if_it_ended(
            "Our team decided: the refund of {money} started",
            "Our team decided: the booking was closed; there was nothing to refund",
            "Our team decided: the call took place",
        ),
        follower=_if_it_ended(
            "Our team decided: you get {money} back",
            "Our team decided: the booking was closed",
            "Our team decided: the call took place",
        ),
        staff=_if_it_ended(
            "Staff decided: the refund of {money} started",
            "Staff decided: the booking was closed; there was nothing to refund",
            "Staff decided: the call took place",
        ),
    ),
    Verb.NOBODY_DECIDED.value: Line(
        "bank",
        "money",
        expert=_if_refunded(
            "Nobody decided in {decide}, so the refund of {money} started",
            "Nobody decided in {decide}, so the booking was closed; there was nothing to refund",
        ),
        follower=_if_refunded(
            "We did not decide in {decide}, so you get {money} back",
            "We did not decide in {decide}, so the booking was closed",
        ),
    ),
    Verb.REFUND_NOW.value: Line(
        "bank",
        "money",
        expert=_by(
            _if_refunded(
                "You refunded {money}", "You closed the booking; there was nothing to refund"
            ),
            _if_refunded(
                "Our team refunded {money}",
                "Our team closed the booking; there was nothing to refund",
            ),
        ),
        follower=_by(
            _if_refunded("{expert} refunded you {money}", "{expert} closed the booking"),
            _if_refunded("Our team refunded you {money}", "Our team closed the booking"),
        ),
        staff=_by(
            _if_refunded(
                "{expert} refunded {money}",
                "{expert} closed the booking; there was nothing to refund",
            ),
            _if_refunded(
                "Staff refunded {money}", "Staff closed the booking; there was nothing to refund"
            ),
        ),
    ),
    Verb.NO_ANSWER.value: Line(
        "bank",
        "money",
        expert=_if_refunded(
            "The {window} ended, so the refund of {money} started",
            "The {window} ended, so the booking was closed; there was nothing to refund",
        ),
        follower=_if_refunded(
            "{expert} did not answer in time, so you get {money} back",
            "{expert} did not answer in time, so the booking was closed",
        ),
        staff=_if_refunded(
            "{expert} did not answer in {window}, so the refund of {money} started",
            "{expert} did not answer in {window}, so the booking was closed; "
            "there was nothing to refund",
        ),
        is_strong=True,
    ),
    Verb.CANCEL.value: Line(
        "x",
        expert=_by("You cancelled the call", "Our team cancelled the call"),
        follower=_by("{expert} cancelled the call", "Our team cancelled the call"),
        staff=_by("{expert} cancelled the call", "Staff cancelled the call"),
        detail=_cancel_detail,
    ),
    Verb.UNDO.value: Line(
        "left",
        expert=_by_datum(
            "verb",
            {
                "offer_reschedule": "You took the offer back before it was sent",
                "withdraw_offer": "You left the offer open after all",
                "mark_completed": "You took the mark back",
                "refund_now": "You stopped the refund",
                "cancel": "You put the call back",
            },
            "You took that back",
        ),
        staff=_by_datum(
            "verb",
            {
                "offer_reschedule": "{expert} took the offer back before it was sent",
                "withdraw_offer": "{expert} left the offer open after all",
                "mark_completed": "{expert} took the mark back",
                "refund_now": "{expert} stopped the refund",
                "cancel": "{expert} put the call back",
            },
            "{expert} took that back",
        ),
    ),
    "reminder": Line(
        "bell",
        expert=_by_datum(
            "kind",
            {**_REMINDED, "staff_contest_reminder": "We reminded our team to decide"},
            "We reminded you by e-mail",
        ),
        staff=_by_datum(
            "kind",
            {**_REMINDED, "staff_contest_reminder": "We reminded staff to decide"},
            "We reminded {expert} by e-mail",
        ),
        detail=_hours_before,
    ),
    "refund_accepted": Line(
        "bank",
        "money",
        expert="The refund of {money} is with the bank",
        follower="We sent your refund to your bank",
        staff="The provider accepted the refund of {money}",
    ),
    "refund_succeeded": Line(
        "bank",
        "ok",
        expert="{money} went back to {follower}",
        follower="Your refund was confirmed",
        detail=_reference,
    ),
    "refund_declined": Line(
        "info",
        "bad",
        expert="The refund failed; our team takes care of it",
        follower="Your refund did not go through yet",
        staff="The provider declined the refund",
    ),
    "refund_reversed": Line(
        "info",
        "bad",
        expert="The bank sent the refund back; our team takes care of it",
        follower="Your bank sent the refund back",
        staff="The bank sent the refund back",
    ),
    "refund_held": Line(
        "pause", expert="Our team put the refund on hold", staff="The refund was put on hold"
    ),
    "refund_paused": Line(
        "pause", expert="The refund waits for our team", staff="The refund waits for staff"
    ),
    "refund_by_hand": Line(
        "bank",
        "money",
        expert="Our team sends the refund by hand",
        staff="The refund is to be paid by hand",
    ),
    "refund_voided": Line("bank", expert="The refund was not needed any more"),
    "refund_reduced": Line("bank", "money", expert="The refund is smaller now"),
    "returned_elsewhere": Line("bank", "money", expert="{money} went back another way"),
    "came_back_elsewhere": Line(
        "info", "bad", expert="{money} that went back another way came back"
    ),
    "dispute_opened": Line("flag", "bad", expert="The payment is disputed at the bank"),
    "dispute_won": Line(
        "check",
        expert="The bank dispute ended in your favour",
        staff="The bank dispute ended in the expert’s favour",
    ),
    "dispute_lost": Line("flag", "bad", expert="The bank dispute was lost"),
    "limits_renewed": Line(
        "info",
        expert="Our team gave this booking today’s limits",
        staff="This booking was given today’s limits",
    ),
    "refund_released": Line(
        "bank", "money", expert="Our team let the refund go on", staff="The refund was released"
    ),
    "refund_retry": Line(
        "again", "money", expert="Our team sent the refund again", staff="The refund was sent again"
    ),
    "refund_paid_by_hand": Line(
        "bank",
        "ok",
        expert="Our team paid {money} to {follower}",
        follower="We paid your refund by hand",
        staff="{money} was paid to {follower} by hand",
    ),
}
WRITTEN_BY_PEOPLE = {
    Verb.REPORT_NO_SHOW.value, Verb.OFFER_RESCHEDULE.value, Verb.MARK_COMPLETED.value,
    Verb.CONTEST.value, Verb.DECIDE.value, Verb.CANCEL.value, Verb.REFUND_NOW.value,
}  # fmt: skip
"""The notes of these verbs are somebody's words; those of others are for staff."""


def _unknown(verb: str) -> Line:
    """An event that a newer release has written."""
    words = verb.replace("_", " ").capitalize()
    return Line("info", expert=words)
