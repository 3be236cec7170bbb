"""Django's own database backend for PostgreSQL, with a health check that asks nobody.

With `CONN_HEALTH_CHECKS` Django sends `SELECT 1` before the first query of each request, to learn
whether the server has closed the connection since the last one. The operating system knows that
already: a connection that was closed has something to read. That saves one of the 4 waits for the
database of the minimal page and of the 15 of an action (2026-11-30). To remove it, name Django's
`django.db.backends.postgresql` in `topmate/services.py`; nothing else changes.
"""

from __future__ import annotations

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def is_usable(self) -> bool:
        """Asks the server after an error, and where something came that nobody asked for."""
        if self.connection is None or self.errors_occurred or self._has_something_to_read():
            return bool(super().is_usable())
        return True

    def _has_something_to_read(self) -> bool:
        if self.connection.closed:
            return True
        waiting = select.poll()  # unlike select.select it takes any number of open files
        waiting.register(self.connection.fileno(), select.POLLIN)
        return bool(waiting.poll(0))
