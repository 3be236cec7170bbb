"""Statements that PostgreSQL plans once for a connection instead of at every request.

For the few that run in every request or action, and whose text is always the same: planning the
joins of a list takes longer than running it. Their values stay apart from the text, so what a
partial index depends on must stand in the text itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, transaction

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper


@contextmanager
def executed(sql: str, values: Sequence[Any]) -> Iterator[CursorWrapper]:
    """The cursor on which `sql` was run, for its rows. Errors and watchers are Django's own."""
    with _bound_on_server() if _prepares() else connection.cursor() as cursor:
        cursor.execute(sql, values)
        yield cursor


@contextmanager
def changed(sql: str, values: Sequence[Any]) -> Iterator[CursorWrapper]:
    """The same for a change: as with the ORM, an error leaves its transaction only a rollback."""
    within = transaction.atomic(savepoint=False) if connection.in_atomic_block else nullcontext()
    with within, executed(sql, values) as cursor:
        yield cursor


def inserted(sql: str, values: Sequence[Any], put: Callable[[Any], None]) -> None:
    """Inserts a row; `put` is told its id as soon as that is known."""
    unread = _unread.get()
    if unread is None:
        with changed(sql, values) as cursor:
            put(cursor.fetchone()[0])
        return
    cursor = _bound_on_server() if _prepares() else connection.cursor()
    unread.append((cursor, put))
    with transaction.atomic(savepoint=False):
        cursor.execute(sql, values)


_unread: ContextVar[list[tuple[CursorWrapper, Callable[[Any], None]]] | None] = ContextVar(
    "rows whose ids are on their way", default=None
)


@contextmanager
def sent_together() -> Iterator[None]:
    """Changes made inside are sent without waiting for the answer of each (psycopg's pipeline).

    For the last writes of a transaction. An error of the database may come up only at the end, and
    until then the ids of new rows are not known, nor how many rows were changed: -1. Saves 4 of
    the 13 waits of an action (2026-11-30). To remove it, take its `with` lines away.
    """
    is_within = _unread.get() is not None
    if is_within or not connection.in_atomic_block or not _has_pipeline():
        yield
        return
    driver: Any = connection.connection
    rows: list[tuple[CursorWrapper, Callable[[Any], None]]] = []
    token = _unread.set(rows)
    try:
        with (
            transaction.atomic(savepoint=False),
            connection.wrap_database_errors,
            driver.pipeline(),
        ):
            yield
    finally:
        _unread.reset(token)
    for cursor, put in rows:
        with cursor:
            put(cursor.fetchone()[0])


def _has_pipeline() -> bool:
    if connection.vendor != "postgresql":
        return False
    import psycopg

    return psycopg.Pipeline.is_supported()  # since libpq 14


def _prepares() -> bool:
    """Not while queries are logged: the log shows them with their values in place."""
    is_wanted: bool = settings.DATABASE_PREPARES and not connection.queries_logged
    return is_wanted and connection.vendor == "postgresql"


def _bound_on_server() -> CursorWrapper:
    """Django's own cursor writes the values into the text, and such a text is never prepared.

    A connection that is made anew in between gives Django's own.
    """
    connection.ensure_connection()
    driver: Any = connection.connection
    usual, driver.cursor_factory = driver.cursor_factory, _cursor_class()
    try:
        return connection.cursor()
    finally:
        driver.cursor_factory = usual


@cache
def _cursor_class() -> Any:
    import psycopg

    class Cursor(psycopg.Cursor[Any]):
        """Prepares from the second time on. A connection that did so for all cursors would keep
        the last hundred texts of Django's too, with all the values in them."""

        def execute(self, *args: Any, **options: Any) -> Any:
            self.connection.prepare_threshold = 1
            try:
                return super().execute(*args, **options)
            finally:
                self.connection.prepare_threshold = None

    return Cursor
