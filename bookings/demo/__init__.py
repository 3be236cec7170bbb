"""A site to try everything on: invented people, and histories lived through the real verbs.

`seed` may run again at any time: what is there already stays as it is.
"""

from __future__ import annotations

from datetime import datetime
from itertools import chain

from bookings.demo import playing, stories
from bookings.demo.people import SIGN_INS, gather, leave_feedback

__all__ = ["SIGN_INS", "seed"]


def seed(now: datetime) -> int:
    """Add the people and their calls; how many bookings were added. `now` is when it "is"."""
    people = gather()
    leave_feedback()
    told = chain(
        stories.open_cases(people, now), stories.past(people, now), stories.upcoming(people, now)
    )
    with playing.in_order():
        return sum(playing.play(story, now=now) for story in told)
