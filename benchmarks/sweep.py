"""The sweep: looking for what is due, and refunding ten thousand reports nobody answered."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.db import connection
from django.utils import timezone

from benchmarks import memory, queries
from benchmarks.backlog import make_due
from benchmarks.measure import Goal, Series, milliseconds, number, table, timed
from bookings import lifecycle, sweeps
from bookings.models import Booking, OutboxEmail, Refund, TimelineEvent

BACKLOG = 10_000
SOME = 100
ONE_BY_ONE = 250
"""of the rival in each round: one transaction for every booking"""
LOOKS = 50
TIMES_FASTER, MOST_MEMORY, LOOK_MS = 8, 15e6, 1
MB = 1e6


def looks() -> Series:
    """What a sweep asks first: the query alone, without making it and without objects."""
    statement, parameters = look()

    def ask() -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            cursor.fetchall()

    return Series((tuple(timed(ask) for _ in range(LOOKS)),))


def look() -> tuple[str, tuple[Any, ...]]:
    due = Booking.objects.overdue(timezone.now())[: sweeps.BATCH]
    return due.query.sql_with_params()


def run(*, rounds: int) -> list[Goal]:
    found = [("nothing due", looks())]
    make_due(SOME, now=timezone.now())
    found.append((f"{SOME} due", looks()))
    of_some = memory.growth(lambda: _sweep(SOME))
    make_due(BACKLOG, now=timezone.now())
    found.append((f"{BACKLOG:,} due", looks()))
    with _old_snapshot():
        peak = memory.growth(lambda: _sweep(BACKLOG))
        found.append(("nothing due, an old snapshot is open", looks()))
    found.append(("nothing due, right after the backlog", looks()))
    rows = [
        [name, milliseconds(series.rounds[0][0]), milliseconds(series.p50),
         milliseconds(series.p95)]
        for name, series in found
    ]  # fmt: skip
    print(table(["looking for due bookings", "first ms", "p50 ms", "p95 ms"], rows))
    together, alone = _race(rounds)
    ratio = statistics.median(ours / theirs for ours, theirs in zip(together, alone, strict=True))
    print(
        f"\nmemory: +{of_some / MB:.1f} MB for {SOME} due, +{peak / MB:.1f} MB for {BACKLOG:,} due"
    )
    return [
        Goal("looking with nothing due, ms", found[0][1].p50 * 1000, LOOK_MS),
        Goal("10,000 due, x a transaction for each", ratio, TIMES_FASTER, is_least=True),
        Goal("10,000 due against 100, MB more", (peak - of_some) / MB, MOST_MEMORY / MB),
    ]


def _race(rounds: int) -> tuple[list[float], list[float]]:
    """Bookings a second, all together and one by one, in turns."""
    together, alone = [], []
    wrote: dict[str, float] = {}
    asked = (0, 0)
    for _ in range(rounds):
        ids = make_due(BACKLOG, now=timezone.now())
        with queries.counted() as so_far:
            together.append(BACKLOG / timed(lambda: _sweep(BACKLOG)))
            queries_together = so_far()
        wrote = _written_for(ids)
        ids = make_due(ONE_BY_ONE, now=timezone.now())
        with queries.counted() as so_far:
            alone.append(ONE_BY_ONE / timed(partial(_each, ids)))
            asked = (queries_together, so_far())
    rows = [
        [f"{BACKLOG:,} together", number(statistics.median(together)), number(min(together)),
         number(max(together)), f"{asked[0] / BACKLOG:.2f}"],
        [f"{ONE_BY_ONE} one by one", number(statistics.median(alone)), number(min(alone)),
         number(max(alone)), f"{asked[1] / ONE_BY_ONE:.2f}"],
    ]  # fmt: skip
    head = ["refunding what is due", "median per s", "least", "most", "queries each"]
    print("\n" + table(head, rows))
    print("written for each booking: " + ", ".join(f"{n:g} {what}" for what, n in wrote.items()))
    return together, alone


def _sweep(expected: int) -> None:
    done = sweeps.run_deadlines(now=timezone.now())
    if done < expected:
        raise SystemExit(f"The sweep moved {done:,} bookings instead of {expected:,}.")


def _each(ids: list[int]) -> None:
    now = timezone.now()
    for booking_id in ids:
        lifecycle.run_deadline(booking_id, state="no_show_reported", now=now)


def _written_for(ids: list[int]) -> dict[str, float]:
    """Rows that the sweep wrote for each of these bookings; the report's own are not counted."""
    some = ids[:1000]
    refunded = Booking.objects.filter(id__in=some, state="refunded").count()
    refunds = Refund.objects.filter(booking_id__in=some).count()
    if not refunded == refunds == len(some):
        raise SystemExit(f"Of {len(some)} bookings {refunded} are refunded, {refunds} have a row.")
    events = TimelineEvent.objects.filter(booking_id__in=some)
    by_sweep = events.exclude(verb__in=["booked", "report_no_show"])
    mails = OutboxEmail.objects.filter(event__in=by_sweep)
    count = len(some)
    return {
        "refunds": refunds / count,
        "events": by_sweep.count() / count,
        "e-mails": mails.count() / count,
    }


@contextmanager
def _old_snapshot() -> Iterator[None]:
    """Another session that began to read before the backlog, and has not ended."""
    if connection.vendor != "postgresql":
        yield
        return
    import psycopg

    settings = connection.settings_dict
    with psycopg.connect(
        host=settings["HOST"], user=settings["USER"], dbname=settings["NAME"]
    ) as other:
        other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        other.execute("SELECT count(*) FROM bookings_user")
        yield
        other.rollback()
