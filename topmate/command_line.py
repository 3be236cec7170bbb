"""What `manage.py` does around Django's own command line: it finds the site that is running, and
says in a sentence what is missing where there is no database to work on."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence

from django.conf import settings
from django.core.management import execute_from_command_line
from django.db import Error, OperationalError, ProgrammingError, connection
from django.db.migrations.executor import MigrationExecutor

from topmate.embedded import running
from topmate.services import database_name

_NO_TABLE = re.compile(
    r"no such (?:table|column)|has no column named|(?:relation|column) .* does not exist"
)


def run(arguments: Sequence[str]) -> None:
    try:
        if told := running.adopt(os.environ):
            sys.stderr.write(f"{told}\n")
    except running.SeveralRun as several:
        sys.exit(str(several))
    try:
        execute_from_command_line(list(arguments))
    except (OperationalError, ProgrammingError) as error:
        if sentence := what_is_missing(error):
            sys.exit(f"Topmate: {sentence}")
        raise


def what_is_missing(error: Error) -> str:
    """Empty for every other error, which is a fault of ours and keeps its traceback."""
    try:
        connection.close()
        connection.ensure_connection()
    except Error as away:
        return f"the database {_name()} cannot be used: {str(away).strip()}"
    if not _NO_TABLE.search(str(error)) or not _is_to_be_migrated():
        return ""
    return (
        f"the database {_name()} does not have this release’s tables. `manage.py migrate` "
        "makes them, and so does `make run`. If your site is somewhere else, name it with DATA_DIR "
        "or DATABASE_URL."
    )


def _name() -> str:
    return database_name(settings.DATABASES["default"])


def _is_to_be_migrated() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
