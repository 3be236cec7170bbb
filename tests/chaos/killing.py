"""Who is killed when: drawn from the seed, for each kind on its own."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.chaos.processes import Program

EVERY = {
    "workers": (0.05, 0.6),
    "web": (1.5, 5.0),
    "broker": (6.0, 14.0),
    "database": (8.0, 20.0),
    "provider": (8.0, 20.0),
}
"""Seconds between two kills of a kind."""
DOWN_FOR = {"broker": 2.5, "database": 2.0, "provider": 2.5}
"""Seconds at most; what is not named is started again at once."""
SELDOM = "beat"
"""It has no children and does little; the others are where refunds are driven."""
PATIENCE = 4.0


class Reaper:
    def __init__(self, programs: list[Program], seed: int, kinds: tuple[str, ...]) -> None:
        self.programs = programs
        self.kinds = [kind for kind in kinds if any(one.kind == kind for one in programs)]
        self.dice = {kind: random.Random(f"{seed} {kind}") for kind in self.kinds}
        self.next: dict[str, float] = {}
        self.kills: Counter[str] = Counter()
        self.tries = self.wiped = 0

    def count(self) -> int:
        return self.kills.total()

    def turn(self, tries: int) -> None:
        """Kill whoever's time has come. `tries`: how often the provider was asked so far."""
        now = time.monotonic()
        if not self.next:
            if not tries:
                return  # nothing is up yet
            self.next = {kind: now + self.dice[kind].uniform(*EVERY[kind]) for kind in self.kinds}
        for kind in self.kinds:
            if now > self.next[kind] and self._may(kind, tries, now):
                self._kill(kind)
                self.next[kind] = now + self.dice[kind].uniform(*EVERY[kind])

    def _may(self, kind: str, tries: int, now: float) -> bool:
        """Workers that are killed faster than they can start do nothing that could go wrong."""
        if kind != "workers":
            return True
        if tries == self.tries and now < self.next[kind] + PATIENCE:
            return False
        self.tries = tries
        return True

    def _kill(self, kind: str) -> None:
        dice = self.dice[kind]
        choice = [one for one in self.programs if one.kind == kind for _ in range(_weight(one))]
        victim = dice.choice(choice)
        if what := victim.kill(dice, dice.uniform(0, DOWN_FOR.get(kind, 0))):
            self.kills[what] += 1
            if kind == "broker" and dice.random() < 0.5:
                forget_messages(victim.cwd / "redis")
                self.wiped += 1


def _weight(program: Program) -> int:
    return 1 if program.name == SELDOM else 5


def forget_messages(data: Path) -> None:
    """A broker on a new machine: everything it kept is gone."""
    shutil.rmtree(data / "appendonlydir", ignore_errors=True)


def keep_up(programs: list[Program]) -> None:
    for program in programs:
        program.keep_up()


def until(programs: list[Program], is_done: Callable[[], bool], seconds: float) -> float:
    """Keep all of them up until it is so; the seconds it took. Longer than asked: it is not so."""
    began = time.monotonic()
    while not is_done() and time.monotonic() - began < seconds:
        keep_up(programs)
        time.sleep(0.3)
    return time.monotonic() - began
