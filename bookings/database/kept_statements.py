"""Statements of the ORM whose SQL is put together once.

For the few that run in every request or action: the ORM takes longer to write such a statement
than the database to answer it. What they do is what the queryset or the model says.

The first time, the ORM runs the statement itself and is watched by `connection.execute_wrapper`,
which Django promises to keep. What it sent and got is compared with what is about to be kept; where
the two differ, because another version of Django works differently inside, the ORM goes on running
it, and a warning says so once. Only `_Statement` reads parts of Django that no release promises to
keep.

Measured with 200,000 bookings: an action takes 3.0 x minimal instead of 4.9, the page of a
booking 1.6 instead of 2.9. To remove it, write the querysets where `KeptQuery`, `insert` and
`update` are called.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from functools import partial
from typing import Any, Generic, ParamSpec, TypeVar

import django
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection
from django.db.models import Model, QuerySet
from django.db.models import query as orm_query

from bookings.database import prepared

logger = logging.getLogger(__name__)
M = TypeVar("M", bound=Model)
P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")
"""A row of a model, or a tuple of a `values_list`."""
Value = int | str | date | datetime
Columns = Mapping[str, Any]
FEW = 3
"""In a list of that length each value has a place of its own in a kept statement."""


class KeptQuery(Generic[R]):
    """`KeptQuery(make, *examples)` gives what `list(make(*values))` would for any such values.

    Each value is once a parameter of the statement. What else `make` asks for, such as a state, is
    the same each time and stands in the text: a partial index is only used for what stands there.
    """

    def __init__(self, make: Callable[..., QuerySet[Any, R]], *examples: Value) -> None:
        self._make, self._examples = make, examples
        self._of_thread = threading.local()  # as the connection it was compiled for
        self._is_text_checked = self._is_reading_checked = self._is_given_up = False

    def __call__(self, *values: Value) -> list[R]:
        statement = self._statement()
        if statement is None:
            return list(self._make(*values))
        if not self._is_text_checked:
            return self._watched(statement, values)
        rows = statement.fetched(values)
        if rows and not self._is_reading_checked:  # the first rows: the ORM asks for them again
            return self._watched(statement, values)
        try:
            return statement.read(rows)
        except Exception as error:
            self._give_up(error)
            return list(self._make(*values))

    def first(self, *values: Value) -> R | None:
        return next(iter(self(*values)), None)

    def _statement(self) -> _Statement[R] | None:
        if self._is_given_up:
            return None
        statement: _Statement[R] | None = getattr(self._of_thread, "statement", None)
        if statement is None:
            try:
                statement = _Statement(self._make(*self._examples), self._examples)
            except DatabaseError:  # such as a lock outside of a transaction
                raise
            except Exception as error:
                self._give_up(error)
            self._of_thread.statement = statement
        return statement

    def _watched(self, statement: _Statement[R], values: tuple[Value, ...]) -> list[R]:
        """The ORM's rows. Reading them is checked as soon as there is one."""
        with watching("SELECT") as seen:
            found = list(self._make(*values))
        try:
            sql, _ = seen.only()
            if sql != statement.written_by_orm:
                raise ValueError(f"{sql} is not {statement.written_by_orm}")
            read = statement.read(seen.rows)
            if len(read) != len(found) or not all(map(is_same, read, found)):
                raise ValueError(f"rows of {sql} are read differently")
            self._is_text_checked, self._is_reading_checked = True, bool(found)
        except Exception as error:
            self._give_up(error)
        return found

    def _give_up(self, error: Exception) -> None:
        self._is_given_up = True
        report(error)


class _Statement(Generic[R]):
    def __init__(self, queryset: QuerySet[Any, R], examples: tuple[Value, ...]) -> None:
        compiler: Any = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
        self.written_by_orm, parameters = compiler.as_sql()
        self.sql, self.order = _with_constants(self.written_by_orm, parameters, examples)
        self.convert = compiler.apply_converters
        self.converters = compiler.get_converters([column[0] for column in compiler.select])
        self.model: type[Model] | None = None
        if queryset.query.default_cols:  # else a `values_list`, whose rows are tuples
            self._read_rows_of(queryset, compiler)

    def _read_rows_of(self, queryset: QuerySet[Any, R], compiler: Any) -> None:
        self.model = queryset.model
        at = compiler.klass_info["select_fields"]
        self.own = slice(at[0], at[-1] + 1)
        self.names = [column[0].target.attname for column in compiler.select[self.own]]
        shape = [compiler.klass_info, compiler.select, DEFAULT_DB_ALIAS]
        if django.VERSION >= (6, 1):
            shape.append(queryset._fetch_mode)  # type: ignore[attr-defined]
        self.related = orm_query.get_related_populators(*shape)
        self.annotations: dict[str, int] = compiler.annotation_col_map

    def fetched(self, values: tuple[Value, ...]) -> Any:
        with prepared.executed(self.sql, [_sent(values[place]) for place in self.order]) as cursor:
            rows: list[Any] = cursor.fetchall()
        return rows

    def read(self, rows: Sequence[Any]) -> list[R]:
        found: list[Any] = []
        converted = self.convert(rows, self.converters) if self.converters else rows
        if self.model is None:
            return [tuple(row) for row in converted]  # type: ignore[misc]
        for row in converted:
            one: Any = self.model.from_db(DEFAULT_DB_ALIAS, self.names, row[self.own])
            for related in self.related:
                related.populate(row, one)
            for name, place in self.annotations.items():
                setattr(one, name, row[place])
            found.append(one)
        return found


def _sent(value: Value) -> Any:
    """As the ORM hands it to the driver: SQLite has no instants."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return connection.ops.adapt_datefield_value(value) if isinstance(value, date) else value


def _with_constants(
    sql: str, parameters: Sequence[Any], examples: tuple[Value, ...]
) -> tuple[str, list[int]]:
    """The text with a place for each value only, and which of the values stands in each."""
    sent = [_sent(example) for example in examples]
    order = [sent.index(parameter) for parameter in parameters if parameter in sent]
    pieces = sql.split("%s")
    if len(pieces) != len(parameters) + 1 or sorted(order) != list(range(len(sent))):
        raise ValueError(f"{parameters} are not the values {examples}")
    places = ("%s" if parameter in sent else _literal(parameter) for parameter in parameters)
    return "".join(map("".join, zip(pieces, [*places, ""], strict=True))), order


def _literal(constant: object) -> str:
    """Of the names that are in the code, such as a state."""
    if isinstance(constant, str) and _NAME.fullmatch(constant):
        return f"'{constant}'"
    raise ValueError(f"{constant!r} is neither one of the values nor a name")


_NAME = re.compile("[a-z_]+", re.ASCII)


def insert(rows: Sequence[M], *, once: str = "") -> Sequence[M]:
    """What `bulk_create` does; a single row by a statement that is kept for its model.

    What the column `once` holds already is not inserted again; of such a row only `pk` is right.
    """
    if len(rows) != 1 or rows[0].pk is not None:
        return _insert_by_orm(rows, once)
    row = rows[0]
    shape = type(row), once
    if shape not in _INSERTS:
        with watching("INSERT") as seen:
            _insert_by_orm(rows, once)
        _INSERTS[shape] = unless_surprised(_insertion, seen, row, once)
        return rows
    kept = _INSERTS[shape]
    if kept is None:
        return _insert_by_orm(rows, once)
    sql, fields = kept
    values = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in fields]
    prepared.inserted(sql, values, partial(setattr, row, "pk"))
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    return rows


_INSERTS: dict[tuple[type[Model], str], tuple[str, list[Any]] | None] = {}


def _insert_by_orm(rows: Sequence[M], once: str) -> Sequence[M]:
    if not rows:
        return rows
    return type(rows[0])._default_manager.bulk_create(
        rows,
        # Written again as it was: the statement tells the id, and nothing else is passed over.
        update_conflicts=bool(once),
        unique_fields=[once] if once else None,
        update_fields=[once] if once else None,
    )


def _insertion(seen: Seen, row: Model, once: str) -> tuple[str, list[Any]]:
    sql, parameters = seen.only()
    of_model: Any = row._meta
    fields = [field for field in of_model.concrete_fields if not field.primary_key]
    columns = [field.column for field in fields]
    again = [of_model.get_field(once).column] * 3 if once else []
    check_columns(sql, type(row), [*columns, *again, of_model.pk.column])
    if len(parameters) != len(fields):
        raise ValueError(f"{parameters} are not the values of {columns}")
    return sql, fields


def update(model: type[Model], where: Columns, values: Columns) -> int:
    """What `filter(**where).update(**values)` does; kept for plain values and short lists.

    `where` names columns, as they are or with `__in` or `__isnull`.
    """
    if any(wanted is None for wanted in where.values()):
        raise ValueError(f"A column of {set(where)} is asked for NULL: write __isnull.")
    lists = [value for name, value in where.items() if name.endswith("__in")]
    is_plain = not any(hasattr(value, "resolve_expression") for value in values.values())
    if not is_plain or not all(0 < len(several) <= FEW for several in lists):
        return model._default_manager.filter(**where).update(**values)
    shape = _shape(model, where, values)
    if shape not in _UPDATES:
        with watching("UPDATE") as seen:
            changed = model._default_manager.filter(**where).update(**values)
        _UPDATES[shape] = unless_surprised(_change, seen, model, where, values)
        return changed
    kept = _UPDATES[shape]
    if kept is None:
        return model._default_manager.filter(**where).update(**values)
    sql, has_nulls = kept
    parameters = _parameters(model, where, values, has_nulls=has_nulls)
    with prepared.changed(sql, parameters) as cursor:
        return int(cursor.rowcount)


_UPDATES: dict[tuple[Any, ...], tuple[str, bool] | None] = {}


def _shape(model: type[Model], where: Columns, values: Columns) -> tuple[Any, ...]:
    """All that the text of the statement depends on."""
    changed = tuple((name, value is None) for name, value in values.items())
    chosen: list[Any] = []
    for name, wanted in where.items():
        _, _, how = name.partition("__")
        if how == "in":
            chosen.append((name, len(wanted)))
        else:
            chosen.append((name, wanted if how == "isnull" else None))
    return model, changed, tuple(chosen)


def _parameters(
    model: type[Model], where: Columns, values: Columns, *, has_nulls: bool
) -> list[Any]:
    """In the order of the ORM: the values as given, then the conditions by their names.

    Django writes NULL into the text of a change, and from 6.1 on sends it as a value.
    """
    field: Callable[[str], Any] = model._meta.get_field
    found = [
        field(name).get_db_prep_save(getattr(value, "pk", value), connection)
        for name, value in values.items()
        if has_nulls or value is not None
    ]
    for name, wanted in sorted(where.items()):
        column, _, how = name.partition("__")
        if how != "isnull":
            several = wanted if how == "in" else [wanted]
            found += [field(column).get_db_prep_value(one, connection) for one in several]
    return found


def _change(seen: Seen, model: type[Model], where: Columns, values: Columns) -> tuple[str, bool]:
    sql, theirs = seen.only()
    named = [*values, *(name.partition("__")[0] for name in sorted(where))]
    columns: list[Any] = [model._meta.get_field(name) for name in named]
    check_columns(sql, model, [field.column for field in columns])
    for has_nulls in (False, True):
        if theirs == _parameters(model, where, values, has_nulls=has_nulls):
            return sql, has_nulls
    raise ValueError(f"{theirs} are not the values of {named}")


# --- the ORM, watched while it runs a statement itself --------------------------------------------

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
