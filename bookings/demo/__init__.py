"""A site to try everything on: invented people, and histories lived through the real verbs.

`seed` may run again at any time: what is there already stays as it is.
"""

from __future__ import annotations

from datetime import datetime

from bookings.demo import cases, history, mailbox
from bookings.demo.people import SIGN_INS, gather, leave_feedback

__all__ = ["SIGN_INS", "seed"]


def seed(now: datetime) -> int:
    """Add the people and their calls; how many bookings were added. `now` is when it "is"."""
    people = gather()
    leave_feedback()
    with mailbox.in_order():
        return (
            cases.play(people, now=now)
            + history.play(people, now=now)
            + history.play_upcoming(people, now=now)
        )
