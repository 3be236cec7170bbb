"""The limits in force, one sentence each, for the admin."""

from __future__ import annotations

from dataclasses import dataclass

from bookings.policy import Policy
from bookings.presenters.help import figures

_MEANINGS = {
    "no_show_window": "The expert may answer a no-show report for",
    "report_opens_after": "A call can be reported from its start plus",
    "report_window": "A call can be reported until its end plus",
    "offer_window": "The follower may pick a new time for",
    "offer_after_call": "A past call can be offered again for",
    "contest_window": "The follower may contest a mark for",
    "decide_window": "Staff decides a contested call within",
    "undo_window": "The expert may undo for",
    "grace": "Added to every deadline for a click on its way (never shown)",
    "min_offer_slots": "Free times an offer must have",
    "offer_slot_horizon": "Free times are counted for the next",
    "expert_reminders": "The expert is reminded before the end of a report",
    "link_reminder": "The follower is reminded before an offer lapses",
    "staff_reminder": "Staff is reminded before a decision is due",
}


@dataclass(frozen=True, slots=True)
class PolicyRow:
    meaning: str
    value: str
    setting: str
    """The environment variable that changes it."""


def policy_rows(policy: Policy) -> list[PolicyRow]:
    return [
        PolicyRow(_MEANINGS.get(name, name), str(value), f"POLICY_{name.upper()}")
        for name, value in figures(policy).items()
    ]
