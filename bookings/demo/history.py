"""Six quiet weeks behind the open cases, and the calls to come. All in free slots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import chain, cycle
from zoneinfo import ZoneInfo

from bookings.demo import cast, deeds
from bookings.demo.cast import People
from bookings.demo.deeds import Channel, Held
from bookings.demo.stage import DAY, HOUR, Act, Deed, Scene, free_starts, is_played
from bookings.demo.stage import play as play_scene
from bookings.models import Contest, Expert

Plot = tuple[tuple[float, Deed], ...]
"""Deeds with the hours after the start of the call."""

OLDEST, NEWEST = 42 * DAY, 7 * DAY
CALLS_OF_MAYA, CALLS_OF_LUKAS = 34, 6


def play(people: People, *, now: datetime) -> int:
    maya = _past(people, people.maya, list(cast.MAYAS_SERVICES), CALLS_OF_MAYA, now)
    lukas = _past(people, people.lukas, list(cast.LUKAS_SERVICES), CALLS_OF_LUKAS, now)
    return sum(play_scene(scene, now=now) for scene in chain(maya, lukas))


def play_upcoming(people: People, *, now: datetime) -> int:
    cast.plan_days_off(people.maya, today=now.astimezone(ZoneInfo(people.maya.time_zone)).date())
    return sum(play_scene(scene, now=now) for scene in _upcoming(people, now))


def _plots(people: People) -> list[Plot]:
    """What became of a call, in turn; most calls simply took place."""
    staff = people.staff.pk
    alone: Deed = deeds.report("I was alone in the room.")
    return [
        (),
        ((2, deeds.mark()),),
        (),
        ((3, deeds.mark(Held.HELD_ELSEWHERE, Channel.VIDEO, "We switched to Meet.")),),
        (),
        ((2, alone),),  # nobody answered
        (),
        ((2, alone), (9, deeds.offer("Sorry!")), (20, deeds.pick(DAY))),
        ((2, deeds.mark(Held.FOLLOWER_ABSENT)),),
        (),
        ((2, alone), (3, deeds.withdraw_report)),
        ((4, deeds.mark()), (4 + 12 / 3600, deeds.undo), (5, deeds.refund())),
        ((30, deeds.offer("Shall we continue?")), (40, deeds.pick(DAY))),
        ((2, alone), (9, deeds.offer("My mistake.")), (31, deeds.refund_instead)),
        (),
        ((2, alone), (30, deeds.mark(Held.HELD_ELSEWHERE, Channel.PHONE, "We spoke by phone."))),
        ((26, deeds.offer("A follow-up?")), (50, deeds.withdraw_offer)),
        (
            (2, deeds.mark(Held.FOLLOWER_ABSENT)),
            (20, deeds.contest("I was there, look at my screenshot.")),
            (60, deeds.decide(staff, Contest.Decision.REFUNDED, "The log shows Maya late by half "
                "of the call.", is_half=True)),
        ),
        (),
        (
            (2, deeds.mark()),
            (20, deeds.contest("It was too short.")),
            (70, deeds.decide(staff, Contest.Decision.COMPLETED, "The log shows the full time.")),
        ),
        ((2, alone), (20, deeds.offer("Any time you like."))),  # lapsed, refunded
        ((3, deeds.mark(Held.FOLLOWER_ABSENT)), (30, deeds.contest("Not true."))),  # not decided
    ]  # fmt: skip


def _past(
    people: People, expert: Expert, titles: list[str], count: int, now: datetime
) -> Iterator[Scene]:
    """One call after the other, each in the first free slot of its turn."""
    followers, plots = cycle(people.followers.values()), cycle(_plots(people))
    for number, title in zip(range(count), cycle(titles), strict=False):
        follower, plot = next(followers), next(plots)
        scene = Scene(f"past-{number:02d}", expert, follower, title, now)
        turn = now - OLDEST + number * (OLDEST - NEWEST) / count
        if not is_played(scene) and (free := free_starts(scene, turn, turn + 4 * DAY)):
            acts = tuple(Act(free[0] + hours * HOUR, deed) for hours, deed in plot)
            yield replace(scene, starts_at=free[0], acts=acts)


def _upcoming(people: People, now: datetime) -> Iterator[Scene]:
    followers = people.followers
    plan: list[tuple[Expert, str, str, float, Plot]] = [
        (people.maya, "Priya", "Career chat", 0.1, ()),
        (people.maya, "Lena", "Portfolio review", 0.2, ()),
        (people.maya, "Oliver", "UX audit", 1, ()),
        (people.maya, "Aisha", "Mock interview", 1.5, ((-2, deeds.offer("Could we move it?")),)),
        (people.maya, "Tom", "Hello call", 2, ()),
        (people.maya, "Jonas", "Portfolio review", 3, ((-1, deeds.cancel("I am at a fair.")),)),
        (people.maya, "Hannah", "Strategy session", 5, ()),
        (people.maya, "Yuki", "Pricing call", 8, ()),
        (people.maya, "Rahul", "Mock interview", 12, ()),
        (people.lukas, "Marco", "Architecture review", 1, ()),
        (people.lukas, "Yuki", "Tokyo hours", 2, ()),
        (people.lukas, "Grace", "Quick question", 4, ()),
    ]
    for number, (expert, who, title, days, plot) in enumerate(plan):
        scene = Scene(f"next-{number:02d}", expert, followers[who], title, now, is_mailed=True)
        turn = now + days * DAY
        if not is_played(scene) and (free := free_starts(scene, turn, turn + 6 * DAY)):
            acts = tuple(Act(now + hours * HOUR, deed) for hours, deed in plot)
            yield replace(scene, starts_at=free[0], acts=acts)
