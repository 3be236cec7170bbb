"""The site's files are read by its own user only, whatever umask it is started with: the key that
signs every link, the database with its side files, the broker's messages."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path

FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO
MADE_BY_US = ("secret_key*", "topmate.sqlite3*", "run.json", "run.lock", "start.json", "static",
              "broker-*")  # fmt: skip
SIDE_FILES = ("", "-wal", "-shm", "-journal")
"""The files of a SQLite database, which makes them readable to whom the first one is."""


def keep(data_dir: Path, database: str = "") -> None:
    """What is made from now on is private, and so is what an earlier release has made.

    Only what is ours is touched: DATA_DIR may name a folder that holds other things as well, and
    then it stays open to whom it was.
    """
    os.umask(FOR_OTHERS)
    there = _inside(data_dir)
    ours = [path for path in there if any(fnmatch(path.name, name) for name in MADE_BY_US)]
    for path in ours:
        for each in _with_all_inside(path):
            _take_from_others(each)
    if len(ours) == len(there):
        _take_from_others(data_dir)
    if database:
        for ending in SIDE_FILES:
            _take_from_others(Path(f"{database}{ending}"))


def _inside(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _with_all_inside(path: Path) -> Iterator[Path]:
    yield path
    if path.is_dir() and not path.is_symlink():
        for each in _inside(path):
            yield from _with_all_inside(each)


def _take_from_others(path: Path) -> None:
    """What belongs to somebody else stays as it is, and so does what a link leads to."""
    with suppress(OSError):
        mode = path.lstat().st_mode
        if mode & FOR_OTHERS and not stat.S_ISLNK(mode):
            path.chmod(stat.S_IMODE(mode) & ~FOR_OTHERS)
