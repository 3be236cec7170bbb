"""What stands above the Need action list. Counts stop where the page stops counting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bookings import formats
from bookings.lists import COUNTED_UP_TO, Stake
from bookings.wording.reader import Reader


@dataclass(frozen=True, slots=True)
class Counters:
    need_count: int
    need: str
    waiting: str
    next_iso: str
    next_left: str
    money: str


def counters(stakes: Sequence[Stake], waiting: int, reader: Reader) -> Counters:
    count = sum(stake.calls for stake in stakes)
    deadlines = [stake.next_deadline_at for stake in stakes if stake.next_deadline_at]
    first = min(deadlines, default=None)
    return Counters(
        need_count=count,
        need=bounded(count),
        waiting=bounded(waiting),
        next_iso=formats.utc_iso(first) if first else "",
        next_left=formats.left(first - reader.now) if first else "",
        money=_total(stakes, count),
    )


def _total(stakes: Sequence[Stake], count: int) -> str:
    """₹12,300 + €50: one sum for each currency."""
    parts = [formats.money(stake.minor, stake.currency) for stake in stakes if stake.minor]
    at_least = "at least " if count >= COUNTED_UP_TO else ""
    return at_least + " + ".join(parts) if parts else ""


def bounded(count: int) -> str:
    """4, and 99+ for a count that reached the limit."""
    return f"{COUNTED_UP_TO - 1}+" if count >= COUNTED_UP_TO else str(count)
