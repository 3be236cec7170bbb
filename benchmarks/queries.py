"""What a piece of work asks the database: how many queries, and how many rows they touch."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction


@contextmanager
def watched() -> Iterator[list[tuple[str, Any]]]:
    """Every statement that is executed, with its parameters."""
    seen: list[tuple[str, Any]] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield seen


@contextmanager
def counted() -> Iterator[Callable[[], int]]:
    """How many statements so far; nothing of them is kept."""
    count = 0

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal count
        count += 1
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield lambda: count


def rows_touched(statements: list[tuple[str, Any]]) -> int | None:
    """Rows that PostgreSQL reads from tables and indexes for these SELECTs; None on SQLite."""
    if connection.vendor != "postgresql":
        return None
    rows = 0
    with transaction.atomic(), connection.cursor() as cursor:
        for sql, params in statements:
            if sql.startswith("SELECT"):
                cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", params)
                plan = cursor.fetchone()[0]
                rows += _scanned((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
    return rows


def _scanned(node: dict[str, Any]) -> int:
    own = 0
    if "Scan" in node["Node Type"]:
        removed = node.get("Rows Removed by Filter", 0)
        removed += node.get("Rows Removed by Index Recheck", 0)
        own = (node["Actual Rows"] + removed) * node["Actual Loops"]
    return int(own) + sum(_scanned(child) for child in node.get("Plans", []))


def peak_memory(work: Callable[[], object]) -> int:
    """Bytes Python held at most while it worked, beyond what it held before."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@contextmanager
def slowed(text: str, seconds: float) -> Iterator[None]:
    """Every query with `text` in it takes that much longer: to see that the ratios notice."""

    def wait(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if text and text in sql:
            time.sleep(seconds)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wait):
        yield
