"""Whether the follower has heard of what was done to a booking: asked of the outbox."""

from __future__ import annotations

from bookings import clocks, formats
from bookings.models import Booking, OutboxState, TimelineEvent
from bookings.states import Verb
from bookings.wording.reader import Reader

TOLD_OF = {
    Verb.OFFER_RESCHEDULE.value,
    "link_resent",
    Verb.WITHDRAW_OFFER.value,
    Verb.MARK_COMPLETED.value,
    Verb.REFUND_NOW.value,
    Verb.CANCEL.value,
}
ON_ITS_WAY = (OutboxState.QUEUED, OutboxState.SENDING)


def later(booking: Booking, what: str) -> str:
    """An e-mail is held as long as what it tells of can be undone."""
    return f"After {formats.duration(booking.limits.undo_window)} {what}, unless you undo this"


def told(event: TimelineEvent, booking: Booking, reader: Reader) -> str:
    """Empty for what the follower did themselves, and for an e-mail that was not needed."""
    state = mail_of(event)
    if not state:
        return ""
    name = booking.buyer.first_name
    if _is_held(event, booking, reader):
        return _lower_first(later(booking, f"we tell {name} by e-mail"))
    if state in ON_ITS_WAY:
        return f"the e-mail to {name} is on its way"
    if state == OutboxState.SENT:
        return f"we told {name} by e-mail"
    if state == OutboxState.FAILED:
        return f"the e-mail to {name} could not be delivered"
    return ""


def is_on_its_way(event: TimelineEvent) -> bool:
    """It is held, or about to be sent."""
    return mail_of(event) in ON_ITS_WAY


def mail_of(event: TimelineEvent) -> str:
    """The state of the e-mail that told the follower, where the page has asked for it."""
    return (getattr(event, "mail", None) or "") if event.verb in TOLD_OF else ""


def _is_held(event: TimelineEvent, booking: Booking, reader: Reader) -> bool:
    leaves_at = clocks.after(event.at, booking.limits.undo_window)
    is_undoable = "before" in event.data and reader.now < leaves_at
    return is_undoable and mail_of(event) == OutboxState.QUEUED


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
