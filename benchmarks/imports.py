"""The import of a large file."""

from __future__ import annotations

import csv
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from django.db import connection

from benchmarks import memory, queries
from benchmarks.cast import email_of
from benchmarks.clock import NOW
from benchmarks.measure import Goal, number, table
from bookings.imports import Outcome, import_file
from bookings.models import Expert

COLUMNS = (
    "external_ref",
    "expert_email",
    "follower_name",
    "follower_email",
    "follower_time_zone",
    "service_title",
    "duration_minutes",
    "starts_at",
    "price",
    "currency",
    "provider",
    "payment_ref",
    "payment_method",
    "paid_at",
)
MOST_MEMORY = 15e6
MB = 1e6
LONG_AGO = NOW - timedelta(days=2000)
"""Before the generated calls, so that no time is taken."""


def run(*, lines: int) -> list[Goal]:
    experts = Expert.objects.count()
    with tempfile.TemporaryDirectory(prefix="bench-import-") as folder:
        small, large = Path(folder) / "small.csv", Path(folder) / "large.csv"
        _write(small, range(lines // 100), experts)
        _write(large, range(lines // 100, lines // 100 + lines), experts)
        of_small = memory.growth(lambda: _import(small, lines // 100))
        with queries.counted() as so_far:
            began = time.perf_counter()
            of_large = memory.growth(lambda: _import(large, lines))
            seconds, asked = time.perf_counter() - began, so_far()
    row = [f"{lines:,} lines", number(seconds), number(lines / seconds)]
    row += [f"{asked / lines:.3f}", f"{of_small / MB:.1f}", f"{of_large / MB:.1f}"]
    head = [f"import on {connection.vendor}", "s", "lines per s", "queries a line"]
    print(table([*head, f"MB for {lines // 100:,} lines", f"MB for {lines:,}"], [row]))
    more = (of_large - of_small) / MB
    return [Goal("import, MB more for a hundred times the lines", more, MOST_MEMORY / MB)]


def _write(path: Path, numbers: range, experts: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for n in numbers:
            starts = LONG_AGO + timedelta(minutes=30 * (n // experts))
            writer.writerow(
                (f"import-{n}", email_of(n % experts + 1), "Priya Nair", f"i{n % 5000}@example.com",
                 "Asia/Kolkata", "Portfolio review", "15", starts.isoformat(), "2400", "INR",
                 "stripe", f"pi_import_{n}", "Visa ending 4242",
                 (starts - timedelta(days=3)).isoformat())
            )  # fmt: skip


def _import(path: Path, lines: int) -> None:
    refused: list[object] = []
    outcome: Outcome = import_file(
        path, now=NOW, tell=refused.append, progress=lambda outcome: None
    )
    if outcome.imported != lines:
        raise SystemExit(f"{outcome.imported:,} of {lines:,} lines are in: {refused[:3]}")
