"""What an error of the database means for whoever asked: can it be tried again, and may it be done?

A connection that breaks leaves a doubt only while the server was told to keep something: at COMMIT,
or at a change outside of a transaction. Whatever was begun before that is taken back by the server.

Each connection is taught to note both, for its thread. That costs a microsecond for each statement
(2026-11-30). To remove it, take `_teach` away; then a page says after every failed form that nobody
can tell whether it was done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from django.core.signals import request_started
from django.db import InterfaceError, OperationalError
from django.db.backends.signals import connection_created
from django.dispatch import receiver

WORTH_ANOTHER_TRY = {"40001", "40P01", "55P03"}
"""PostgreSQL: serialization failure, deadlock, lock not available"""
DROPPED = ("08", "57P01", "57P02", "57P03")
"""Connection exceptions; the server is ending, has crashed, or is starting."""
REFUSED_AT_COMMIT = ("23", "40")
"""The server says at COMMIT that it has taken everything back."""
OUR_FAULT = ("no such ", "near ", "too many SQL variables")
"""SQLite calls errors in a statement operational, too."""


READS = ("SELECT", "WITH", "PRAGMA")


class _Thread(threading.local):
    has_kept = False
    """Whether something was kept for good since the request began, or may have been."""


_thread = _Thread()


def is_momentary(error: BaseException | None) -> bool:
    """Whether the database could not do it now: it is away, full, too slow or too busy. Not an
    error in what it was asked."""
    if not isinstance(error, (OperationalError, InterfaceError)):
        return False
    return sqlstate(error) != "" or not str(error).startswith(OUR_FAULT)


def was_dropped(error: BaseException) -> bool:
    """Whether the connection broke, or could not be made."""
    if not isinstance(error, (OperationalError, InterfaceError)):
        return False
    if state := sqlstate(error):
        return state.startswith(DROPPED)
    return type(error.__cause__).__module__.startswith("psycopg")


def may_be_done(error: BaseException | None) -> bool:
    """Whether this error leaves open what became of a transaction. Django makes a new connection
    after a failed COMMIT, and when that fails as well, its error is the one that is raised."""
    while error is not None and not getattr(error, _LEAVES_A_DOUBT, False):
        error = error.__context__
    return error is not None


def has_kept() -> bool:
    """Whether this request has, or may have, changed something before it failed."""
    return _thread.has_kept


def sqlstate(error: BaseException) -> str:
    return getattr(error.__cause__, "sqlstate", None) or ""


# --- what each connection notes -------------------------------------------------------------------


_LEAVES_A_DOUBT = "_leaves_a_doubt"


@receiver(request_started)
def _begin(**_: Any) -> None:
    _thread.has_kept = False


@receiver(connection_created)
def _teach(connection: Any, **_: Any) -> None:
    """A connection that is made again has been taught before."""
    if _note_changes not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, _note_changes)
        connection.commit = _noted(connection.commit)


def _noted(commit: Callable[[], None]) -> Callable[[], None]:
    def noted() -> None:
        try:
            commit()
        except (OperationalError, InterfaceError) as error:
            if not _is_taken_back(error):
                _doubt(error)
            raise
        _thread.has_kept = True

    return noted


def _is_taken_back(error: BaseException) -> bool:
    """PostgreSQL says so; SQLite has no connection that could break before it does."""
    if was_dropped(error):
        return False
    return sqlstate(error).startswith(REFUSED_AT_COMMIT) or "I/O" not in str(error)


def _note_changes(
    execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any
) -> Any:
    """Outside of a transaction each change is one of its own."""
    if context["connection"].in_atomic_block or sql.startswith(READS):
        return execute(sql, params, many, context)
    try:
        answer = execute(sql, params, many, context)
    except (OperationalError, InterfaceError) as error:
        if was_dropped(error):
            _doubt(error)
        raise
    _thread.has_kept = True
    return answer


def _doubt(error: BaseException) -> None:
    _thread.has_kept = True
    setattr(error, _LEAVES_A_DOUBT, True)
