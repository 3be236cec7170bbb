"""What each new connection to the database is taught. Loaded by the app's configuration.

On SQLite lower case of every alphabet: its own LOWER knows A to Z.

On PostgreSQL to read instants in a tenth of the time, for every query: Django replaces psycopg's
compiled reader by one in Python, to set the zone. Python reads what the server writes by itself:
every connection of Django's has the zone UTC. To remove it, take `_read_fast` away.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db.backends.signals import connection_created
from django.dispatch import receiver

LOWER = {"sqlite": "LOWER_UNICODE", "postgresql": "LOWER"}
"""The function's name by the database's."""


@receiver(connection_created)
def _teach(connection: Any, **_: Any) -> None:
    if connection.vendor == "sqlite":
        name = LOWER["sqlite"]
        connection.connection.create_function(name, 1, str.lower, deterministic=True)


@receiver(connection_created)
def _read_fast(connection: Any, **_: Any) -> None:
    if connection.vendor == "postgresql":
        connection.connection.adapters.register_loader("timestamptz", _reader())


@cache
def _reader() -> Any:
    """psycopg remembers each such class for ever, so there is only one."""
    from psycopg.types.datetime import TimestamptzLoader

    class Reader(TimestamptzLoader):
        timezone = UTC
        """Django asks for it before each query"""

        def load(self, data: Any) -> datetime:
            try:
                instant = datetime.fromisoformat(bytes(data).decode())
            except ValueError:  # psycopg says in words what Python cannot hold
                instant = super().load(data)
            return instant if instant.tzinfo is UTC else instant.astimezone(UTC)

    return Reader
