"""The same pages on two databases in turns: ten times the bookings, or SQLite and PostgreSQL."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.databases import ROOT, Place
from benchmarks.measure import Goal, milliseconds, table, take_turns, timed
from benchmarks.transport import Page, gunicorn

MOST_FOR_TEN_TIMES, MOST_FOR_SQLITE, MOST_FOR_LOOK = 1.1, 1.0, 1.5


@dataclass(frozen=True, slots=True)
class Site:
    label: str
    acts: dict[str, Callable[[], float]]


def run(
    where: Place, first: tuple[int, str], second: tuple[int, str], *, rounds: int
) -> list[Goal]:
    """Each is a number of bookings and the kind of database; figures of the second per first."""
    with ExitStack() as stack:
        sites = [_site(where, bookings, vendor, stack) for bookings, vendor in (first, second)]
        rivals = {
            f"{name} / {site.label}": act
            for name in sites[0].acts
            if name in sites[1].acts
            for site in sites
            for act in [site.acts[name]]
        }
        series = take_turns(rivals, rounds=rounds, block=25)
    rows, goals = [], []
    for name in sites[0].acts:
        if name not in sites[1].acts:
            continue
        ours, theirs = (series[f"{name} / {site.label}"] for site in sites)
        ratio = theirs.ratio_to(ours)
        rows.append([name, milliseconds(ours.p50), milliseconds(theirs.p50), f"{ratio:.2f}"])
        goals.append(Goal(f"{name}, {sites[1].label} x {sites[0].label}", ratio,
                          _most(name, first, second)))  # fmt: skip
    print(table(["p50 ms", *(site.label for site in sites), "ratio"], rows))
    return goals


def _most(name: str, first: tuple[int, str], second: tuple[int, str]) -> float:
    if first[1] != second[1]:
        return MOST_FOR_SQLITE
    return MOST_FOR_LOOK if name == LOOK else MOST_FOR_TEN_TIMES


LOOK = "looking for what is due"


def _site(where: Place, bookings: int, vendor: str, stack: ExitStack) -> Site:
    name = where.generated(bookings, vendor)
    environment = where.environment(where.url(name, vendor))
    static = [sys.executable, "manage.py", "collectstatic", "--no-input", "-v0"]
    subprocess.run(static, check=True, cwd=ROOT, env=environment)
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.visits"],
        check=True, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
    ).stdout  # fmt: skip
    found = json.loads(told)
    transport, _ = stack.enter_context(gunicorn(environment))
    pages = map(Page.read_back, found["pages"])
    acts = {page.name: transport.act(page) for page in pages}
    if found["look"]:
        acts[LOOK] = _look(where, name, found["look"], stack)
    return Site(f"{bookings:,} {vendor}", acts)


def _look(where: Place, name: str, statement: str, stack: ExitStack) -> Callable[[], float]:
    import psycopg

    connection = stack.enter_context(
        psycopg.connect(host=str(where.folder / "pg"), user="topmate", dbname=name, autocommit=True)
    )

    def ask() -> None:
        connection.execute(statement).fetchall()

    return lambda: timed(ask)
