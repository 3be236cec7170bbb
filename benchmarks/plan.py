"""Whose call, when, and which story: one row a booking in the temporary table `bench_plan`."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.clock import NOW
from benchmarks.rows import Writer
from benchmarks.stories import moments, story_of_a_call

BUSY_EXPERTS = 3
"""They have up to 100,000 calls each; the others have a thousand."""
ROUNDS = 1000
"""In each round of time every other expert has one call, a busy one up to a hundred."""
ROUNDS_AHEAD = 7
MINUTES = 60
ROUND = 100 * 15 * MINUTES
LENGTH = 15 * MINUTES


@dataclass(frozen=True, slots=True)
class Shape:
    """How a number of bookings is spread."""

    bookings: int
    of_the_busy: int
    """calls of a busy expert in each round"""
    experts: int
    followers: int

    @classmethod
    def of(cls, bookings: int) -> Shape:
        in_a_round, rest = divmod(bookings, ROUNDS)
        if rest or in_a_round < 10:
            raise ValueError(f"a multiple of {ROUNDS}, at least {10 * ROUNDS}")
        of_the_busy = min(100, in_a_round // 10)
        others = in_a_round - BUSY_EXPERTS * of_the_busy
        return cls(bookings, of_the_busy, BUSY_EXPERTS + others, min(100_000, bookings // 10))


def write_plan(writer: Writer, shape: Shape) -> None:
    """Ids grow roughly with time, as they do where calls are booked one after the other.

    A call lasts 15 minutes. What is ahead lies twice as far apart as what is past, so that the
    busy experts have free times, too.
    """
    dialect = writer.dialect
    now = int(NOW.timestamp())
    past = ROUNDS - ROUNDS_AHEAD
    busy = BUSY_EXPERTS * shape.of_the_busy
    t1, t2, t3 = moments(now, dialect.greatest, dialect.least)
    writer.execute(f"""CREATE TEMPORARY TABLE bench_plan AS {dialect.series(shape.bookings)}
        SELECT *, {t3} AS t3 FROM (
        SELECT *, {t2} AS t2 FROM (
        SELECT *, {t1} AS t1 FROM (
        SELECT *, {story_of_a_call(now)} AS story FROM (
        SELECT *, starts + {LENGTH} AS ends FROM (
        SELECT i AS id, expert, drawn % {shape.followers} + 1 AS follower, h, spread,
            CASE WHEN h = 99 THEN 0 ELSE 240000 END AS price,
            {now - past * ROUND} + CASE WHEN r < {past} THEN r * {ROUND} + at
                ELSE {past * ROUND} + (r - {past}) * {2 * ROUND} + 2 * at END AS starts FROM (
        SELECT i, r, drawn, drawn / 7 % 100 AS h, drawn / 700 % 1000 AS spread,
            CASE WHEN p < {busy} THEN p % {BUSY_EXPERTS} + 1
                ELSE p - {busy} + {BUSY_EXPERTS + 1} END AS expert,
            CASE WHEN p < {busy} THEN p / {BUSY_EXPERTS} * {ROUND // shape.of_the_busy}
                ELSE p * 37 % 90 * {ROUND // 100} END AS at FROM (
        SELECT i, (i - 1) / {shape.bookings // ROUNDS} AS r,
            (i - 1) % {shape.bookings // ROUNDS} AS p,
            i * 2654435761 % 4294967296 / 16 AS drawn FROM series
        ) a) b) c) d) e) f) g""")
