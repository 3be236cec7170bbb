"""The pages of an expert with very many calls, as multiples of the minimal page."""

from __future__ import annotations

import cProfile
import pstats
from dataclasses import dataclass

from benchmarks import queries, visits
from benchmarks.measure import Goal, Series, milliseconds, number, table, take_turns
from benchmarks.transport import Answer, InProcess, Page, Transport

DEEP = {
    "need action, deepest": "need action",
    "completed calls, deepest": "completed calls",
}
"""A page far down costs what the first one costs."""
RATIOS = {
    "need action": 2.3,
    "completed calls": 2.3,
    "booking page": 2.6,
    visits.ACTION: 2.0,
}
QUERIES = {"need action": 6, "completed calls": 6, "booking page": 8}
DEEP_RATIO = 1.1
RAW_KB, GZIP_KB = 25, 5
KB = 1000


@dataclass(frozen=True, slots=True)
class Weight:
    """What one answer of a page costs besides time."""

    queries: int
    rows: int | None
    answer: Answer
    memory: int


def weigh(page: Page, transport: InProcess) -> Weight:
    transport.act(page)()
    with queries.watched() as statements:
        answer, _ = transport.ask(page.next())
    page.check(answer)
    count = len(statements)
    # The statements of an action cannot be asked again: their rows have changed.
    rows = None if page.name == visits.ACTION else queries.rows_touched(statements)
    request = page.next()
    return Weight(count, rows, answer, queries.peak_memory(lambda: transport.ask(request)))


def run(*, rounds: int, slow: str = "", slow_by: float = 0, with_action: bool = True) -> list[Goal]:
    """Through the whole handler of this process; the goals are judged by these figures."""
    transport = InProcess()
    found = [*visits.pages(), *([visits.action(2)] if with_action else [])]
    weights = {page.name: weigh(page, transport) for page in found}
    with queries.slowed(slow, slow_by):
        series = measure(found, transport, rounds=rounds)
    print_table(series, weights)
    return goals(series, weights)


def measure(found: list[Page], transport: Transport, *, rounds: int) -> dict[str, Series]:
    """The first page is the floor. An action uses a row up, so it has shorter blocks."""
    acts = {page.name: transport.act(page) for page in found}
    floor = acts[visits.FLOOR]
    reading = {name: act for name, act in acts.items() if name != visits.ACTION}
    series = take_turns(reading, rounds=rounds, block=24, floor=floor)
    if visits.ACTION in acts:
        acting = {visits.ACTION: acts[visits.ACTION]}
        series |= take_turns(acting, rounds=rounds, block=12, floor=floor)
    return series


def print_table(series: dict[str, Series], weights: dict[str, Weight] | None = None) -> None:
    head = ["page", "p50 ms", "p95 ms", "x minimal", "goal"]
    head += ["queries", "rows", "kB", "kB gzip", "peak kB"] if weights else []
    rows = []
    for name, found in series.items():
        goal = RATIOS.get(name)
        row = [name, milliseconds(found.p50), milliseconds(found.p95)]
        row += [f"{found.times_floor:.2f}", number(goal) if goal else ""]
        if weights:
            row += _weight_cells(weights[name])
        rows.append(row)
    print(table(head, rows))


def _weight_cells(weight: Weight) -> list[str]:
    return [
        str(weight.queries),
        "-" if weight.rows is None else f"{weight.rows:,}",
        f"{len(weight.answer.body) / KB:.1f}",
        f"{weight.answer.gzipped / KB:.1f}",
        f"{weight.memory / KB:,.0f}",
    ]


def goals(series: dict[str, Series], weights: dict[str, Weight]) -> list[Goal]:
    found = []
    for name, bound in RATIOS.items():
        if name in series:
            found.append(Goal(f"{name}, x minimal", series[name].times_floor, bound))
    for deep, first in DEEP.items():
        found.append(Goal(f"{deep}, x first", series[deep].ratio_to(series[first]), DEEP_RATIO))
    for name, most in QUERIES.items():
        found.append(Goal(f"{name}, queries", weights[name].queries, most))
    for name in ("need action", "completed calls"):
        answer = weights[name].answer
        found.append(Goal(f"{name}, kB", len(answer.body) / KB, RAW_KB))
        found.append(Goal(f"{name}, kB gzip", answer.gzipped / KB, GZIP_KB))
    return found


def profile(name: str, *, times: int = 100) -> None:
    """Where the time of one page goes, by the time spent in each function itself."""
    transport = InProcess()
    found = [page for page in [*visits.pages(), visits.action(2)] if page.name.startswith(name)]
    if not found:
        raise SystemExit(f"There is no page {name!r}.")
    act = transport.act(found[0])
    act()
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(times):
        act()
    profiler.disable()
    statistics = pstats.Stats(profiler).strip_dirs()
    print(f"\n{found[0].name}, {times} times")
    statistics.sort_stats("tottime").print_stats(25)
    statistics.sort_stats("cumulative").print_stats(
        r"bookings|lists|rows|presenters|views|rend", 40
    )
