"""A site to try everything on: invented people, and histories lived through the real verbs.

`seed` may run again at any time: what is there already stays as it is. The demo lived through the
open cases, each with its clock at its own hour; six quiet weeks behind them; and the calls to come,
all in free slots. The one in `_runs_out` is refunded by the sweep two minutes after seeding, while
one watches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain, cycle
from typing import Any
from zoneinfo import ZoneInfo

from bookings.demo import actions, playing
from bookings.demo.actions import Channel, Held, Reason
from bookings.demo.people import (
    LUKAS_SERVICES,
    MAYAS_SERVICES,
    SIGN_INS,
    People,
    gather,
    leave_feedback,
    plan_days_off,
)
from bookings.demo.playing import (
    DAY,
    HOUR,
    MINUTE,
    USUAL,
    Act,
    Action,
    Story,
    free_starts,
    is_played,
)
from bookings.models import Contest, Expert

__all__ = ["SIGN_INS", "seed"]

RUNS_OUT_AFTER = timedelta(seconds=100)


def seed(now: datetime) -> int:
    """Add the people and their calls; how many bookings were added. `now` is when it "is"."""
    people = gather()
    leave_feedback()
    told = chain(open_cases(people, now), past(people, now), upcoming(people, now))
    with playing.in_order():
        return sum(playing.play(story, now=now) for story in told)


def open_cases(people: People, now: datetime) -> Iterator[Story]:
    return chain(
        _desk(people, now), _cases(people, now), _refunds(people, now), _runs_out(people, now)
    )


class _Writer:
    """Writes stories with the hours counted back from now."""

    def __init__(self, expert: Expert, people: People, now: datetime) -> None:
        self.expert, self.people, self.now = expert, people, now

    def __call__(
        self, ref: str, who: str, title: str, hours: float, *acts: tuple[float, Action], **more: Any
    ) -> Iterator[Story]:
        """The expert's last call that began `hours` ago or earlier; acts with their hours."""
        story = Story(
            ref=ref,
            expert=self.expert,
            follower=self.people.followers[who],
            title=title,
            starts_at=self.now,
            acts=tuple(Act(self.now - ago * HOUR, action) for ago, action in acts),
            is_mailed=True,
            **more,
        )
        latest = self.now - hours * HOUR
        if not is_played(story) and (free := free_starts(story, latest - 5 * DAY, latest)):
            yield replace(story, starts_at=free[-1])


def _desk(people: People, now: datetime) -> Iterator[Story]:
    """Maya's turn: reports of every urgency."""
    s = _Writer(people.maya, people, now)
    yield from s(
        "priya", "Priya", "Portfolio review", 69.5,
        (68.8, actions.report(
            "I waited in the room for 25 minutes and nobody joined. "
            "I would still love to talk, evenings work best for me."
        )),
    )  # fmt: skip
    yield from s(
        "tom", "Tom", "Career chat", 66.5,
        (65.63, actions.report(
            "The link kept saying the host had not started the call.", Reason.NO_ACCESS
        )),
    )  # fmt: skip
    yield from s(
        "lena", "Lena", "UX audit", 45.4,
        (44, actions.report("Nobody was there. Happy to find another time this week.")),
    )  # fmt: skip
    yield from s(
        "rahul", "Rahul", "Mock interview", 29.6,
        (28, actions.report("We spoke for five minutes, then the call dropped.", Reason.CUT_SHORT)),
    )  # fmt: skip
    yield from s(
        "yuki", "Yuki", "Hello call", 16,
        (15, actions.report("Was this the right day? Nobody came.")),
    )  # fmt: skip
    yield from _twice(people, now)


def _twice(people: People, now: datetime) -> Iterator[Story]:
    """Diego waited in vain two times: Maya may not offer again, only Diego may."""
    expert, ended = people.maya, now - 19 * HOUR
    anything = Story("diego", expert, people.followers["Diego"], "Career chat", ended)
    times = free_starts(anything, ended - 5 * DAY, ended)[-2:]
    since = (now - times[0]) / HOUR
    yield from _Writer(expert, people, now)(
        "diego", "Diego", "Career chat", since + 40,
        (since + 38, actions.report("Maya was not there.")),
        (since + 30, actions.offer_times(*times, note="Sorry, my train was late. One of these?")),
        (since + 20, actions.pick(timedelta(0))),
        (18, actions.report("It happened again. I would rather have my money back.")),
    )  # fmt: skip


def _runs_out(people: People, now: datetime) -> Iterator[Story]:
    """Nobody answers this one: the follower's money goes back by itself while one watches."""
    window = 30 * MINUTE
    limits = replace(
        USUAL,
        no_show_window=window,
        expert_reminders=(),
        grace=timedelta(seconds=5),
    )
    s = _Writer(people.maya, people, now)
    ago = (window - RUNS_OUT_AFTER) / HOUR
    report = actions.report("I sat in the room alone. (In this demo nobody answers, so watch it.)")
    yield from s("neha", "Neha", "Portfolio review", 1.1, (ago, report), limits=limits)


def _cases(people: People, now: datetime) -> Iterator[Story]:
    """Calls in which Maya waits for the follower, the follower may act, or staff decides."""
    s = _Writer(people.maya, people, now)
    yield from s("aisha", "Aisha", "Portfolio review", 5)
    yield from s("marco", "Marco", "Career chat", 22)
    yield from s(
        "oliver", "Oliver", "Career chat", 33.5,
        (31, actions.mark(Held.HELD_ELSEWHERE, Channel.VIDEO, "The room was down, we used Zoom.")),
    )  # fmt: skip
    yield from s(
        "mei", "Mei", "Mock interview", 54,
        (52, actions.mark()),
        (5, actions.offer("You asked for a second round. Take any time you like.")),
    )  # fmt: skip
    yield from s(
        "jonas", "Jonas", "UX audit", 90,
        (88, actions.report("I was alone in the call.")),
        (30, actions.offer("I mixed up the days. Please choose a new time.")),
    )  # fmt: skip
    yield from s(
        "ben", "Ben", "Strategy session", 14 * 24 + 46,
        (14 * 24 + 44, actions.report("No one joined.")),
        (14 * 24 - 3, actions.offer("My apologies. Here is my calendar.")),
    )  # fmt: skip
    yield from s(
        "sofia", "Sofia", "Mock interview", 60.5,
        (58, actions.mark(Held.FOLLOWER_ABSENT, note="I waited for 20 minutes.")),
        (40, actions.contest("I was there, on time, and the room was empty. I have a screenshot.")),
    )  # fmt: skip
    yield from s(
        "hannah", "Hannah", "Career chat", 102,
        (100, actions.report("The room never opened.", Reason.NO_ACCESS)),
        (90, actions.mark(Held.HELD_ELSEWHERE, Channel.PHONE, "We spoke on the phone.")),
        (70, actions.contest("We agreed on a new call by phone. We did not have it.")),
    )  # fmt: skip
    yield from s(
        "grace", "Grace", "Mock interview", 56.5,
        (55, actions.report("Nobody came.")),
        (47, actions.offer("Sorry! Please pick a new time.")),
        (24, actions.pick(4 * DAY)),
    )  # fmt: skip
    yield from _Writer(people.lukas, people, now)(
        "lukas-tom", "Tom", "Architecture review", 20,
        (18, actions.report("The call broke off after two minutes.", Reason.CUT_SHORT)),
    )  # fmt: skip


def _refunds(people: People, now: datetime) -> Iterator[Story]:
    """Maya gave these back: one arrived, four need somebody."""
    s = _Writer(people.maya, people, now)
    yield from s("aisha-back", "Aisha", "Career chat", 75, (3, actions.refund("You were unlucky.")))
    yield from s(
        "tom-declined", "Tom", "Mock interview", 78, (26, actions.refund()), refund_word="declines"
    )
    yield from s(
        "marco-returned", "Marco", "Career chat", 81, (25, actions.refund()), refund_word="returns"
    )
    yield from s("lena-hand", "Lena", "UX audit", 84, (24.5, actions.refund()), provider="manual")
    yield from s(
        "rahul-bank", "Rahul", "Portfolio review", 99,
        (72.5, actions.dispute),
        (24, actions.refund("Let us not fight over this.")),
    )  # fmt: skip


# --- six quiet weeks behind the open cases, and the calls to come ---------------------------------

Plot = tuple[tuple[float, Action], ...]
"""Actions with the hours after the start of the call."""

OLDEST, NEWEST = 42 * DAY, 7 * DAY
CALLS_OF_MAYA, CALLS_OF_LUKAS = 34, 6


def past(people: People, now: datetime) -> Iterator[Story]:
    return chain(
        _past(people, people.maya, list(MAYAS_SERVICES), CALLS_OF_MAYA, now),
        _past(people, people.lukas, list(LUKAS_SERVICES), CALLS_OF_LUKAS, now),
    )


def _plots(people: People) -> list[Plot]:
    """What became of a call, in turn; most calls simply took place."""
    staff = people.staff.pk
    alone: Action = actions.report("I was alone in the room.")
    return [
        (),
        ((2, actions.mark()),),
        (),
        ((3, actions.mark(Held.HELD_ELSEWHERE, Channel.VIDEO, "We switched to Meet.")),),
        (),
        ((2, alone),),  # nobody answered
        (),
        ((2, alone), (9, actions.offer("Sorry!")), (20, actions.pick(DAY))),
        ((2, actions.mark(Held.FOLLOWER_ABSENT)),),
        (),
        ((2, alone), (3, actions.withdraw_report)),
        ((4, actions.mark()), (4 + 12 / 3600, actions.undo), (5, actions.refund())),
        ((30, actions.offer("Shall we continue?")), (40, actions.pick(DAY))),
        ((2, alone), (9, actions.offer("My mistake.")), (31, actions.refund_instead)),
        (),
        ((2, alone), (30, actions.mark(Held.HELD_ELSEWHERE, Channel.PHONE, "We spoke by phone."))),
        ((26, actions.offer("A follow-up?")), (50, actions.withdraw_offer)),
        (
            (2, actions.mark(Held.FOLLOWER_ABSENT)),
            (20, actions.contest("I was there, look at my screenshot.")),
            (60, actions.decide(staff, Contest.Decision.REFUNDED, "The log shows Maya late by half "
                "of the call.", is_half=True)),
        ),
        (),
        (
            (2, actions.mark()),
            (20, actions.contest("It was too short.")),
            (70, actions.decide(staff, Contest.Decision.COMPLETED, "The log shows the full time.")),
        ),
        ((2, alone), (20, actions.offer("Any time you like."))),  # lapsed, refunded
        # not decided
        ((3, actions.mark(Held.FOLLOWER_ABSENT)), (30, actions.contest("Not true."))),
    ]  # fmt: skip


def _past(
    people: People, expert: Expert, titles: list[str], count: int, now: datetime
) -> Iterator[Story]:
    """One call after the other, each in the first free slot of its turn."""
    followers, plots = cycle(people.followers.values()), cycle(_plots(people))
    for number, title in zip(range(count), cycle(titles), strict=False):
        follower, plot = next(followers), next(plots)
        story = Story(f"past-{number:02d}", expert, follower, title, now)
        turn = now - OLDEST + number * (OLDEST - NEWEST) / count
        if not is_played(story) and (free := free_starts(story, turn, turn + 4 * DAY)):
            acts = tuple(Act(free[0] + hours * HOUR, action) for hours, action in plot)
            yield replace(story, starts_at=free[0], acts=acts)


def upcoming(people: People, now: datetime) -> Iterator[Story]:
    plan_days_off(people.maya, today=now.astimezone(ZoneInfo(people.maya.time_zone)).date())
    followers = people.followers
    plan: list[tuple[Expert, str, str, float, Plot]] = [
        (people.maya, "Priya", "Career chat", 0.1, ()),
        (people.maya, "Lena", "Portfolio review", 0.2, ()),
        (people.maya, "Oliver", "UX audit", 1, ()),
        (people.maya, "Aisha", "Mock interview", 1.5, ((-2, actions.offer("Could we move it?")),)),
        (people.maya, "Tom", "Hello call", 2, ()),
        (people.maya, "Jonas", "Portfolio review", 3, ((-1, actions.cancel("I am at a fair.")),)),
        (people.maya, "Hannah", "Strategy session", 5, ()),
        (people.maya, "Yuki", "Pricing call", 8, ()),
        (people.maya, "Rahul", "Mock interview", 12, ()),
        (people.lukas, "Marco", "Architecture review", 1, ()),
        (people.lukas, "Yuki", "Tokyo hours", 2, ()),
        (people.lukas, "Grace", "Quick question", 4, ()),
    ]
    for number, (expert, who, title, days, plot) in enumerate(plan):
        story = Story(f"next-{number:02d}", expert, followers[who], title, now, is_mailed=True)
        turn = now + days * DAY
        if not is_played(story) and (free := free_starts(story, turn, turn + 6 * DAY)):
            acts = tuple(Act(now + hours * HOUR, action) for hours, action in plot)
            yield replace(story, starts_at=free[0], acts=acts)
