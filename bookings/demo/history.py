"""Six quiet weeks behind the open cases, and the calls to come. All in free slots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import chain, cycle
from zoneinfo import ZoneInfo

from bookings.demo import actions
from bookings.demo.actions import Channel, Held
from bookings.demo.people import LUKAS_SERVICES, MAYAS_SERVICES, People, plan_days_off
from bookings.demo.playing import DAY, HOUR, Act, Action, Story, free_starts, is_played
from bookings.demo.playing import play as play_story
from bookings.models import Contest, Expert

Plot = tuple[tuple[float, Action], ...]
"""Actions with the hours after the start of the call."""

OLDEST, NEWEST = 42 * DAY, 7 * DAY
CALLS_OF_MAYA, CALLS_OF_LUKAS = 34, 6


def play(people: People, *, now: datetime) -> int:
    maya = _past(people, people.maya, list(MAYAS_SERVICES), CALLS_OF_MAYA, now)
    lukas = _past(people, people.lukas, list(LUKAS_SERVICES), CALLS_OF_LUKAS, now)
    return sum(play_story(story, now=now) for story in chain(maya, lukas))


def play_upcoming(people: People, *, now: datetime) -> int:
    plan_days_off(people.maya, today=now.astimezone(ZoneInfo(people.maya.time_zone)).date())
    return sum(play_story(story, now=now) for story in _upcoming(people, now))


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


def _upcoming(people: People, now: datetime) -> Iterator[Story]:
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
