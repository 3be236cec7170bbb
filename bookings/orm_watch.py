"""What the ORM sends and gets while it runs a statement itself, for those that are to be kept.

Only `connection.execute_wrapper` is needed for that, which Django promises to keep.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ParamSpec, TypeVar

import django
from django.db import connection
from django.db.models import Model

P = ParamSpec("P")
T = TypeVar("T")
logger = logging.getLogger(__name__)
reported: list[Exception] = []
"""What was not as expected, since the process began. The first of them is in the log."""


class Seen:
    """The statements that begin with `verb`, and the rows of the last one."""

    def __init__(self, verb: str) -> None:
        self.verb = verb
        self.sent: list[tuple[str, list[Any]]] = []
        self.rows: list[Any] = []

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        answer = execute(sql, params, many, context)
        if sql.startswith(self.verb):
            self.sent.append((sql, list(params or ())))
            with suppress(AttributeError, KeyError):  # no rows seen: nothing will be kept
                self._share_rows(context["cursor"])
        return answer

    def only(self) -> tuple[str, list[Any]]:
        if len(self.sent) != 1:
            raise ValueError(f"{len(self.sent)} statements {self.verb} were sent, not one")
        return self.sent[0]

    def _share_rows(self, cursor: Any) -> None:
        fetch = cursor.fetchmany

        def fetch_and_keep(*size: int) -> Any:
            rows = fetch(*size)
            self.rows += rows
            return rows

        cursor.fetchmany = fetch_and_keep


@contextmanager
def watching(verb: str) -> Iterator[Seen]:
    seen = Seen(verb)
    with connection.execute_wrapper(seen):
        yield seen


def unless_surprised(make: Callable[P, T], *args: P.args, **more: P.kwargs) -> T | None:
    """None, and a warning, where Django did not work as expected."""
    try:
        return make(*args, **more)
    except Exception as error:
        report(error)
        return None


def report(error: Exception) -> None:
    """The first one warns: what follows in the same process has most likely the same cause."""
    logger.log(
        logging.DEBUG if reported else logging.WARNING,
        "A statement cannot be kept with Django %s (%s: %s). It goes through the ORM, as does"
        " every other one that cannot be kept: the answers are the same, but they take longer.",
        django.get_version(),
        type(error).__name__,
        error,
    )
    reported.append(error)


def check_columns(sql: str, model: type[Model], expected: Sequence[str]) -> None:
    """The columns a statement names are these, in this order."""
    names = [name for name in re.findall(r'"([^"]+)"', sql) if name != model._meta.db_table]
    if names != list(expected):
        raise ValueError(f"{sql} does not name the columns {expected}")


def is_same(one: Any, other: Any, *, above: frozenset[int] = frozenset()) -> bool:
    """Whether two rows hold the same, and the same rows that were read along with them."""
    if not isinstance(one, Model) or id(one) in above:
        return bool(one == other)
    above |= {id(one)}
    states = one._state, other._state
    ours, theirs = (
        {**vars(row), "_state": (state.db, state.adding)}
        for row, state in zip((one, other), states, strict=True)
    )
    along, expected = (state.fields_cache for state in states)
    return (
        type(one) is type(other)
        and ours == theirs
        and along.keys() == expected.keys()
        and all(is_same(along[name], expected[name], above=above) for name in along)
    )
