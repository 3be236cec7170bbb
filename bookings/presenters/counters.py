"""What stands above a list of calls with deadlines. Counts stop where the page stops counting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bookings import formats
from bookings.lists import COUNTED_UP_TO, CurrencyTotal
from bookings.wording.reader import Reader


@dataclass(frozen=True, slots=True)
class Counters:
    need_count: int
    need: str
    waiting: str
    lead: str
    next_label: str
    next_iso: str
    next_left: str
    money_label: str
    money: str


YOUR_TURN = (
    "These followers say the call did not happen. Offer a new time, or mark it as completed.",
    "These followers say the call did not happen. The time to answer has ended.",
    "Next deadline",
    "Refunded if you do nothing",
)
THEIR_TURN = (
    "You offered these followers a new time. They have not picked one yet.",
    "You offered these followers a new time. They did not pick one, and their links have ended.",
    "Next link ends in",
    "Refunded if nobody picks",
)


def counters(
    totals: Sequence[CurrencyTotal], others: int, reader: Reader, *, are_waiting: bool = False
) -> Counters:
    """`totals` are of the list that is shown, `others` are in the other one."""
    count = sum(total.calls for total in totals)
    need, waiting = (others, count) if are_waiting else (count, others)
    lead, late_lead, next_label, money_label = THEIR_TURN if are_waiting else YOUR_TURN
    deadlines = [total.next_deadline_at for total in totals if total.next_deadline_at]
    first = min(deadlines, default=None)
    return Counters(
        need_count=need,
        need=bounded(need),
        waiting=bounded(waiting),
        lead="" if not count else lead if first else late_lead,
        next_label=next_label,
        next_iso=formats.utc_iso(first) if first else "",
        next_left=formats.left(first - reader.now) if first else "",
        money_label=money_label,
        money=_total(totals, count),
    )


def _total(totals: Sequence[CurrencyTotal], count: int) -> str:
    """₹12,300 + €50: one sum for each currency."""
    parts = [formats.money(total.minor, total.currency) for total in totals if total.minor]
    at_least = "at least " if count >= COUNTED_UP_TO else ""
    return at_least + " + ".join(parts) if parts else ""


def bounded(count: int) -> str:
    """4, and 99+ for a count that reached the limit."""
    return f"{COUNTED_UP_TO - 1}+" if count >= COUNTED_UP_TO else str(count)
