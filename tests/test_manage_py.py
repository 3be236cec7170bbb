"""`manage.py` beside `make run`: it finds the site that is running, and says what is missing."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import OperationalError, ProgrammingError

from tests import clock
from topmate import command_line
from topmate.embedded import running

OURS = os.getpid()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in which nothing runs; this process counts as a site of it."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.setattr(running, "ROOT", root)
    monkeypatch.setattr(running, "is_ours", lambda pid: pid == OURS)
    return root


def start(folder: Path, **variables: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    told = {"DATA_DIR": str(folder), **variables}
    running.write(folder, pids=[], socket_folder="", variables=told)
    return folder


def test_what_make_run_was_told_is_taken_over(project: Path, tmp_path: Path) -> None:
    folder = start(tmp_path / "elsewhere", DEMO="0", PORT="8001", EMAIL_URL="console://")
    environ = {"PATH": "/bin", "PORT": "9000"}
    assert running.adopt(environ) == (f"Topmate: this is for the site that is running on {folder}.")
    assert environ == {
        "PATH": "/bin", "PORT": "9000", "DATA_DIR": str(folder), "DEMO": "0",
        "EMAIL_URL": "console://",
    }  # fmt: skip


def test_the_usual_folder_needs_no_note(project: Path) -> None:
    start(project / "var", DEMO="0")
    environ: dict[str, str] = {}
    assert str(project / "var") in running.adopt(environ)
    assert environ["DEMO"] == "0"
    assert not (project / "var" / "elsewhere").exists()


def test_nothing_is_taken_over_where_no_site_runs(project: Path, tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    assert running.adopt(environ) == ""
    folder = start(tmp_path / "ended", DEMO="0")
    running.clear(folder)
    assert running.adopt(environ) == ""
    start(folder, DEMO="0")
    content = json.loads((folder / running.FILE).read_text())
    for broken in ({**content, "pid": 1}, {"pids": []}, [], "x", {**content, "variables": []}):
        (folder / running.FILE).write_text(json.dumps(broken))  # killed, or of another release
        assert running.adopt(environ) == ""
    (folder / running.FILE).write_text("{")
    assert running.adopt(environ) == ""
    assert environ == {}


def test_what_somebody_else_wrote_is_not_taken_over(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder such as /tmp anybody can write the variables of a site."""
    folder = start(tmp_path / "open", DEMO="0")
    real = os.fstat
    owner = os.getuid() + 1

    def of_another(file: int) -> os.stat_result:
        found = list(real(file))
        found[stat.ST_UID] = owner
        return os.stat_result(found)

    environ = {"DATA_DIR": str(folder)}
    with monkeypatch.context() as patched:
        patched.setattr(os, "fstat", of_another)
        assert running.adopt(environ) == ""
    assert environ == {"DATA_DIR": str(folder)}
    assert running.read(folder) is not None
    (folder / running.FILE).rename(folder / "target")
    (folder / running.FILE).symlink_to(folder / "target")
    assert running.read(folder) is None


def test_a_folder_that_is_named_is_the_one_that_is_meant(project: Path, tmp_path: Path) -> None:
    first = start(tmp_path / "first", PORT="8001")
    environ = {"DATA_DIR": str(tmp_path / "other")}
    assert running.adopt(environ) == ""
    environ = {"DATA_DIR": str(first)}
    assert running.adopt(environ)
    assert environ["PORT"] == "8001"


def test_another_database_is_another_site(project: Path, tmp_path: Path) -> None:
    """The mails of production must not go where those of the demo go."""
    start(tmp_path / "demo", EMAIL_URL="console://")
    environ = {"DATABASE_URL": "postgres://db.example/calls"}
    assert running.adopt(environ) == ""
    assert environ == {"DATABASE_URL": "postgres://db.example/calls"}


def test_of_two_sites_one_must_be_named(project: Path, tmp_path: Path) -> None:
    start(project / "var")
    other = start(tmp_path / "short")
    with pytest.raises(running.SeveralRun, match="DATA_DIR="):
        running.adopt({})
    assert running.adopt({"DATA_DIR": str(other)})


def test_what_may_be_secret_is_read_by_its_user_only(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    (folder / running.FILE).write_text("of an earlier release")
    (folder / running.FILE).chmod(0o666)
    old = os.umask(0)
    try:
        start(folder, STRIPE_SECRET_KEY="sk_live_x")
    finally:
        os.umask(old)
    assert (folder / running.FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == [running.FILE]
    (note,) = (project / "var" / "elsewhere").iterdir()
    assert note.read_text() == str(folder)
    assert note.parent.stat().st_mode & 0o077 == 0


def test_notes_of_sites_that_were_killed_go(project: Path, tmp_path: Path) -> None:
    notes = project / "var" / "elsewhere"
    notes.mkdir(parents=True)
    (notes / "1").write_text(str(tmp_path / "gone"))
    start(tmp_path / "new")
    assert [path.name for path in notes.iterdir()] == [str(OURS)]


# --- a database that is not there -----------------------------------------------------------------


def manage(root: Path, data: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    plain = {**clock.carried(), "PATH": os.environ["PATH"], "DATA_DIR": str(data)}
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=root,
        env=plain | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


COMMANDS = [
    ("setup_link",),
    ("verify",),
    ("sweep",),
    ("clock",),
    ("invite", "nina@example.org"),
    ("createsuperuser", "--no-input", "--email", "a@example.org"),
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_without_tables_a_sentence_says_what_to_do(
    root: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = manage(root, tmp_path / "data", *words)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Topmate:")]
    assert "`manage.py migrate` makes them" in line
    assert str(tmp_path / "data" / "topmate.sqlite3") in line


def test_a_database_that_is_away_is_said(root: Path, tmp_path: Path) -> None:
    done = manage(root, tmp_path, "verify", DATABASE_URL="postgres://127.0.0.1:1/calls")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Topmate: the database PostgreSQL, calls on 127.0.0.1 cannot be used" in done.stderr


@pytest.mark.django_db(transaction=True)
def test_a_fault_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """All tables of this release are there."""
    for error in (
        OperationalError("no such table: bookings_nonsense"),
        ProgrammingError('relation "bookings_nonsense" does not exist'),
        OperationalError("database is locked"),
    ):
        assert command_line.what_is_missing(error) == ""
    monkeypatch.setattr(command_line, "_is_to_be_migrated", lambda: True)
    assert command_line.what_is_missing(OperationalError("no such column: x.y"))
    assert command_line.what_is_missing(ProgrammingError('relation "x" does not exist'))
    assert command_line.what_is_missing(OperationalError("database is locked")) == ""
