"""deploy/roles.sql: the site's own role can do all that the site does, and nothing to its guards."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from psycopg import errors

from bookings.models import guards

ROOT = Path(__file__).resolve().parent.parent
OWNER, SITE = f"owner_{os.getpid()}", f"site_{os.getpid()}"

ERASE_ONE = """
from datetime import timedelta
from django.core.management import call_command
from django.utils import timezone
from tests.builders import make_booking
long_ago = timezone.now() - timedelta(days=90)
booking = make_booking(now=long_ago, starts_at=long_ago + timedelta(days=2))
call_command("erase_person", booking.follower.email)
"""

pytestmark = [pytest.mark.postgres, pytest.mark.django_db]


def rights() -> str:
    text = (ROOT / "deploy" / "roles.sql").read_text()
    return text.replace(" TO topmate", f" TO {SITE}").replace(" FROM topmate", f" FROM {SITE}")


@pytest.fixture(scope="module")
def database(django_db_setup: None) -> Iterator[dict[str, Any]]:
    """As deploy/install makes it: the tables belong to one role, the site runs as another."""
    host = connection.settings_dict["HOST"]
    name = f"roles_{os.getpid()}"
    at = {"host": host, "user": connection.settings_dict["USER"], "autocommit": True}
    with psycopg.connect(dbname="postgres", **at) as admin:
        for role in (OWNER, SITE):
            admin.execute(f"CREATE ROLE {role} LOGIN")
        admin.execute(f"CREATE DATABASE {name} OWNER {OWNER}")
    try:
        with psycopg.connect(dbname=name, **at) as admin:
            admin.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
            manage(host, name, OWNER, "migrate", "--verbosity", "0")
            admin.execute(rights())
            manage(host, name, SITE, "seed_demo")
        yield {"host": host, "dbname": name}
    finally:
        with psycopg.connect(dbname="postgres", **at) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
            for role in (OWNER, SITE):
                admin.execute(f"DROP ROLE {role}")


def manage(host: str, name: str, role: str, *words: str) -> str:
    own = {**os.environ, "DATABASE_URL": f"postgres://{role}@/{name}?host={host}"}
    command = [sys.executable, "manage.py", *words]
    done = subprocess.run(
        command, cwd=ROOT, env=own, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def as_site(database: dict[str, Any]) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(user=SITE, autocommit=True, **database) as connected:
        yield connected


def test_the_site_does_all_it_does(database: dict[str, Any]) -> None:
    """The demo has played each verb; what is left is what runs by itself, and erasing."""
    where = database["host"], database["dbname"], SITE
    manage(*where, "sweep")
    assert "invariants hold" in manage(*where, "verify")
    assert "erased" in manage(*where, "shell", "-c", ERASE_ONE).lower()
    assert "invariants hold" in manage(*where, "verify")


@pytest.mark.parametrize("table", [*guards.NEVER_DELETED, "historyhead", "staffact"])
@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE bookings_{0} CASCADE",
        "DELETE FROM bookings_{0}",
        "ALTER TABLE bookings_{0} DISABLE TRIGGER ALL",
        "ALTER TABLE bookings_{0} ADD COLUMN mine int",
        "DROP TABLE bookings_{0} CASCADE",
    ],
)
def test_a_table_that_is_kept_is_kept(as_site: Any, table: str, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        as_site.execute(statement.format(table))


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER event_is_append_only ON bookings_timelineevent",
        "DROP FUNCTION bookings_refuse() CASCADE",
        "CREATE OR REPLACE FUNCTION bookings_refuse() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NEW; END'",
        "SET session_replication_role = replica",
        "CREATE TABLE mine (id int)",
        "UPDATE bookings_timelineevent SET verb = 'report'",
        "UPDATE bookings_timelineevent SET chain_hash = ''",
        "UPDATE bookings_staffact SET by_id = NULL",
        "DELETE FROM django_migrations",
        "SET ROLE {owner}",
    ],
)
def test_no_guard_can_be_switched_off(as_site: Any, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        as_site.execute(statement.format(owner=OWNER))
