"""Take the indexes of tables away before many rows come, and make them again afterwards."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

_OF_POSTGRESQL = """
    SELECT index.relname, constraints.conname, pg_get_indexdef(index.oid),
        pg_get_constraintdef(constraints.oid)
    FROM pg_index JOIN pg_class index ON index.oid = indexrelid
    LEFT JOIN pg_constraint constraints ON conindid = index.oid AND contype IN ('u', 'x')
    WHERE indrelid = %s::regclass AND NOT indisprimary"""


def drop(connection: BaseDatabaseWrapper, of: Iterable[type[models.Model]]) -> list[str]:
    """Everything but the primary keys; the statements that make them again."""
    again: list[str] = []
    with connection.cursor() as cursor:
        for model in of:
            table = model._meta.db_table
            if connection.vendor == "sqlite":
                # An index without a text belongs to a constraint and stays.
                cursor.execute(
                    "SELECT name, sql FROM sqlite_master"
                    " WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = %s",
                    [table],
                )
                found = [(f'DROP INDEX "{name}"', made) for name, made in cursor.fetchall()]
            else:
                cursor.execute(_OF_POSTGRESQL, [table])
                found = [
                    (f'ALTER TABLE {table} DROP CONSTRAINT "{constraint}"',
                     f'ALTER TABLE {table} ADD CONSTRAINT "{constraint}" {as_constraint}')
                    if constraint else (f'DROP INDEX "{name}"', as_index)
                    for name, constraint, as_index, as_constraint in cursor.fetchall()
                ]  # fmt: skip
            for statement, made in found:
                cursor.execute(statement)
                again.append(made)
    return again


def make(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, None)
