"""The register of all e-mails. One e-mail is one function in `letters/` with one decorator, and the
decorator says everything about it but the words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from bookings.emails.letter import Letter, MailCase
from bookings.models import OutboxEmail, TimelineEvent

FOLLOWER, EXPERT, STAFF = (
    OutboxEmail.Audience.FOLLOWER,
    OutboxEmail.Audience.EXPERT,
    OutboxEmail.Audience.STAFF,
)
Writer = Callable[[MailCase], Letter]


@dataclass(eq=False, slots=True)
class Email:
    """One kind of e-mail, and the decorator of the function that writes it. The function's name
    stands in the rows of the outbox and never changes."""

    audience: str
    when: str
    """What it follows, in words, for the list of all e-mails."""
    after: tuple[str, ...] = ()
    """The verbs of the events that cause it; none where something else queues it."""
    applies: Callable[[TimelineEvent], bool] = lambda event: True
    """Whether such an event causes it. Reads nothing but the event's own fields, so that `verify`
    gets the same answer at any time."""
    still_true: Callable[[MailCase], bool] = lambda case: True
    """Asked of the present state just before it is sent; if not, it is dropped."""
    links: tuple[str, ...] = ()
    """The private links that must exist when it is queued."""
    calendar: Literal["", "REQUEST", "CANCEL"] = ""
    """The calendar file: one that enters the call, or takes a call that lay ahead out again."""
    write: Writer = field(init=False)

    def __call__(self, write: Writer) -> Writer:
        self.write = write
        KINDS[write.__name__] = self
        for verb in self.after:
            KINDS_AFTER.setdefault(verb, []).append(write.__name__)
        return write


KINDS: dict[str, Email] = {}
"""The name of a kind, and what its decorator says."""
KINDS_AFTER: dict[str, list[str]] = {}
"""The verb of an event, and the kinds that such an event may cause."""


def kinds_after(event: TimelineEvent) -> tuple[str, ...]:
    """The e-mails that this event causes."""
    names = KINDS_AFTER.get(event.verb, ())
    return tuple(name for name in names if KINDS[name].applies(event))
