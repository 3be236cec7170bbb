"""Lets the last release's tests empty a database that has tables they do not know of."""

from __future__ import annotations

from typing import Any

import pytest


def pytest_configure(config: pytest.Config) -> None:
    from django.db.backends.postgresql.operations import DatabaseOperations

    def with_what_refers_to_them(
        self: DatabaseOperations, style: Any, tables: Any, **options: Any
    ) -> list[str]:
        statements: list[str] = flush(self, style, tables, **options | {"allow_cascade": True})
        # Triggers of tables that are new refuse to be emptied, and nobody here can put them off.
        quiet = "SET session_replication_role = "
        return [f"{quiet} replica", *statements, f"{quiet} origin"] if statements else []

    flush = DatabaseOperations.sql_flush
    DatabaseOperations.sql_flush = with_what_refers_to_them
