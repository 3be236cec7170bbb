"""Nobody else on the machine reads the site's files, whatever umask it is started with."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import clock
from tests.house import open_to_others
from topmate import private_files


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def made(path: Path, mode: int = 0o666) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    path.chmod(mode)
    return path


def test_a_first_start_makes_only_private_files(root: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    done = subprocess.run(
        [sys.executable, "-m", "topmate.embedded.prepare", str(data / "start.json")],
        cwd=root,
        env={**clock.carried(), "PATH": os.environ["PATH"], "DATA_DIR": str(data), "DEMO": "0"},
        capture_output=True,
        text=True,
        umask=0,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in data.iterdir()} >= {"topmate.sqlite3", "secret_key", "static"}
    assert open_to_others(data) == []


def test_what_an_earlier_release_has_made_is_mended(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in ("secret_key", "topmate.sqlite3", "topmate.sqlite3-wal", "topmate.sqlite3-shm",
                 "run.lock", "run.json", "static/a/b.css", "broker-wheel/appendonlydir/1.aof",
                 "broker-system/broker.log"):  # fmt: skip
        made(data / name)
    data.chmod(0o755)
    assert len(open_to_others(data)) > 10
    private_files.keep(data)
    assert open_to_others(data) == []
    made_now = data / "made_now"
    made_now.write_text("x")
    assert made_now.stat().st_mode & 0o777 == 0o600


def test_a_database_elsewhere_is_mended_with_its_side_files(tmp_path: Path) -> None:
    database = made(tmp_path / "elsewhere" / "site.db")
    wal = made(database.with_name("site.db-wal"))
    other = made(database.with_name("other.db"))
    private_files.keep(tmp_path / "data", str(database))
    modes = [path.stat().st_mode & 0o777 for path in (database, wal, other)]
    assert modes == [0o600, 0o600, 0o666]


def test_a_folder_with_other_things_in_it_stays_open_to_whom_it_was(tmp_path: Path) -> None:
    made(tmp_path / "secret_key")
    theirs = made(tmp_path / "thesis.txt")
    tmp_path.chmod(0o755)
    private_files.keep(tmp_path)
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600
    assert theirs.stat().st_mode & 0o777 == 0o666
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_what_a_link_leads_to_is_left_alone(tmp_path: Path) -> None:
    outside = made(tmp_path / "outside" / "public.txt")
    data = tmp_path / "data"
    data.mkdir()
    (data / "static").symlink_to(outside.parent)
    private_files.keep(data)
    assert outside.stat().st_mode & 0o777 == 0o666
    assert outside.parent.stat().st_mode & 0o777 == 0o777


def test_a_program_stays_one(tmp_path: Path) -> None:
    script = made(tmp_path / "data" / "static" / "x.sh", 0o755)
    private_files.keep(tmp_path / "data")
    assert script.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_is_not_there_is_no_trouble(tmp_path: Path) -> None:
    private_files.keep(tmp_path / "nothing", str(tmp_path / "nothing.db"))


def test_the_settings_see_to_it(tmp_path: Path, root: Path) -> None:
    made(tmp_path / "topmate.sqlite3")
    subprocess.run(
        [sys.executable, "-c", "import topmate.settings"],
        cwd=root,
        env={**clock.carried(), "PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path)},
        umask=0,
        check=True,
    )
    assert open_to_others(tmp_path) == []
