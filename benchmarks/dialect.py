"""The few words in which PostgreSQL and SQLite differ when rows are made by the database."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper


class Dialect(ABC):
    """Pieces of SQL. Instants are seconds since 1970 until `moment` makes a column of them."""

    greatest: str
    least: str

    @abstractmethod
    def series(self, last: int) -> str:
        """A table `series(i)` of 1 to `last`, to stand in front of a SELECT."""

    @abstractmethod
    def moment(self, seconds: str) -> str: ...

    @abstractmethod
    def iso(self, seconds: str) -> str: ...

    @abstractmethod
    def uuid(self, number: str) -> str: ...

    @abstractmethod
    def json(self, **members: str) -> str: ...

    @abstractmethod
    def json_literal(self, value: Any) -> str: ...

    def literal(self, value: Any) -> str:
        """A default of a model's field, as SQL."""
        if value is None:
            return "NULL"
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        if isinstance(value, int):
            return str(value)
        if isinstance(value, dict | list):
            return self.json_literal(value)
        return "'" + str(value).replace("'", "''") + "'"


class PostgreSQL(Dialect):
    greatest, least = "greatest", "least"

    def series(self, last: int) -> str:
        return f"WITH series(i) AS (SELECT generate_series(1::bigint, {last}))"

    def moment(self, seconds: str) -> str:
        return f"to_timestamp({seconds})"

    def iso(self, seconds: str) -> str:
        form = """'YYYY-MM-DD"T"HH24:MI:SS"+00:00"'"""
        return f"to_char(to_timestamp({seconds}) AT TIME ZONE 'UTC', {form})"

    def uuid(self, number: str) -> str:
        return f"lpad(to_hex({number}), 32, '0')::uuid"

    def json(self, **members: str) -> str:
        inside = ", ".join(f"'{name}', {value}" for name, value in members.items())
        return f"jsonb_build_object({inside})"

    def json_literal(self, value: Any) -> str:
        return "'" + json.dumps(value).replace("'", "''") + "'::jsonb"


class SQLite(Dialect):
    greatest, least = "max", "min"

    def series(self, last: int) -> str:
        return (
            "WITH RECURSIVE series(i) AS "
            f"(SELECT 1 UNION ALL SELECT i + 1 FROM series WHERE i < {last})"
        )

    def moment(self, seconds: str) -> str:
        return f"datetime({seconds}, 'unixepoch')"

    def iso(self, seconds: str) -> str:
        return f"strftime('%Y-%m-%dT%H:%M:%S+00:00', {seconds}, 'unixepoch')"

    def uuid(self, number: str) -> str:
        return f"printf('%032x', {number})"

    def json(self, **members: str) -> str:
        inside = ", ".join(f"'{name}', {value}" for name, value in members.items())
        return f"json_object({inside})"

    def json_literal(self, value: Any) -> str:
        return "'" + json.dumps(value).replace("'", "''") + "'"


def dialect_of(connection: BaseDatabaseWrapper) -> Dialect:
    return PostgreSQL() if connection.vendor == "postgresql" else SQLite()
