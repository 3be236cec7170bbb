"""Upper and lower case of every alphabet; SQLite's own LOWER knows A to Z."""

from __future__ import annotations

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
