"""The site's files are read by its own user only, whatever umask it is started with: the key that
signs every link, the database with its side files, the broker's messages."""

from __future__ import annotations

import os
import secrets
import stat
import zlib
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path

from topmate.env import Env

FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO
MADE_BY_US = ("secret_key*", "topmate.sqlite3*", "run.json*", "run.lock", "start.json", "static",
              "media", "broker-*", "elsewhere", "metrics")  # fmt: skip
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


# --- The site's secret key: given, or made once and kept in DATA_DIR ------------------------------

SHORTEST = 50
FEWEST_BYTES = 24
"""What is left of a random key when it is compressed; a word written ten times shrinks to less."""
PLACEHOLDERS = ("change", "secret", "insecure", "example", "password", "placeholder", "your-key")
MAKE_ONE = "make one with `python3 -c 'import secrets; print(secrets.token_urlsafe(64))'`"


def secret_key(env: Env, data_dir: Path, *, is_public: bool, is_https: bool) -> str:
    """A site in production must be given its key: with two machines a made one differs on each."""
    given = env.text("SECRET_KEY")
    if given:
        if is_public and is_poor(given):
            env.problem(
                f"SECRET_KEY must be at least {SHORTEST} random characters on a site that others "
                f"can reach; {MAKE_ONE}."
            )
        return given
    if is_https:
        env.problem(f"SECRET_KEY must be set when SITE_URL is https; {MAKE_ONE}.")
        return "refused"
    try:
        return _kept(data_dir)
    except OSError as error:
        env.problem(f"DATA_DIR {data_dir} cannot be written ({error.strerror}).")
        return "refused"


def fallbacks(env: Env, *, is_public: bool) -> list[str]:
    """What is signed with an earlier key is believed as well, so it must be as good."""
    given = env.items("SECRET_KEY_FALLBACKS", [])
    if is_public and any(map(is_poor, given)):
        env.problem(
            f"SECRET_KEY_FALLBACKS has a key that is not {SHORTEST} random characters; leave it "
            "out. Links and sessions that it has signed are over then."
        )
    return given


def is_poor(key: str) -> bool:
    """Whether somebody could guess it: short, a word that stands for a key, or a repetition."""
    has_placeholder = any(word in key.lower() for word in PLACEHOLDERS)
    packed = len(zlib.compress(key.encode(), 9)) - len(zlib.compress(b"", 9))
    return len(key) < SHORTEST or has_placeholder or packed < FEWEST_BYTES


def _kept(data_dir: Path) -> str:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = data_dir / "secret_key"
    if not path.exists():
        # Web, worker and beat may start together: a hard link is made by exactly one of them.
        draft = data_dir / f"secret_key.{os.getpid()}"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(64))
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text().strip()
