"""manage.py migrate: Django's, made for a site that is running.

A page may wait 3 seconds for a lock and 15 for a statement; an index on a big table takes longer.
So a migration has all the time it needs, but waits only briefly for a lock: while it waits,
everybody else waits behind it. It lets them pass and tries again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from django.db.migrations.executor import MigrationExecutor

LOCK_TIMEOUT = 2.0
"""Seconds for which everybody may have to wait behind a migration."""
TIMEOUTS = (
    f"-c lock_timeout={int(LOCK_TIMEOUT * 1000)} -c statement_timeout=0"
    " -c idle_in_transaction_session_timeout=0"
)
TRIES = 30
PAUSE = 1.0
"""Seconds between two tries, in which those who waited go on."""
_LOCK_NOT_AVAILABLE = "55P03"
_DEADLOCK = "40P01"


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor != "postgresql" or connection.in_atomic_block:
            super().handle(*args, **options)
            return
        with _own_timeouts(connection):
            self._say_what_to_stop(connection, options)
            self._try(*args, **options)

    def _try(self, *args: Any, **options: Any) -> None:
        """Each migration is done as a whole or not at all, so the next try goes on from there."""
        for left in range(TRIES - 1, -1, -1):
            try:
                super().handle(*args, **options)
                return
            except OperationalError as error:
                if not _is_about_a_lock(error):
                    raise
                _start_anew(options["database"])
                if not left:
                    raise CommandError(
                        f"A table was in use at each of {TRIES} tries. Nothing more was changed. "
                        "Try again when fewer people are on the site, or stop the worker and beat "
                        f"for a moment. ({str(error).strip()})"
                    ) from error
                self.stderr.write("  A table is in use; trying again in a moment.")
                time.sleep(PAUSE)

    def _say_what_to_stop(self, connection: Any, options: dict[str, Any]) -> None:
        """Old and new code may run side by side, unless a migration says that they may not."""
        executor = MigrationExecutor(connection)
        if not executor.loader.applied_migrations or options["fake"]:
            return  # an empty database has no old processes
        for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes()):
            if what := getattr(migration, "ends_first", ""):
                self.stderr.write(f"  {migration.name}: {what}")


@contextmanager
def _own_timeouts(connection: Any) -> Iterator[None]:
    """For every connection that is made meanwhile, by name."""
    settings = connection.settings_dict["OPTIONS"]
    usual = settings.get("options", "")
    connection.close()
    settings["options"] = f"{usual} {TIMEOUTS}".strip()
    try:
        yield
    finally:
        connections[connection.alias].close()
        settings["options"] = usual


def _start_anew(alias: str) -> None:
    """With a connection that knows of no transaction. Django stays in one when a foreign key, which
    it adds last, does not get its lock."""
    connections[alias].close()
    del connections[alias]


def _is_about_a_lock(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", "") in (_LOCK_NOT_AVAILABLE, _DEADLOCK)
