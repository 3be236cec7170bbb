"""A site to try everything on: invented people, and histories lived through the real verbs.

`seed` may run again at any time: what is there already stays as it is.
"""

from __future__ import annotations

from datetime import datetime

from bookings.demo import cases, cast, history, mailbox
from bookings.demo.cast import SIGN_INS

__all__ = ["SIGN_INS", "seed"]


def seed(now: datetime) -> int:
    """Add the cast and its calls; how many bookings were added. `now` is when it "is"."""
    people = cast.gather()
    cast.leave_feedback()
    with mailbox.in_order():
        return (
            cases.play(people, now=now)
            + history.play(people, now=now)
            + history.play_upcoming(people, now=now)
        )
