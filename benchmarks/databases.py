"""The PostgreSQL the bench runs on, and its generated databases, kept from run to run.

A database's name has its size and a digest of the migrations and of the generator, so that a
stale one is not used but made anew.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import servers

ROOT = Path(__file__).resolve().parent.parent
DURABLE = {  # as a production server, only larger than one that is just installed
    "listen_addresses": "",
    "shared_buffers": "1GB",
    "jit": "off",
    "random_page_cost": "1.1",
    "max_wal_size": "4GB",
    "max_connections": "120",
}
MADE_BY = ("stories.py", "plan.py", "rows.py", "cases.py", "cast.py", "dialect.py", "indexes.py")


@dataclass
class Place:
    """A folder with everything the bench keeps, and the server that runs in it."""

    folder: Path
    postgres: servers.Running | None = None

    def url(self, database: str, vendor: str) -> str:
        if vendor == "sqlite":
            return f"sqlite:///{self.folder / 'sqlite' / database}.sqlite3"
        assert self.postgres is not None
        return f"postgres://topmate@/{database}?host={self.folder / 'pg'}"

    def generated(self, bookings: int, vendor: str) -> str:
        """The name of the database with that many bookings; it is made if it is not there."""
        name = f"bookings_{bookings}_{_digest()}"
        names = self._names(vendor)
        if name not in names:
            for stale in names:
                if stale.startswith(f"bookings_{bookings}_"):
                    self.drop(stale, vendor)
            self._generate(name, bookings, vendor)
        return name

    def _generate(self, name: str, bookings: int, vendor: str) -> None:
        """Under another name first: what was interrupted must not be taken for whole."""
        draft = f"{name}_draft"
        self.drop(draft, vendor)
        if vendor == "postgresql":
            self._execute(f"CREATE DATABASE {draft}")
        else:
            (self.folder / "sqlite").mkdir(exist_ok=True)
        print(f"making {bookings:,} bookings on {vendor}", file=sys.stderr, flush=True)
        subprocess.run(
            [sys.executable, "-m", "benchmarks.generate", str(bookings)],
            check=True,
            cwd=ROOT,
            env=self.environment(self.url(draft, vendor)),
            stdout=sys.stderr,
        )
        if vendor == "postgresql":
            self._execute(f"ALTER DATABASE {draft} RENAME TO {name}")
            self._execute("CHECKPOINT")
        else:
            self._file(draft).rename(self._file(name))

    @contextmanager
    def copy_of(self, name: str, vendor: str) -> Iterator[str]:
        """The name of a copy for a run that changes rows; it is dropped afterwards."""
        copy = f"copy_{os.getpid()}"
        self.drop(copy, vendor)
        if vendor == "postgresql":
            self._execute(f"CREATE DATABASE {copy} TEMPLATE {name} STRATEGY FILE_COPY")
        else:
            shutil.copyfile(self._file(name), self._file(copy))
        try:
            yield copy
        finally:
            self.drop(copy, vendor)

    def drop(self, name: str, vendor: str) -> None:
        if vendor == "postgresql":
            self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            return
        for path in (self.folder / "sqlite").glob(f"{name}.sqlite3*"):
            path.unlink()

    def _file(self, name: str) -> Path:
        return self.folder / "sqlite" / f"{name}.sqlite3"

    def _names(self, vendor: str) -> set[str]:
        if vendor == "sqlite":
            return {path.stem for path in (self.folder / "sqlite").glob("*.sqlite3")}
        return {str(name) for (name,) in self._execute("SELECT datname FROM pg_database")}

    def _execute(self, statement: str) -> list[tuple[object, ...]]:
        import psycopg

        with psycopg.connect(
            host=str(self.folder / "pg"), user="topmate", dbname="postgres", autocommit=True
        ) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def environment(self, url: str, **extra: str) -> dict[str, str]:
        """For a process that works on a database: nothing of the caller's own site."""
        names = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")
        return {
            **{name: os.environ[name] for name in names if name in os.environ},
            "DATABASE_URL": url,
            "DATA_DIR": str(self.folder / "data"),
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            "LOG_LEVEL": "ERROR",
            "PYTHONPATH": str(ROOT),
            **extra,
        }


@contextmanager
def place(folder: Path, *, with_postgres: bool) -> Iterator[Place]:
    folder.mkdir(parents=True, exist_ok=True)
    found = Place(folder.resolve())
    if with_postgres:
        found.postgres = _start(found.folder)
    try:
        yield found
    finally:
        if found.postgres:
            found.postgres.stop()


def _start(folder: Path) -> servers.Running:
    """As in the tests, but on files that are kept, and durable."""
    binaries = servers.find_postgres()
    if binaries is None:
        raise SystemExit("There is no PostgreSQL here; --database sqlite works without one.")
    user = servers.server_user()
    folder.chmod(0o711)  # its user must pass through
    programs = _programs(binaries, user, folder)
    home, run_as = folder / "pg", servers.as_user(user)
    if not (home / "data" / "PG_VERSION").exists():
        home.mkdir(mode=0o700, exist_ok=True)
        if user:
            shutil.chown(home, user)
        command = [programs / "initdb", "-D", home / "data", "-U", "topmate", "--auth=trust"]
        command += ["--encoding=UTF8", "--locale=C"]
        subprocess.run(command, check=True, cwd=home, stdout=subprocess.DEVNULL, **run_as)  # type: ignore[call-overload]
    options = [part for name, value in DURABLE.items() for part in ("-c", f"{name}={value}")]
    with open(home / "log", "ab") as log:
        process = subprocess.Popen(
            [programs / "postgres", "-D", home / "data", "-k", str(home), *options],
            stdout=log,
            stderr=log,
            cwd=home,
            preexec_fn=servers.dies_with_us(signal.SIGINT),
            **run_as,  # type: ignore[call-overload]
        )
    running = servers.Running(str(home), f"PostgreSQL ({binaries.source})", process, signal.SIGINT)
    for _ in range(600):
        ready = subprocess.run(
            [programs / "pg_isready", "-h", home, "-U", "topmate", "-q"], check=False, cwd=home
        )
        if ready.returncode == 0:
            return running
        if process.poll() is not None:
            break
        time.sleep(0.1)
    running.stop()
    raise SystemExit(f"PostgreSQL did not start; see {home / 'log'}")


def _programs(binaries: servers.Binaries, user: str | None, folder: Path) -> Path:
    copied = sorted((folder / "copy").glob("*/*/bin"))
    return copied[0] if copied else servers.reachable(binaries, user, folder)


def _digest() -> str:
    files = [Path(__file__).with_name(name) for name in MADE_BY]
    files += [*(ROOT / "bookings/migrations").glob("*.py"), ROOT / "bookings/models/guards.py"]
    text = b"".join(path.read_bytes() for path in sorted(files))
    return hashlib.sha256(text).hexdigest()[:8]
