"""What staff did, in one list that nobody can edit: each act is written in the transaction that
does it. What stands in the history of a booking is noted by `timeline`, all else by whoever does
it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from bookings.models import Booking, Expert, Follower, StaffAct, TimelineEvent, longest
from bookings.states import ActorKind, Verb

Change = tuple[str, str, str]
"""What was changed, from what, to what."""
_noted: ContextVar[list[StaffAct] | None] = ContextVar("noted", default=None)


def verb_words(verb: str) -> str:
    """The label of a verb; a fact such as refund_accepted in words."""
    return str(Verb(verb).label) if verb in Verb.values else verb.replace("_", " ").capitalize()


def note(
    what: str,
    *,
    by: int | None,
    at: datetime,
    reason: str = "",
    about: str = "",
    booking: Booking | None = None,
    expert: Expert | None = None,
    follower: Follower | None = None,
    changes: Sequence[Change] = (),
) -> StaffAct:
    act = StaffAct(
        at=at,
        by_id=by,
        what=what[: longest(StaffAct, "what")],
        reason=reason[: longest(StaffAct, "reason")],
        about=about[: longest(StaffAct, "about")],
        booking=booking,
        expert=expert,
        follower=follower,
        changes=[list(change) for change in changes],
    )
    _write([act])
    return act


def note_events(events: Sequence[TimelineEvent]) -> None:
    """Lines of histories that staff has written."""
    _write(
        [
            StaffAct(
                at=event.at,
                by_id=event.actor_id,
                what=verb_words(event.verb),
                reason=event.note,
                about=event.booking.code,
                booking_id=event.booking_id,
            )
            for event in events
            if event.actor_kind == ActorKind.STAFF
        ]
    )


def _write(acts: list[StaffAct]) -> None:
    StaffAct.objects.bulk_create(acts)
    noted = _noted.get()
    if noted is not None:
        noted += acts


@contextmanager
def watching() -> Iterator[list[StaffAct]]:
    """What is noted meanwhile, so that it is not noted twice."""
    noted: list[StaffAct] = []
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)
