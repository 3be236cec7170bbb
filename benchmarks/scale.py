"""One, two and four processes on the same backlog: where more of them stop to help."""

from __future__ import annotations

import statistics

from django.test.utils import override_settings
from django.utils import timezone

from benchmarks.backlog import make_due
from benchmarks.measure import Goal, number, table
from benchmarks.provider import DELAY_MS, Provider, provider
from benchmarks.racing import race
from benchmarks.throughput import due_refunds, keys_of

PROCESSES = (1, 2, 4)
BACKLOG = 4000
REFUNDS = 1500


def run(*, rounds: int) -> list[Goal]:
    """Prints what there is to see; there is no goal, as the ceiling is the machine."""
    deadlines: dict[int, list[float]] = {count: [] for count in PROCESSES}
    refunds: dict[int, list[float]] = {count: [] for count in PROCESSES}
    with provider() as stand_in, override_settings(**keys_of(stand_in)):
        for _ in range(rounds):
            for count in PROCESSES:
                make_due(BACKLOG, now=timezone.now())
                deadlines[count].append(race(count, "deadlines").per_second)
                refunds[count].append(_refunds(count, stand_in))
    rows = [
        _line("deadlines: refund, event, two e-mails", deadlines),
        _line(f"refunds, {DELAY_MS} ms an answer", refunds),
    ]
    print(table(["per s", *(f"{count} processes" for count in PROCESSES), "4 against 1"], rows))
    return []


def _refunds(processes: int, stand_in: Provider) -> float:
    ids = due_refunds(REFUNDS, stand_in)
    return race(processes, "refunds", ids=ids, environment=keys_of(stand_in)).per_second


def _line(name: str, found: dict[int, list[float]]) -> list[str]:
    medians = [statistics.median(found[count]) for count in PROCESSES]
    return [name, *map(number, medians), f"{medians[-1] / medians[0]:.2f}"]
