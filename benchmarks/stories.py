"""What happened to the generated bookings: a few stories, each a list of steps.

`rows` and `cases` write booking, events, e-mails and cases of all of them by statements.
"""

from __future__ import annotations

from dataclasses import dataclass

HOUR = 3600
DAY = 24 * HOUR
ANSWER = 72 * HOUR
"""a report's clock"""
OFFER = 14 * DAY
DECISION = 7 * DAY

_MONEY_BACK = {"refund_minor": "price", "currency": "'INR'"}
_REPORTED = {"reason": "'expert_absent'", "is_second": "0"}
_MARKED = {
    "outcome": "'held_elsewhere'",
    "channel": "'video'",
    "held_at": "iso(starts)",
    "minutes": "15",
    "was_reported": "0",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One event. `data` is SQL; `to` is empty for a fact that changes no state."""

    verb: str
    by: str
    to: str = ""
    data: tuple[tuple[str, str], ...] = ()
    mails: tuple[tuple[str, str], ...] = ()
    """kind and audience"""
    is_about_money: bool = False
    """not for a free call"""


def _step(
    verb: str, by: str, to: str = "", mails: str = "", data: dict[str, str] | None = None
) -> Step:
    """`mails` as "kind>audience kind>audience"."""
    pairs = [mail.split(">") for mail in mails.split()]
    return Step(
        verb, by, to, tuple((data or {}).items()), tuple((kind, whom) for kind, whom in pairs)
    )


_REPORT = _step(
    "report_no_show",
    "follower",
    "no_show_reported",
    "report_received>follower no_show_reported>expert",
    _REPORTED,
)
_MARK = _step("mark_completed", "expert", "completed", "marked_completed>follower", _MARKED)
_PAID = Step(
    "refund_succeeded",
    "system",
    data=(("refund", "CAST(uuid(id) AS text)"), ("amount_minor", "price"), ("currency", "'INR'"),
          ("reference", "'ARN' || id")),
    mails=(("refund_confirmed", "follower"),),
    is_about_money=True,
)  # fmt: skip


def _offer(is_after_report: int) -> Step:
    data = {"mode": "'availability'", "is_after_report": str(is_after_report)}
    return _step("offer_reschedule", "expert", "reschedule_offered", "offer>follower", data)


@dataclass(frozen=True, slots=True)
class Story:
    """`steps` happen at the plan's t1, t2, t3; `deadline` is SQL over the plan."""

    steps: tuple[Step, ...] = ()
    deadline: str = "NULL"
    resume_state: str = ""
    resume_deadline: str = "NULL"
    reminder: str = "NULL"

    @property
    def state(self) -> str:
        return next((step.to for step in reversed(self.steps) if step.to), "scheduled")

    @property
    def verbs(self) -> list[str]:
        return [step.verb for step in self.steps]

    def position(self, verb: str) -> int:
        """1 for the step at t1."""
        return self.verbs.index(verb) + 1

    def at(self, verb: str) -> str:
        """When, as SQL; NULL where the story has no such step."""
        return f"t{self.position(verb)}" if verb in self.verbs else "NULL"

    @property
    def has_open_report(self) -> bool:
        is_open = self.state in ("no_show_reported", "reschedule_offered")
        return "report_no_show" in self.verbs and is_open

    @property
    def is_refunded(self) -> bool:
        return self.steps[-1:] == (_PAID,)


STORIES: dict[str, Story] = {
    "quiet": Story(),
    "ahead": Story(reminder="ends"),
    "reported": Story((_REPORT,), deadline=f"t1 + {ANSWER}"),
    "offered": Story((_offer(0),), deadline=f"t1 + {OFFER}", resume_state="scheduled"),
    "answered": Story(
        (_REPORT, _offer(1)),
        deadline=f"t2 + {OFFER}",
        resume_state="no_show_reported",
        resume_deadline=f"t1 + {ANSWER}",
    ),
    "completed": Story((_MARK,)),
    "contested": Story(
        (
            _MARK,
            _step(
                "contest",
                "follower",
                "contested",
                "contest_received>follower contested>expert staff_contested>staff",
            ),
        ),
        deadline=f"t2 + {DECISION}",
    ),
    "unanswered": Story(
        (
            _REPORT,
            _step(
                "no_answer",
                "system",
                "refunded",
                "refund_started>follower booking_refunded>expert",
                _MONEY_BACK | {"was_future": "0"},
            ),
            _PAID,
        )
    ),
    "refunded": Story(
        (
            _step(
                "refund_now",
                "expert",
                "refunded",
                "refund_started>follower",
                _MONEY_BACK | {"was_future": "0"},
            ),
            _PAID,
        )
    ),
    "cancelled": Story(
        (
            _step(
                "cancel",
                "expert",
                "cancelled",
                "call_cancelled>follower",
                _MONEY_BACK | {"was_future": "1"},
            ),
            _PAID,
        )
    ),
}


def story_of_a_call(now: int) -> str:
    """SQL: the story by age and by `h`, a number from 0 to 99 that looks drawn."""
    return f"""CASE
        WHEN starts > {now} THEN CASE
            WHEN h < 3 THEN 'cancelled' WHEN h < 6 THEN 'offered' ELSE 'ahead' END
        WHEN {now} - ends < {132 * HOUR} THEN CASE
            WHEN h < 45 THEN 'reported' WHEN h < 60 THEN 'completed' WHEN h < 65 THEN 'contested'
            WHEN h < 70 THEN 'answered' WHEN h < 75 THEN 'offered' WHEN h < 80 THEN 'refunded'
            ELSE 'quiet' END
        WHEN {now} - ends < {26 * DAY} AND h < 4 THEN 'offered'
        WHEN h < 30 THEN 'completed' WHEN h < 37 THEN 'unanswered' WHEN h < 40 THEN 'refunded'
        WHEN h < 43 THEN 'cancelled' ELSE 'quiet' END"""


def moments(now: int, greatest: str, least: str) -> tuple[str, str, str]:
    """SQL for t1, t2, t3: each after the one before, none after `now`; `spread` is 0 to 999."""

    def between(low: str, high: str) -> str:
        return f"({low}) + (({high}) - ({low})) * spread / 1000"

    report = between(
        f"{greatest}(ends, {now - 66 * HOUR})", f"{least}({now - HOUR}, ends + {ANSWER})"
    )
    first = f"""CASE story
        WHEN 'reported' THEN {report} WHEN 'answered' THEN {report}
        WHEN 'offered' THEN {between(f"{now - 12 * DAY}", f"{now - HOUR}")}
        WHEN 'completed' THEN ends + ({least}({now} - ends, {HOUR})) / 2
        WHEN 'contested' THEN ends + ({least}({now} - ends, {HOUR})) / 3
        WHEN 'refunded' THEN ends + ({least}({now} - ends, {2 * HOUR})) / 2
        WHEN 'cancelled' THEN {least}(starts - {DAY}, {now - HOUR})
        ELSE ends + {HOUR} END"""
    second = f"""CASE story
        WHEN 'answered' THEN t1 + ({now} - t1) / 2
        WHEN 'contested' THEN t1 + ({least}({now}, t1 + {ANSWER}) - t1) / 2
        WHEN 'unanswered' THEN t1 + {ANSWER + 61}
        ELSE t1 + 45 END"""
    return first, second, "t2 + 45"
