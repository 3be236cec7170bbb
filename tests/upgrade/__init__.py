"""The last release's processes against this release's schema.

Between `manage.py migrate` and the restart of the last process, the old code works on the new tables.
Here it does so with everything it can do: the last release's own tests of verbs, pages, sweeps,
webhooks and e-mails run in a database that this release's migrations have made.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parent.parent.parent
RELEASE = (Path(__file__).parent / "last_release").read_text().split()[0]
"""Its commit. Whoever makes a release writes the new one there."""
DATABASES = ("test_topmate_gw0", "test_topmate_gw1")
"""What pytest-django calls them in two processes, when DATABASE_URL ends in topmate."""
FILES = [f"tests/{name}" for name in (Path(__file__).parent / "files").read_text().split()]
"""Of the last release's tests: those that play each verb, open each page and run each sweep."""
OPTIONS = ("--reuse-db", "-p", "this_release")
"""Of pytest: the database stays as it was made."""
PLUGINS = str(Path(__file__).parent / "plugins")


class Unavailable(Exception):
    """The last release cannot be unpacked here; the text says why."""


def unpack(folder: Path) -> Path:
    """The last release's files, out of the history of this checkout."""
    if _git("cat-file", "-e", f"{RELEASE}^{{commit}}").returncode:
        # A shallow clone: whoever made it has the rest.
        _git("fetch", "--quiet", "--depth", "1", "origin", RELEASE)
    packed = folder / "release.tar"
    made = _git("archive", "--format=tar", f"--output={packed}", RELEASE)
    if made.returncode:
        raise Unavailable(f"no commit {RELEASE[:12]} in this checkout: {made.stderr.strip()}")
    release = folder / "release"
    with tarfile.open(packed) as files:
        files.extractall(release, filter="data")
    return release


def _git(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def make_databases(url: str, environment: dict[str, str]) -> None:
    """By this release's migrations; `url` is of another database on the same server."""
    first, *others = DATABASES
    with psycopg.connect(url, dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {first}")
        own = environment | {"DATABASE_URL": url.replace("/topmate?", f"/{first}?", 1)}
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, cwd=ROOT, env=own, check=True)
        for name in others:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {first}")
