"""What a database says it would read, and what is never read as a whole."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection

GROWING = {
    f"bookings_{name}"
    for name in ("booking", "payment", "refund", "timelineevent", "outboxemail", "privatelink",
                 "checkout", "providerevent", "follower")
}  # fmt: skip
"""Tables with a row or more for each booking ever made, or for each of those who made them."""
BOUNDED = {"outbox_given_up", "refund_needs_staff", "booking_deadline"}
"""Indexes that hold only what waits for somebody: one may be read to its end."""
_number = itertools.count()


def statements(look: Callable[[], Any]) -> list[tuple[str, Any]]:
    """What reaches the database: text and parameters, still apart."""
    seen: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        look()
    return seen


def whole_reads(look: Callable[[], Any]) -> list[str]:
    """Where a look reads all there is of a table that grows, or of an index of one."""
    find = _of_postgresql if connection.vendor == "postgresql" else _of_sqlite
    asked = [(sql, params) for sql, params in statements(look) if sql.startswith("SELECT")]
    assert any(table in sql for sql, _ in asked for table in GROWING), "nothing was looked up"
    asked = [(sql, params) for sql, params in asked if not _is_of_the_latest(sql)]
    return [f"{step}\n  {sql}" for sql, params in asked for step in find(sql, params)]


def _is_of_the_latest(sql: str) -> bool:
    """By id, as many as its limit says."""
    return " WHERE " not in sql and " ORDER BY 1 DESC LIMIT " in sql


def _of_postgresql(sql: str, params: Any) -> Iterator[str]:
    """A table with a handful of rows would always be read as a whole, so that is forbidden. What
    reads one all the same, or an index from end to end, has no other way with many rows either."""
    with connection.cursor() as cursor:
        for way in ("seqscan", "hashjoin", "mergejoin"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        forget_how_small_the_tables_are(cursor)
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        found = cursor.fetchone()[0]
    plan = json.loads(found) if isinstance(found, str) else found
    for node in _nodes(plan[0]["Plan"]):
        kind, index = node["Node Type"], node.get("Index Name")
        if kind == "Seq Scan" and node["Relation Name"] in GROWING:
            yield f"Seq Scan on {node['Relation Name']}"
        elif index and index not in BOUNDED and not _is_entered(node):
            yield f"{kind} using {index} from end to end"


def forget_how_small_the_tables_are(cursor: Any) -> None:
    """A table that was counted while it was empty, as after a test, is planned as if it were: then
    any way through it is as good as another. One that was never counted may be larger."""
    cursor.execute("SELECT has_table_privilege('pg_class', 'UPDATE')")
    if cursor.fetchone()[0]:
        cursor.execute("UPDATE pg_class SET relpages = 0, reltuples = -1 WHERE relkind = 'r'"
                       " AND relname LIKE 'bookings\\_%'")  # fmt: skip


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for part in node.get("Plans", ()):
        yield from _nodes(part)


def _is_entered(node: dict[str, Any]) -> bool:
    """At its first column; by another one an index is found, too, but read from end to end."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indrelid::regclass::text, pg_get_indexdef(indexrelid, 1, false) FROM pg_index"
            " WHERE indexrelid = %s::regclass",
            [node["Index Name"]],
        )
        table, first = cursor.fetchone()
    condition = re.sub(r"\b\w+\.", "", node.get("Index Cond", ""))
    return table not in GROWING or re.search(rf"\({re.escape(first)}(?!\w)", condition) is not None


def _of_sqlite(sql: str, params: Any) -> Iterator[str]:
    with connection.cursor() as cursor:
        # A text never seen before: an old EXPLAIN would be answered with the old plan.
        cursor.execute(f"EXPLAIN QUERY PLAN {sql} -- plans {next(_number)}", params)
        steps = [str(line[-1]) for line in cursor.fetchall()]
    tables = {alias: table for table, alias in re.findall(r'"(bookings_\w+)" (\w+)', sql)}
    for step in steps:
        scanned = re.match(r"SCAN (\w+)", step)
        grows = scanned and tables.get(scanned[1], scanned[1]) in GROWING
        if grows and not BOUNDED & set(step.split()):
            yield step
