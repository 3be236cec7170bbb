"""Which site `make run` runs, and what it was told: so that `manage.py` in a second shell works on
the same one without a variable being repeated.

`run.json` in the data folder has the process and its variables. They may be secret, so only the
user who started the site can read that file. A data folder outside of the project is named in
`var/elsewhere`, which holds nothing else.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE = "run.json"


class SeveralRun(Exception):
    """More than one site runs, and nobody said which one is meant."""

    def __init__(self, folders: list[Path]) -> None:
        named = " and ".join(map(str, folders))
        super().__init__(
            f"Topmate: sites are running on {named}. Say which one is meant, as in "
            f"DATA_DIR={folders[0]} before the command."
        )


@dataclass(frozen=True, slots=True)
class Site:
    data_dir: Path
    variables: dict[str, str]


def default_folder() -> Path:
    return ROOT / "var"


# --- what the supervisor writes -------------------------------------------------------------------


def write(
    data_dir: Path, *, pids: list[int], socket_folder: str, variables: dict[str, str]
) -> None:
    """In one step: whoever reads it finds all of it, or what was there before."""
    content = {
        "pid": os.getpid(),
        "pids": pids,
        "socket_folder": socket_folder,
        "variables": variables,
    }
    draft = data_dir / f"{FILE}.{os.getpid()}"
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
    draft.replace(data_dir / FILE)
    if data_dir != default_folder():
        _note(data_dir)


def clear(data_dir: Path) -> None:
    (data_dir / FILE).unlink(missing_ok=True)
    with suppress(OSError):
        _note_of(os.getpid()).unlink(missing_ok=True)


def _note(data_dir: Path) -> None:
    """A project that this user cannot write into has no note: DATA_DIR has to be said there."""
    note = _note_of(os.getpid())
    with suppress(OSError):
        note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        note.write_text(str(data_dir))
        for old in note.parent.iterdir():
            if old.name.isdecimal() and not is_ours(int(old.name)):
                old.unlink()  # of one that was killed


def _note_of(pid: int) -> Path:
    return default_folder() / "elsewhere" / str(pid)


# --- what manage.py reads -------------------------------------------------------------------------


def adopt(environ: MutableMapping[str, str]) -> str:
    """Take over what the running site was told; what is set already stays. Returns a sentence that
    says whose it is, or nothing where no site runs, or another database is named."""
    site = _site_meant_by(environ)
    if site is None:
        return ""
    given = environ.get("DATABASE_URL")
    if given is not None and given != site.variables.get("DATABASE_URL", ""):
        return ""
    for name, value in site.variables.items():
        environ.setdefault(name, value)
    return f"Topmate: this is for the site that is running on {site.data_dir}."


def _site_meant_by(environ: MutableMapping[str, str]) -> Site | None:
    if given := environ.get("DATA_DIR", "").strip():
        return read(Path(given).expanduser().resolve())
    sites = {site.data_dir: site for site in map(read, _folders()) if site}
    if len(sites) > 1:
        raise SeveralRun(list(sites))
    return next(iter(sites.values()), None)


def _folders() -> Iterator[Path]:
    yield default_folder()
    with suppress(OSError):
        for note in sorted((default_folder() / "elsewhere").iterdir()):
            yield Path(note.read_text())


def read(data_dir: Path) -> Site | None:
    """The site that is running on this folder now."""
    try:
        content = json.loads(_ours(data_dir / FILE))
        variables = {str(name): str(value) for name, value in content["variables"].items()}
        is_running = is_ours(int(content["pid"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return Site(data_dir, variables) if is_running else None


def _ours(path: Path) -> str:
    """Its variables become ours, so it is believed from nobody but this user and whoever owns the
    code that runs here. A folder such as /tmp is open to all."""
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)) as file:
        if os.fstat(file.fileno()).st_uid not in (os.getuid(), ROOT.stat().st_uid):
            raise PermissionError(f"{path} is somebody else's")
        return file.read()


def is_ours(pid: int) -> bool:
    """A process id may have been given to somebody else meanwhile."""
    try:
        return b"topmate" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        if Path("/proc/self").exists():
            return False  # there is a /proc, so there is no such process
    ask = ["/bin/ps", "-o", "command=", "-p", str(pid)]
    try:
        return "topmate" in subprocess.run(ask, capture_output=True, text=True, check=False).stdout
    except OSError:
        return False
