"""A release is put in while the last one still runs: its migrations only add, and nobody waits long
for one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader

from bookings.migrations._online import AddIndexOnline

ROOT = Path(__file__).resolve().parent.parent
BEFORE_THE_RULE = "0014"
SMALL = {"Heartbeat", "Invitation"}
"""Tables with a handful of rows: an index on one is made in no time."""


# --- Expand, and contract a release later ---------------------------------------------------------


def ours() -> list[tuple[str, migrations.Migration]]:
    loader = MigrationLoader(None)
    return [
        (name, migration)
        for (app, name), migration in sorted(loader.disk_migrations.items())
        if app == "bookings" and name[:4] > BEFORE_THE_RULE
    ]


def complaints(migration: Any) -> Iterator[str]:
    """What the processes of the release before could not live with, or would wait for."""
    made = {
        operation.name
        for operation in migration.operations
        if isinstance(operation, migrations.CreateModel)
    }
    for operation in migration.operations:
        if isinstance(operation, migrations.AddField):
            field = operation.field
            if not (field.null or field.has_db_default() or field.many_to_many):
                yield f"{operation.name}: the last release writes no such column; give it a db_default"
        elif isinstance(operation, migrations.AddIndex):
            model = operation.model_name
            if model.lower() in {name.lower() for name in made | SMALL}:
                continue
            if type(operation).__name__ != "AddIndexOnline":
                yield f"{operation.index.name}: everybody would wait; use AddIndexOnline"
            elif migration.atomic:
                yield f"{operation.index.name}: needs atomic = False"
        elif isinstance(
            operation,
            migrations.RemoveField
            | migrations.RenameField
            | migrations.DeleteModel
            | migrations.RenameModel
            | migrations.AlterModelTable,
        ) and not getattr(migration, "unused_since", ""):
            yield f"{operation.describe()}: name in unused_since the release that stopped using it"
        elif isinstance(operation, migrations.AlterField) and not getattr(
            migration, "is_compatible", ""
        ):
            yield f"{operation.describe()}: say in is_compatible why the last release can go on"


@pytest.mark.parametrize(("name", "migration"), ours())
def test_a_migration_leaves_the_last_release_running(name: str, migration: Any) -> None:
    assert list(complaints(migration)) == []


def made_of(*operations: Any, **said: Any) -> Any:
    migration = migrations.Migration("0099_some", "bookings")
    migration.operations = list(operations)
    for key, value in said.items():
        setattr(migration, key, value)
    return migration


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("booking", "mood", models.CharField(default="", max_length=9)),
        migrations.RemoveField("refund", "uuid"),
        migrations.RenameField("refund", "uuid", "key"),
        migrations.DeleteModel("contest"),
        migrations.AddIndex("booking", models.Index(fields=["state"], name="by_state")),
        migrations.AlterField("booking", "code", models.CharField(max_length=3)),
    ],
)
def test_what_the_last_release_cannot_live_with_is_refused(operation: Any) -> None:
    assert len(list(complaints(made_of(operation)))) == 1


def test_what_is_taken_away_says_since_when_nothing_uses_it() -> None:
    operation = migrations.RemoveField("refund", "uuid")
    assert not list(complaints(made_of(operation, unused_since="0.2")))


# --- Nobody waits long ----------------------------------------------------------------------------


@pytest.fixture
def database(db: None) -> Iterator[str]:
    """A database with all migrations but the last ones; its address."""
    server = connection.settings_dict
    name = f"migrations_{os.getpid()}"
    at = {"host": server["HOST"], "user": server["USER"], "dbname": "postgres"}
    url = f"postgres://{server['USER']}@/{name}?host={server['HOST']}"
    with psycopg.connect(**at, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            migrate(url, "bookings", "0013")
            yield url
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def started(url: str, *to: str) -> subprocess.Popen[str]:
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0", *to]
    own = {**os.environ, "DATABASE_URL": url}
    return subprocess.Popen(command, cwd=ROOT, env=own, stderr=subprocess.PIPE, text=True)


def migrate(url: str, *to: str) -> None:
    migrating = started(url, *to)
    _, said = migrating.communicate(timeout=120)
    assert migrating.returncode == 0, said


@pytest.mark.postgres
def test_others_go_on_while_a_migration_waits_for_a_table(database: str) -> None:
    """Somebody's long transaction has the table; whoever comes later waits behind the migration."""
    waited: list[float] = []
    is_over = threading.Event()

    def sign_in_again_and_again() -> None:
        with psycopg.connect(database, autocommit=True) as visitor:
            while not is_over.is_set():
                began = time.monotonic()
                visitor.execute("UPDATE bookings_user SET last_login = NULL WHERE id = 0")
                waited.append(time.monotonic() - began)
                is_over.wait(0.02)

    visitor = threading.Thread(target=sign_in_again_and_again)
    with psycopg.connect(database) as long:
        long.execute("LOCK TABLE bookings_user IN ROW EXCLUSIVE MODE")
        visitor.start()
        migrating = started(database, "bookings", "0014")
        assert migrating.stderr
        first = migrating.stderr.readline()
        long.rollback()
        _, said = migrating.communicate(timeout=60)
    is_over.set()
    visitor.join()
    assert migrating.returncode == 0, said
    assert "in use; trying again" in first
    assert 1 < max(waited) < 3.5, "behind the migration, and no longer than a page would"


@pytest.mark.postgres
def test_a_slow_statement_of_a_migration_is_not_cut_off(database: str) -> None:
    """A page's statements have 15 seconds; here they have a millisecond."""
    migrate(f"{database}&options=-c%20statement_timeout%3D1", "bookings", "0014")


@pytest.mark.postgres
def test_an_interrupted_index_is_made_anew(database: str) -> None:
    index = models.Index(fields=["clock"], name="interrupted")
    operation = AddIndexOnline("follower", index)
    state = MigrationLoader(None).project_state()
    after = state.clone()
    operation.state_forwards("bookings", after)
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("CREATE INDEX interrupted ON bookings_follower (id)")
    other = connection.copy()
    other.settings_dict = {**connection.settings_dict, "NAME": database_name(database)}
    with other.schema_editor(atomic=False) as editor:
        operation.database_forwards("bookings", editor, state, after)
    with psycopg.connect(database) as admin:
        row = admin.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'interrupted'")
        assert "(clock)" in str(row.fetchone())
    with other.schema_editor(atomic=False) as editor:
        operation.database_backwards("bookings", editor, after, state)
    other.close()


def database_name(url: str) -> str:
    return urlsplit(url).path[1:]


def test_a_release_whose_processes_must_end_first_says_so(capsys: Any, db: None) -> None:
    from bookings.management.commands import migrate as command

    loader = MigrationLoader(None)
    staff_queues = loader.disk_migrations["bookings", "0007_staff_queues"]
    assert "End its web, worker and beat processes" in staff_queues.ends_first
    assert command.LOCK_TIMEOUT < 3
