"""States, verbs and actors of a booking, and the one table that says which verb may do what.

No queries here. Everything else (buttons, refusals, admin actions, tests) is derived from TABLE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import TextChoices


class State(TextChoices):
    """What happened to the call. What happened to the money is on the refund."""

    SCHEDULED = "scheduled"
    NO_SHOW_REPORTED = "no_show_reported"
    RESCHEDULE_OFFERED = "reschedule_offered"
    COMPLETED = "completed"
    CONTESTED = "contested"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"


FINAL = frozenset({State.REFUNDED, State.CANCELLED})
HOLDS_A_SLOT = frozenset({State.SCHEDULED, State.RESCHEDULE_OFFERED, State.NO_SHOW_REPORTED})
"""In these states nobody else may book the expert's time; the database refuses an overlap."""


class ActorKind(TextChoices):
    EXPERT = "expert"
    FOLLOWER = "follower"
    STAFF = "staff"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `request_key` is the id of the submitted form: the same one acts once."""

    kind: ActorKind
    user_id: int | None = None
    request_key: str = ""


SYSTEM = Actor(ActorKind.SYSTEM)


class Verb(TextChoices):
    REPORT_NO_SHOW = "report_no_show", "Report a no-show"
    WITHDRAW_REPORT = "withdraw_report", "Withdraw the report"
    OFFER_RESCHEDULE = "offer_reschedule", "Reschedule"
    WITHDRAW_OFFER = "withdraw_offer", "Withdraw the offer"
    PICK_TIME = "pick_time", "Pick a time"
    MOVE_INSTEAD = "move_instead", "Pick a new time instead"
    REFUND_INSTEAD = "refund_instead", "Get a refund instead"
    OFFER_LAPSED = "offer_lapsed", "Offer lapsed"
    MARK_COMPLETED = "mark_completed", "Mark as completed"
    CONTEST = "contest", "Contest"
    DECIDE = "decide", "Decide"
    NOBODY_DECIDED = "nobody_decided", "Nobody decided"
    REFUND_NOW = "refund_now", "Refund now"
    NO_ANSWER = "no_answer", "No answer"
    CANCEL = "cancel", "Cancel"
    UNDO = "undo", "Undo"


@dataclass(frozen=True, slots=True)
class Move:
    """One line of the table. `to` is empty where the verb goes back to an earlier state."""

    sources: frozenset[State]
    to: tuple[State, ...]
    who: frozenset[ActorKind]
    at_deadline: bool = False
    """True: only when the deadline has passed. False: only before it."""
    is_undoable: bool = False
    """True: an expert may take it back for 30 seconds; its e-mails are held that long."""


def _move(
    sources: str, to: str, who: str, *, at_deadline: bool = False, is_undoable: bool = False
) -> Move:
    return Move(
        sources=frozenset(State(name) for name in sources.split()),
        to=tuple(State(name) for name in to.split()),
        who=frozenset(ActorKind(name) for name in who.split()),
        at_deadline=at_deadline,
        is_undoable=is_undoable,
    )


TABLE: Mapping[Verb, Move] = {
    Verb.REPORT_NO_SHOW: _move("scheduled reschedule_offered", "no_show_reported", "follower"),
    Verb.WITHDRAW_REPORT: _move("no_show_reported", "scheduled", "follower"),
    Verb.OFFER_RESCHEDULE: _move(
        "scheduled completed no_show_reported", "reschedule_offered", "expert", is_undoable=True
    ),
    Verb.WITHDRAW_OFFER: _move("reschedule_offered", "", "expert", is_undoable=True),
    Verb.PICK_TIME: _move("reschedule_offered", "scheduled", "follower"),
    Verb.MOVE_INSTEAD: _move("no_show_reported", "scheduled", "follower"),
    Verb.REFUND_INSTEAD: _move("reschedule_offered", "refunded", "follower"),
    Verb.OFFER_LAPSED: _move("reschedule_offered", "", "system", at_deadline=True),
    Verb.MARK_COMPLETED: _move(
        "scheduled no_show_reported reschedule_offered", "completed", "expert", is_undoable=True
    ),
    Verb.CONTEST: _move("completed", "contested", "follower"),
    Verb.DECIDE: _move("contested", "completed refunded", "staff"),
    Verb.NOBODY_DECIDED: _move("contested", "refunded", "system", at_deadline=True),
    Verb.REFUND_NOW: _move(
        "scheduled no_show_reported reschedule_offered completed contested",
        "refunded",
        "expert staff",
        is_undoable=True,
    ),
    Verb.NO_ANSWER: _move("no_show_reported", "refunded", "system", at_deadline=True),
    Verb.CANCEL: _move("scheduled", "cancelled", "expert staff", is_undoable=True),
    Verb.UNDO: _move(
        "scheduled no_show_reported reschedule_offered completed contested refunded cancelled",
        "",
        "expert",
    ),
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A state in which somebody waits for somebody. `window` and `reminders` name limits of
    `policy.Policy`; everything that has to do with the clock of a state is derived from this."""

    window: str
    """How long the state lasts at most."""
    at_deadline: Verb
    """What happens by itself when that time is over."""
    reminders: str
    """How long before the deadline somebody is reminded."""
    reminder: str
    """The e-mail that reminds them."""


WAITING: Mapping[State, Waiting] = {
    State.NO_SHOW_REPORTED: Waiting(
        window="no_show_window",
        at_deadline=Verb.NO_ANSWER,
        reminders="expert_reminders",
        reminder="time_left",
    ),
    State.RESCHEDULE_OFFERED: Waiting(
        window="offer_window",
        at_deadline=Verb.OFFER_LAPSED,
        reminders="link_reminder",
        reminder="offer_reminder",
    ),
    State.CONTESTED: Waiting(
        window="decide_window",
        at_deadline=Verb.NOBODY_DECIDED,
        reminders="staff_reminder",
        reminder="staff_contest_reminder",
    ),
}


class TransitionNotAllowed(Exception):
    """A verb was refused. `str()` is a sentence for people, `code` is for the caller."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def changed_meanwhile() -> TransitionNotAllowed:
    """Somebody else was faster: show the fresh state."""
    return TransitionNotAllowed("changed", "This booking has changed while you were here.")
