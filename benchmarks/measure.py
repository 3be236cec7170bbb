"""Blocks that take turns, medians, and a table with goals.

A figure is only ever compared with figures of the same run: rivals take turns in blocks, with
half a block of the floor before and after each, the first requests of a block are dropped (they
pay for cold processor caches), and a ratio is the median of the ratios of the rounds.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

DROPPED = 3
"""of each block"""

Act = Callable[[], float]
"""Does the work once and gives the seconds it took; checks its own answer."""


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@dataclass(frozen=True, slots=True)
class Series:
    """Seconds of one rival: a list for each round."""

    rounds: tuple[tuple[float, ...], ...]
    floor: tuple[tuple[float, ...], ...] = ()
    """of the floor's blocks beside it"""

    @property
    def p50(self) -> float:
        return statistics.median(map(statistics.median, self.rounds))

    @property
    def p95(self) -> float:
        return statistics.median(percentile(times, 0.95) for times in self.rounds)

    @property
    def times_floor(self) -> float:
        return self.ratio_to(Series(self.floor))

    def ratio_to(self, other: Series) -> float:
        """The median of the rounds' ratios, so that a noisy round counts once."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return statistics.median(
            statistics.median(ours) / statistics.median(theirs) for ours, theirs in pairs
        )


def percentile(times: Sequence[float], part: float) -> float:
    return sorted(times)[math.ceil(part * len(times)) - 1]


def take_turns(
    rivals: Mapping[str, Act], *, rounds: int, block: int, floor: Act | None = None
) -> dict[str, Series]:
    """Each round everybody has a block; who begins changes from round to round."""
    times: dict[str, list[tuple[float, ...]]] = {name: [] for name in rivals}
    beside: dict[str, list[tuple[float, ...]]] = {name: [] for name in rivals}
    names = list(rivals)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            before = _block(floor, block // 2) if floor else ()
            times[name].append(_block(rivals[name], block))
            after = _block(floor, block // 2) if floor else ()
            beside[name].append(before + after)
    return {name: Series(tuple(times[name]), tuple(beside[name])) for name in names}


def _block(act: Act, size: int) -> tuple[float, ...]:
    for _ in range(DROPPED):
        act()
    return tuple(act() for _ in range(size))


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that is at most (or at least) a bound."""

    name: str
    seen: float
    bound: float
    is_least: bool = False

    @property
    def is_met(self) -> bool:
        return self.seen >= self.bound if self.is_least else self.seen <= self.bound

    def __str__(self) -> str:
        sign = ">=" if self.is_least else "<="
        verdict = "ok    " if self.is_met else "MISSED"
        return f"{verdict} {self.name}: {number(self.seen)}, goal {sign} {number(self.bound)}"


def number(value: float) -> str:
    """Three figures, no exponents."""
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns that line up, also as Markdown."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        shown = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(shown)} |"

    rule = [("-" * (width - 1) + ":") if i else "-" * width for i, width in enumerate(widths)]
    return "\n".join([line(head), line(rule), *map(line, rows)])


def verdict(goals: Sequence[Goal]) -> int:
    """Print the goals; how many were missed."""
    for goal in goals:
        print(goal)
    return sum(not goal.is_met for goal in goals)
