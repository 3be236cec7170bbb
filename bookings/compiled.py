"""Statements of the ORM whose SQL is put together once.

For the few that run in every request or action: the ORM takes longer to write such a statement
than the database to answer it. What they do is what the queryset or the model says.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, transaction
from django.db.models import Model, QuerySet
from django.db.models.constants import OnConflict
from django.db.models.query import get_related_populators
from django.db.models.sql import InsertQuery, UpdateQuery

from bookings import prepared

M = TypeVar("M", bound=Model)
FEW = 3
"""In a list of that length each value has a place of its own in a kept statement."""


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
        self.annotations: dict[str, int] = compiler.annotation_col_map
        self.convert = compiler.apply_converters
        self.converters = compiler.get_converters([column[0] for column in compiler.select])

    def run(self, values: tuple[int | str, ...]) -> list[M]:
        with prepared.executed(self.sql, [values[place] for place in self.order]) as cursor:
            rows = cursor.fetchall()
        found = []
        for row in self.convert(rows, self.converters):
            one = self.model.from_db(DEFAULT_DB_ALIAS, self.names, row[self.own])
            for related in self.related:
                related.populate(row, one)
            for name, place in self.annotations.items():
                setattr(one, name, row[place])
            found.append(one)
        return found


def insert(rows: Sequence[M], *, once: str = "") -> Sequence[M]:
    """What `bulk_create` does; a single row by a statement that is kept for its model.

    What the column `once` holds already is not inserted again; of such a row only `pk` is right.
    """
    if not rows:
        return rows
    if len(rows) > 1:
        return type(rows[0])._default_manager.bulk_create(
            rows,
            # Written again as it was: the statement tells the id, and nothing else is passed over.
            update_conflicts=bool(once),
            unique_fields=[once] if once else None,
            update_fields=[once] if once else None,
        )
    row = rows[0]
    sql, fields = _insertion(type(row), once)
    values = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in fields]
    with (
        transaction.mark_for_rollback_on_error(DEFAULT_DB_ALIAS),
        prepared.executed(sql, values) as cursor,
    ):
        (row.pk,) = cursor.fetchone()
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    return rows


@cache
def _insertion(model: type[Model], once: str) -> tuple[str, list[Any]]:
    fields = [field for field in model._meta.local_concrete_fields if not field.primary_key]
    unique: Any = [model._meta.get_field(once)] if once else []
    on_conflict = OnConflict.UPDATE if once else None
    query = InsertQuery(model, on_conflict=on_conflict, update_fields=unique, unique_fields=unique)
    query.insert_values(fields, [model()])
    compiler: Any = query.get_compiler(DEFAULT_DB_ALIAS)
    compiler.returning_fields = [model._meta.pk]
    ((sql, _),) = compiler.as_sql()
    return sql, fields


def update(model: type[Model], where: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    """What `filter(**where).update(**values)` does; kept for plain values and short lists.

    `where` names columns, as they are or with `__in` or `__isnull`.
    """
    lists = [value for name, value in where.items() if name.endswith("__in")]
    is_plain = not any(hasattr(value, "resolve_expression") for value in values.values())
    if not is_plain or not all(0 < len(several) <= FEW for several in lists):
        return model._default_manager.filter(**where).update(**values)
    parameters = _parameters(model, where, values)
    shape = _shape(model, where, values)
    sql = _UPDATES.get(shape)
    if sql is None:
        sql = _UPDATES[shape] = _change(model, where, values, parameters)
    with (
        transaction.mark_for_rollback_on_error(DEFAULT_DB_ALIAS),
        prepared.executed(sql, parameters) as cursor,
    ):
        return int(cursor.rowcount)


_UPDATES: dict[tuple[Any, ...], str] = {}


def _shape(
    model: type[Model], where: Mapping[str, Any], values: Mapping[str, Any]
) -> tuple[Any, ...]:
    """All that the text of the statement depends on."""
    changed = tuple((name, value is None) for name, value in values.items())
    chosen = []
    for name, wanted in where.items():
        _, _, how = name.partition("__")
        if how == "in":
            chosen.append((name, len(wanted)))
        else:
            chosen.append((name, wanted if how == "isnull" else wanted is None))
    return model, changed, tuple(chosen)


def _parameters(
    model: type[Model], where: Mapping[str, Any], values: Mapping[str, Any]
) -> list[Any]:
    """In the order of the ORM: the values as given, then the conditions by their names."""
    field: Callable[[str], Any] = model._meta.get_field
    found = [
        field(name).get_db_prep_save(getattr(value, "pk", value), connection)
        for name, value in values.items()
        if value is not None
    ]
    for name, wanted in sorted(where.items()):
        column, _, how = name.partition("__")
        if how != "isnull":
            several = wanted if how == "in" else [wanted]
            found += [field(column).get_db_prep_value(one, connection) for one in several]
    return found


def _change(
    model: type[Model],
    where: Mapping[str, Any],
    values: Mapping[str, Any],
    parameters: Sequence[Any],
) -> str:
    query: Any = model._default_manager.filter(**where).query.chain(UpdateQuery)
    query.add_update_values(values)
    sql, theirs = query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
    if list(theirs) != parameters:
        raise ValueError(f"{theirs} are not the values {parameters}")
    return str(sql)
