"""Fill an empty database with bookings, by statements that the database runs over series.

`python -m benchmarks.generate N` fills the one of DATABASE_URL. All promises of `manage.py
verify` hold afterwards.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

LEAST = 10_000


def fill(bookings: int) -> None:
    """`bookings` must be a multiple of a thousand, at least LEAST. The database must be empty."""
    from django.core.management import call_command
    from django.db import connection

    from benchmarks import cases
    from benchmarks.cast import make_cast
    from benchmarks.plan import Shape, write_plan
    from benchmarks.rows import Writer

    call_command("migrate", interactive=False, verbosity=0)
    shape = Shape.of(bookings)
    make_cast(experts=shape.experts, followers=shape.followers)
    with _unguarded():
        writer = Writer(connection)
        write_plan(writer, shape)
        writer.bookings()
        writer.payments()
        writer.histories()
        cases.write(writer)
        writer.execute("DROP TABLE bench_plan")
    _tidy_up()


@contextmanager
def _unguarded() -> Iterator[None]:
    """Triggers, overlap rule, foreign keys and indexes come back after the rows."""
    from django.db import connection, transaction
    from django.utils import timezone

    from benchmarks import indexes
    from benchmarks.rows import FILLED
    from bookings.models import guards, history_chain

    settings = (
        ["PRAGMA foreign_keys=OFF", "PRAGMA synchronous=OFF", "PRAGMA cache_size=-500000"]
        if connection.vendor == "sqlite"
        else [
            "SET statement_timeout = 0",
            "SET lock_timeout = 0",
            "SET session_replication_role = replica",
            "SET synchronous_commit = off",
            "SET maintenance_work_mem = '512MB'",
        ]
    )
    with connection.cursor() as cursor:
        for setting in settings:
            cursor.execute(setting)
    guards.remove(connection)
    dropped = indexes.drop(connection, FILLED)
    with transaction.atomic():
        yield
    indexes.make(connection, dropped)
    guards.install(connection)
    history_chain.begin(connection, timezone.now())  # what was filled in has no hashes


def _tidy_up() -> None:
    from django.core.management.color import no_style
    from django.db import connection
    from django.db.models import Model

    from benchmarks.rows import FILLED
    from bookings.models import Expert, Follower, Service, User

    after = (
        ["ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"]
        if connection.vendor == "sqlite"
        else ["SET session_replication_role = origin", "VACUUM (FREEZE, ANALYZE)"]
    )
    numbered: list[type[Model]] = [User, Expert, Service, Follower, *FILLED]
    with connection.cursor() as cursor:
        for statement in [*connection.ops.sequence_reset_sql(no_style(), numbered), *after]:
            cursor.execute(statement)
    connection.close()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
    import django

    django.setup()
    began = time.monotonic()
    fill(int(sys.argv[1]))
    print(f"{int(sys.argv[1]):,} bookings made in {time.monotonic() - began:.0f} s", flush=True)
