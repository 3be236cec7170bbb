"""The open cases of the demo, each at its own hour before now; no two calls overlap.

The one in `_runs_out` is refunded by the sweep two minutes after seeding, while one watches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from bookings.demo import deeds
from bookings.demo.cast import People
from bookings.demo.deeds import Channel, Held, Reason
from bookings.demo.stage import DAY, HOUR, MINUTE, Act, Deed, Scene
from bookings.demo.stage import play as play_scene
from bookings.models import Expert
from bookings.policy import Policy

RUNS_OUT_AFTER = timedelta(seconds=100)


def play(people: People, *, now: datetime) -> int:
    scenes = [*_desk(people, now), *_cases(people, now), _runs_out(people, now)]
    return sum(play_scene(scene, now=now) for scene in scenes)


class _Writer:
    """Writes scenes with the hours counted back from now."""

    def __init__(self, people: People, expert: Expert, now: datetime) -> None:
        self.people, self.expert = people, expert
        self.now = now
        self.whole = now - timedelta(
            minutes=now.minute % 5, seconds=now.second, microseconds=now.microsecond
        )

    def scene(
        self,
        ref: str,
        who: str,
        title: str,
        hours: float,
        *acts: tuple[float, Deed],
        **more: object,
    ) -> Scene:
        """A call that started `hours` ago; each act with the hours before now it happened."""
        return Scene(
            ref=ref,
            expert=self.expert,
            follower=self.people.followers[who],
            title=title,
            starts_at=self.whole - hours * HOUR,
            acts=tuple(Act(self.now - ago * HOUR, deed) for ago, deed in acts),
            is_mailed=True,
            **more,  # type: ignore[arg-type]
        )


def _desk(people: People, now: datetime) -> Iterator[Scene]:
    """Maya's turn: reports of every urgency."""
    writer = _Writer(people, people.maya, now)
    s = writer.scene
    yield s(
        "priya", "Priya", "Portfolio review", 69.5,
        (68.8, deeds.report(
            "I waited in the room for 25 minutes and nobody joined. "
            "I would still love to talk, evenings work best for me."
        )),
    )  # fmt: skip
    yield s(
        "tom", "Tom", "Career chat", 66.5,
        (65.63, deeds.report(
            "The link kept saying the host had not started the call.", Reason.NO_ACCESS
        )),
    )  # fmt: skip
    yield s(
        "lena", "Lena", "UX audit", 45.4,
        (44, deeds.report("Nobody was there. Happy to find another time this week.")),
    )  # fmt: skip
    yield s(
        "rahul", "Rahul", "Mock interview", 29.6,
        (28, deeds.report("We spoke for five minutes, then the call dropped.", Reason.CUT_SHORT)),
    )  # fmt: skip
    yield s(
        "yuki", "Yuki", "Hello call", 16,
        (15, deeds.report("Was this the right day? Nobody came.")),
    )  # fmt: skip
    yield s(
        "diego", "Diego", "Career chat", 96,
        (95, deeds.report("Maya was not there.")),
        (80, deeds.offer_times(
            writer.whole - 20 * HOUR, writer.whole - 12 * HOUR,
            note="So sorry, my train was late. One of these?",
        )),
        (70, deeds.pick(49 * HOUR)),
        (18.5, deeds.report("It happened again. I would rather have my money back.")),
    )  # fmt: skip


def _runs_out(people: People, now: datetime) -> Scene:
    """Nobody answers this one: the follower's money goes back by itself while one watches."""
    window = 30 * MINUTE + RUNS_OUT_AFTER
    limits = replace(
        Policy.in_force(),
        no_show_window=window,
        expert_reminders=(),
        grace=timedelta(seconds=5),
    )
    s = _Writer(people, people.maya, now).scene
    report = deeds.report("I sat in the room alone. (In this demo nobody answers, so watch it.)")
    return s("neha", "Neha", "Portfolio review", 65 / 60, (0.5, report), limits=limits)


def _cases(people: People, now: datetime) -> Iterator[Scene]:
    """Calls in which Maya waits for the follower, the follower may act, or staff decides."""
    s = _Writer(people, people.maya, now).scene
    yield s("aisha", "Aisha", "Portfolio review", 27)
    yield s("marco", "Marco", "Career chat", 50)
    yield s(
        "oliver", "Oliver", "Career chat", 33.5,
        (31, deeds.mark(Held.HELD_ELSEWHERE, Channel.VIDEO, "The room was down, we used Zoom.")),
    )  # fmt: skip
    yield s(
        "mei", "Mei", "Mock interview", 54,
        (52, deeds.mark()),
        (5, deeds.offer("You asked for a second round. Take any time you like.")),
    )  # fmt: skip
    yield s(
        "jonas", "Jonas", "UX audit", 90,
        (88, deeds.report("I was alone in the call.")),
        (30, deeds.offer("I mixed up the days. Please choose a new time.")),
    )  # fmt: skip
    yield s(
        "ben", "Ben", "Strategy session", 14 * 24 + 46,
        (14 * 24 + 44, deeds.report("No one joined.")),
        (14 * 24 - 3, deeds.offer("My apologies. Here is my calendar.")),
    )  # fmt: skip
    yield s(
        "sofia", "Sofia", "Mock interview", 60.5,
        (58, deeds.mark(Held.FOLLOWER_ABSENT, note="I waited for 20 minutes.")),
        (40, deeds.contest("I was there, on time, and the room was empty. I have a screenshot.")),
    )  # fmt: skip
    yield s(
        "hannah", "Hannah", "Career chat", 102,
        (100, deeds.report("The room never opened.", Reason.NO_ACCESS)),
        (90, deeds.mark(Held.HELD_ELSEWHERE, Channel.PHONE, "We spoke on the phone.")),
        (70, deeds.contest("We agreed on a new call by phone. We did not have it.")),
    )  # fmt: skip
    yield s(
        "grace", "Grace", "Mock interview", 56.5,
        (55, deeds.report("Nobody came.")),
        (47, deeds.offer("Sorry! Please pick a new time.")),
        (24, deeds.pick(4 * DAY)),
    )  # fmt: skip
    yield s("aisha-back", "Aisha", "Career chat", 75, (3, deeds.refund("You were unlucky.")))
    yield s(
        "tom-declined", "Tom", "Mock interview", 78, (26, deeds.refund()), refund_word="declines"
    )
    yield s(
        "marco-returned", "Marco", "Career chat", 81, (25, deeds.refund()), refund_word="returns"
    )
    yield s("lena-hand", "Lena", "UX audit", 84, (24.5, deeds.refund()), provider="manual")
    yield s(
        "rahul-bank", "Rahul", "Portfolio review", 99,
        (72.5, deeds.dispute),
        (24, deeds.refund("Let us not fight over this.")),
    )  # fmt: skip
    yield _Writer(people, people.lukas, now).scene(
        "lukas-tom", "Tom", "Architecture review", 20,
        (18, deeds.report("The call broke off after two minutes.", Reason.CUT_SHORT)),
    )  # fmt: skip
