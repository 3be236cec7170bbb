"""Querysets whose SQL is put together once.

For the few that run in every request: the ORM takes longer to write such a statement than the
database to answer it. What is asked, and what comes out, is what the queryset says.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model, QuerySet
from django.db.models.query import get_related_populators

M = TypeVar("M", bound=Model)


class Compiled(Generic[M]):
    """`Compiled(make, *examples)` gives what `list(make(*values))` would for any such values.

    The values are ids and texts, each once a parameter of the statement, which has no others.
    """

    def __init__(self, make: Callable[..., QuerySet[M]], *examples: int | str) -> None:
        self._make, self._examples = make, examples
        self._of_thread = threading.local()  # as the connection it was compiled for

    def __call__(self, *values: int | str) -> list[M]:
        statement = getattr(self._of_thread, "statement", None)
        if statement is None:
            statement = _Statement(self._make(*self._examples), self._examples)
            self._of_thread.statement = statement
        return statement.run(values)

    def first(self, *values: int | str) -> M | None:
        return next(iter(self(*values)), None)


class _Statement(Generic[M]):
    def __init__(self, queryset: QuerySet[M], examples: tuple[int | str, ...]) -> None:
        compiler: Any = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
        self.sql, parameters = compiler.as_sql()
        if set(parameters) != set(examples) or len(parameters) != len(set(examples)):
            raise ValueError(f"{parameters} are not the values {examples}")
        self.order = [examples.index(parameter) for parameter in parameters]
        self.model = queryset.model
        at = compiler.klass_info["select_fields"]
        self.own = slice(at[0], at[-1] + 1)
        self.names = [column[0].target.attname for column in compiler.select[self.own]]
        self.related = get_related_populators(  # type: ignore[call-arg] # stubs of Django 6
            compiler.klass_info, compiler.select, DEFAULT_DB_ALIAS
        )
        self.convert = compiler.apply_converters
        self.converters = compiler.get_converters([column[0] for column in compiler.select])

    def run(self, values: tuple[int | str, ...]) -> list[M]:
        with connection.cursor() as cursor:
            cursor.execute(self.sql, [values[place] for place in self.order])
            rows = cursor.fetchall()
        found = []
        for row in self.convert(rows, self.converters):
            one = self.model.from_db(DEFAULT_DB_ALIAS, self.names, row[self.own])
            for related in self.related:
                related.populate(row, one)
            found.append(one)
        return found
