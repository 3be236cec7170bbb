"""A site of its own for one run: servers, a lying provider, and the processes of the site."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import servers
from tests.chaos.options import Options
from tests.chaos.processes import Program
from tests.provider.server import Credentials
from topmate.embedded.__main__ import Run, processes

ROOT = Path(__file__).resolve().parent.parent.parent
DURABLE = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "log_connections": "on",
}
LAZY = {"synchronous_commit": "off", "wal_writer_delay": "10s"}
"""What `--lazy-commits` takes away: a commit is answered before it is on disk."""
IS_AHEAD, DAYS_AHEAD = "worker-2", 4
"""Its machine's clock is that wrong for the whole run."""
WHOLE = 0.06
"""How often all of a worker is killed rather than one of its children: it is slow to start."""


@dataclass
class Scene:
    env: dict[str, str]
    programs: list[Program]
    provider_port: int
    label: str


def set_up(options: Options, folder: Path, started: list[servers.Running]) -> Scene:
    """Everything but the site itself runs when this returns. `started` is for the caller to end."""
    port, web_port = free_port(), free_port()
    programs = []
    redis = servers.start_redis(folder)
    started.append(redis)
    if redis.process is not None:
        programs.append(_again(redis, "broker", folder, {}))
    label, database = redis.label, f"sqlite:////{str(folder / 'chaos.sqlite3').lstrip('/')}"
    if not options.sqlite:
        postgres = servers.start_postgres(folder)
        started.append(postgres)
        label, database = f"{label} · {postgres.label}", postgres.url
        _make_database(database)
        if postgres.process is not None:
            wanted = DURABLE | (LAZY if options.lazy_commits else {})
            programs.append(_again(postgres, "database", folder / "pg", wanted))
    env = _environment(options, folder, port, web_port if "web" in options.only else 0)
    env |= {"DATABASE_URL": database, "REDIS_URL": redis.url}
    python = [sys.executable, "-m"]
    programs.append(
        _program("provider", "provider", [*python, "tests.chaos.provider"], folder, env)
    )
    return Scene(env, programs, port, label)


def _again(running: servers.Running, kind: str, folder: Path, wanted: dict[str, str]) -> Program:
    """The same server, ended, and ready to be started with these options on top."""
    assert running.process is not None
    command: list[Any] = list(running.process.args)  # type: ignore[arg-type]
    command += [part for name, value in wanted.items() for part in ("-c", f"{name}={value}")]
    running.stop()
    run_as = servers.as_user(servers.server_user()) if kind == "database" else {}
    return Program(kind, kind, command, folder, folder / f"{kind}.log", run_as=run_as)


def site_programs(options: Options, folder: Path, env: dict[str, str]) -> list[Program]:
    celery = [sys.executable, "-m", "celery", "--app", "topmate", "--quiet"]
    worker = [*celery, "worker", "--pool", "prefork", "--concurrency", "2", "--loglevel", "ERROR"]
    commands = {
        "worker-1": [*worker, "--hostname", "worker-1@%h"],
        "worker-2": [*worker, "--hostname", "worker-2@%h"],
        "sweeper": [sys.executable, "-m", "tests.chaos.sweeper"],
        "beat": [*celery, "beat", "--pidfile=", "--loglevel", "ERROR"],
    }
    programs = [
        _program(
            name,
            "workers",
            command,
            folder,
            env | ({"CHAOS_DAYS_AHEAD": str(DAYS_AHEAD)} if name == IS_AHEAD else {}),
            1.0 if name == "beat" else WHOLE,
        )
        for name, command in commands.items()
    ]
    if "web" in options.only:
        run = Run("127.0.0.1", int(env["PORT"]), folder / "data", env)
        command = next(child.command for child in processes(run) if child.name == "web")
        programs.append(_program("web", "web", command, folder, env, 0.3))
    return programs


def _program(
    name: str, kind: str, command: list[str], folder: Path, env: dict[str, str], whole: float = 1.0
) -> Program:
    return Program(name, kind, command, ROOT, folder / f"{name}.log", env=env, whole=whole)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment(options: Options, folder: Path, port: int, web_port: int) -> dict[str, str]:
    site = f"http://127.0.0.1:{web_port}" if web_port else ""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("CHAOS_")},
        "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
        "PYTHONWARNINGS": "ignore:You're running the worker with superuser",
        "DATA_DIR": str(folder / "data"),
        "SWEEP_EVERY": "1s",
        "LOG_LEVEL": "ERROR",
        "PORT": str(web_port or 8000),
        **Credentials().settings(f"http://127.0.0.1:{port}"),
        "CHAOS_SEED": str(options.seed),
        "CHAOS_SITE": site,
        "CHAOS_PROVIDER_PORT": str(port),
        "CHAOS_FAULT_RATE": str(options.fault_rate),
        "CHAOS_FAULTS": options.faults,
        "CHAOS_PACE": str(options.pace),
        "CHAOS_CRASH_RATE": str(options.crash_rate),
        "CHAOS_CRASH_AT": options.crash_at,
        "CHAOS_FOLDER": str(folder),
        "CHAOS_FRESH_KEYS": "1" if options.fresh_keys else "",
        "CHAOS_HASTY_KEYS": "1" if options.hasty_keys else "",
        "CHAOS_NO_CLOCK_GUARD": "1" if options.no_clock_guard else "",
    }


def _make_database(url: str) -> None:
    import psycopg

    host = url.partition("host=")[2]
    with psycopg.connect(host=host, user="topmate", dbname="postgres", autocommit=True) as it:
        it.execute("CREATE DATABASE topmate")


def become_the_site(env: dict[str, str]) -> None:
    """This process trades and compares; it is never killed, so it carries no killer."""
    os.environ.update({**env, "CHAOS_CRASH_RATE": ""})
    import django

    django.setup()


def database_answers() -> bool:
    from django.db import OperationalError, connection

    try:
        connection.ensure_connection()
    except OperationalError:
        return False
    return True
