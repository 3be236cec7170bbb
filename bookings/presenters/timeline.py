"""What happened to a booking, one sentence for each line of its history, for its expert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bookings import formats
from bookings.models import Booking, TimelineEvent
from bookings.presenters import sentences
from bookings.presenters.reader import Reader
from bookings.presenters.told import told


@dataclass(frozen=True, slots=True)
class Entry:
    icon: str
    tone: str
    text: str
    when: str
    when_iso: str
    detail: str = ""
    note: str = ""
    """what a person wrote"""
    is_strong: bool = False
    is_next: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """How one kind of event reads. `say` gets the event, its booking and its reader."""

    icon: str
    tone: str
    say: sentences.Say
    detail: sentences.Say = lambda event, booking, reader: ""
    is_strong: bool = False


def entries(
    events: Sequence[TimelineEvent], booking: Booking, reader: Reader, *, quoted_id: int = 0
) -> tuple[Entry, ...]:
    """Newest first. The words of the event `quoted_id` stand elsewhere on the page."""
    return tuple(
        entry(event, booking, reader, is_quoted=event.pk == quoted_id) for event in reversed(events)
    )


def entry(
    event: TimelineEvent, booking: Booking, reader: Reader, *, is_quoted: bool = False
) -> Entry:
    line = LINES.get(event.verb) or Line("info", "", sentences.plain)
    return Entry(
        icon=line.icon,
        tone=line.tone,
        text=line.say(event, booking, reader),
        when=reader.moment(event.at),
        when_iso=formats.utc_iso(event.at),
        detail=" · ".join(
            filter(None, [line.detail(event, booking, reader), told(event, booking, reader)])
        ),
        note=event.note if event.verb in WRITTEN_BY_PEOPLE and not is_quoted else "",
        is_strong=line.is_strong,
    )


LINES: dict[str, Line] = {
    "booked": Line("card", "", sentences.booked),
    "time_taken": Line(
        "x", "", sentences.says("{name} paid for a time that was taken; {money} goes back")
    ),
    "imported": Line("info", "", sentences.says("Taken over from another system")),
    "report_no_show": Line(
        "flag",
        "bad",
        sentences.says("{name} reported a no-show"),
        sentences.report_reason,
        is_strong=True,
    ),
    "withdraw_report": Line("check", "ok", sentences.says("{name} withdrew the report")),
    "offer_reschedule": Line(
        "again", "info", sentences.says("You offered a new time"), sentences.offer_detail
    ),
    "link_resent": Line("mail", "", sentences.says("{who} sent the link again")),
    "withdraw_offer": Line("x", "", sentences.says("You withdrew the offer")),
    "pick_time": Line("calendar", "ok", sentences.picked, sentences.instead_of, is_strong=True),
    "move_instead": Line("calendar", "ok", sentences.picked, sentences.instead_of, is_strong=True),
    "refund_instead": Line(
        "bank", "money", sentences.says("{name} chose a refund of {money} instead")
    ),
    "offer_lapsed": Line("clock", "", sentences.lapsed),
    "mark_completed": Line("check", "ok", sentences.marked, sentences.marked_detail),
    "contest": Line("flag", "bad", sentences.says("{name} says this is not right"), is_strong=True),
    "decide": Line("shield", "info", sentences.decided),
    "nobody_decided": Line("bank", "money", sentences.undecided),
    "refund_now": Line("bank", "money", sentences.refunded_now),
    "no_answer": Line("bank", "money", sentences.no_answer, is_strong=True),
    "cancel": Line("x", "", sentences.says("{who} cancelled the call"), sentences.cancel_detail),
    "undo": Line("left", "", sentences.undone),
    "reminder": Line("bell", "", sentences.reminded, sentences.hours_before),
    "limits_renewed": Line("info", "", sentences.says("Our team gave this booking today’s limits")),
    "refund_accepted": Line(
        "bank", "money", sentences.says("The refund of {money} is with the bank")
    ),
    "refund_succeeded": Line(
        "bank", "ok", sentences.says("{money} went back to {name}"), sentences.reference
    ),
    "refund_declined": Line(
        "info", "bad", sentences.says("The refund failed; our team takes care of it")
    ),
    "refund_reversed": Line(
        "info", "bad", sentences.says("The bank sent the refund back; our team takes care of it")
    ),
    "refund_held": Line("pause", "", sentences.says("Our team put the refund on hold")),
    "refund_paused": Line("pause", "", sentences.says("The refund waits for our team")),
    "refund_by_hand": Line("bank", "money", sentences.says("Our team sends the refund by hand")),
    "refund_voided": Line("bank", "", sentences.says("The refund was not needed any more")),
    "refund_reduced": Line("bank", "money", sentences.says("The refund is smaller now")),
    "returned_elsewhere": Line("bank", "money", sentences.says("{money} went back another way")),
    "came_back_elsewhere": Line(
        "info", "bad", sentences.says("{money} that went back another way came back")
    ),
    "dispute_opened": Line("flag", "bad", sentences.says("The payment is disputed at the bank")),
    "dispute_won": Line("check", "", sentences.says("The bank dispute ended in your favour")),
    "dispute_lost": Line("flag", "bad", sentences.says("The bank dispute was lost")),
    "refund_released": Line("bank", "money", sentences.says("Our team let the refund go on")),
    "refund_retry": Line("again", "money", sentences.says("Our team sent the refund again")),
    "refund_paid_by_hand": Line("bank", "ok", sentences.says("Our team paid {money} to {name}")),
}
WRITTEN_BY_PEOPLE = {
    "report_no_show", "offer_reschedule", "mark_completed", "contest", "decide", "cancel",
    "refund_now",
}  # fmt: skip
