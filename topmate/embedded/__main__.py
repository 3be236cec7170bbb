"""`make run`: broker, web, worker and beat under one supervisor, until Ctrl-C."""

from __future__ import annotations

import errno
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from topmate import services
from topmate.embedded import broker
from topmate.embedded.supervisor import Child, State, Supervisor, say
from topmate.embedded.tied import tie_to_parent
from topmate.env import Env

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_SWEEP = "10s"


def stop(sentence: str) -> None:
    sys.exit(f"Topmate: {sentence}")


@dataclass
class Run:
    """What this start was told and what it found."""

    host: str
    port: int
    data_dir: Path
    env: dict[str, str]
    broker_label: str = ""
    children: list[Child] = field(default_factory=list)


def read_environment() -> Run:
    os.umask(0o077)  # for the broker as well, which does not read our settings
    host = os.environ.get("HOST", "").strip() or "127.0.0.1"
    port = os.environ.get("PORT", "").strip() or "8000"
    if not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65536):
        stop(f"PORT={port} is not a port; a number from 1 to 65535 is.")
    data_dir = Path(os.environ.get("DATA_DIR", "").strip() or ROOT / "var").expanduser().resolve()
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        stop(f"DATA_DIR {data_dir} cannot be made ({error.strerror}).")
    if not os.access(data_dir, os.W_OK | os.X_OK):
        stop(f"DATA_DIR {data_dir} cannot be written by this user.")
    env = os.environ | {"HOST": host, "PORT": port, "DATA_DIR": str(data_dir)}
    env["PYTHONUNBUFFERED"] = "1"
    env["DJANGO_SETTINGS_MODULE"] = "topmate.settings"
    # Celery scolds root on every start; only JSON is accepted here, so it has nothing to fear.
    env.setdefault("PYTHONWARNINGS", "ignore:You're running the worker with superuser")
    if not env.get("SWEEP_EVERY", "").strip():
        env["SWEEP_EVERY"] = DEFAULT_SWEEP
    return Run(host, int(port), data_dir, env)


def check_port(run: Run) -> None:
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            run.host, run.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            stop(f"port {run.port} on {run.host} is taken. Choose another: make run PORT=8001")
        stop(
            f"HOST={run.host} is no address of this machine ({error.strerror}). Leave HOST out to "
            "answer this machine only, or set HOST=0.0.0.0 to answer others as well."
        )


def choose_broker(run: Run, state: State) -> None:
    """REDIS_URL, else a server on PATH, else the one out of the wheel, else a sentence."""
    given = run.env.get("REDIS_URL", "").strip()
    if given:
        run.broker_label = f"the server of REDIS_URL ({given.rpartition('@')[2]})"
        return
    server = broker.find_server()
    if server is None:
        stop(broker.NO_SERVER)
        return
    state.socket_folder = broker.make_socket_folder()
    path = state.socket_folder / "broker.sock"
    command = broker.command(server, path, run.data_dir / f"broker-{server.source}")
    run.children.append(Child("broker", command, death_signal=signal.SIGTERM))
    run.env["REDIS_URL"] = f"unix://{path}"
    run.broker_label = f"{server.label}, started for this site"


def broker_url(run: Run) -> str:
    """REDIS_URL may be spelled for Celery; the client wants the cache's spelling."""
    env = Env(run.env)
    found = services.redis(env)
    if env.problems:
        stop(" ".join(env.problems))
    return found.cache_url


def processes(run: Run) -> list[Child]:
    python = [sys.executable, "-m"]
    host = f"[{run.host}]" if ":" in run.host else run.host
    web = [*python, "gunicorn", "topmate.wsgi:application", "--bind", f"{host}:{run.port}"]
    web += ["--worker-class", "gthread", "--workers", "2", "--threads", "8", "--timeout", "60"]
    web += ["--graceful-timeout", "8", "--log-level", "warning", "--no-control-socket"]
    celery = [*python, "celery", "--app", "topmate", "--quiet"]
    worker = [*celery, "worker", "--pool", "threads", "--concurrency", "4", "--loglevel", "WARNING"]
    worker += ["--without-gossip", "--without-mingle", "--hostname", "embedded@%h"]
    beat = [*celery, "beat", "--pidfile=", "--loglevel", "WARNING"]
    return [
        Child("web", web, death_signal=signal.SIGTERM),
        Child("worker", worker),
        Child("beat", beat),
    ]


def prepare(run: Run) -> dict[str, Any]:
    report = run.data_dir / "start.json"
    command = [sys.executable, "-m", "topmate.embedded.prepare", str(report)]
    code = subprocess.call(command, env=run.env, cwd=ROOT)
    if code != 0:
        sys.exit(code)
    described: dict[str, Any] = json.loads(report.read_text())
    report.unlink()
    return described


class Banner:
    """Printed once, when the first page is really served."""

    def __init__(self, run: Run, described: dict[str, Any]) -> None:
        self.run, self.described = run, described
        self.is_printed = False

    def print_when_ready(self) -> None:
        if not self.is_printed and self._is_served():
            self.is_printed = True
            print(self.text(), flush=True)

    def _is_served(self) -> bool:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.run.host, self.run.host)  # noqa: S104
        connection = http.client.HTTPConnection(host, self.run.port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            # Any answer will do: with SITE_URL elsewhere this address may be refused politely.
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def text(self) -> str:
        about = self.described
        lines = ["", f"  {about['name']} is running at {about['site']}", ""]
        if about["setup"]:
            lines.append(f"  set it up   {about['setup']}   (works once: it makes your account)")
        for email, password, who in about["sign_ins"]:
            lines.append(f"  sign in     {email}   {password}   {who}")
        if about["inbox"]:
            lines.append(f"  demo inbox  {about['inbox']}   (mails are kept there, not sent)")
        if about["mails_wait"]:
            lines.append("  e-mails     wait: set EMAIL_URL (console:// prints them here)")
        lines += [
            f"  database    {about['database']}",
            f"  broker      {self.run.broker_label}",
            f"  sweep       every {about['sweep']:g} s",
            "",
            "  Ctrl-C ends it.",
            "",
        ]
        return "\n".join(lines)


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036  run by hand, without the Makefile
        stop(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")
    if "--with-parent" in sys.argv:
        tie_to_parent(os.getppid(), signal.SIGTERM)
    run = read_environment()
    state = State(run.data_dir)
    state.variables = {name: run.env[name] for name in ("DATA_DIR", "HOST", "PORT")}
    if not state.take():
        stop(f"it already runs on {run.data_dir}; end that one or set another DATA_DIR.")
    check_port(run)
    try:
        serve(run, state)
    finally:
        state.clear()


def serve(run: Run, state: State) -> None:
    started = time.monotonic()
    choose_broker(run, state)
    supervisor = Supervisor(run.children, run.env, ROOT, state.write)
    supervisor.listen_for_signals()
    try:
        if run.children:
            supervisor.start(run.children[0])
        own = run.children[0] if run.children else None
        said = broker.wait_for(broker_url(run), lambda: own is not None and own.is_alive)
        if said:
            stop(f"the broker does not answer ({said}).")
        described = prepare(run)
        if not described["has_demo"]:
            supervisor.env["DEMO"] = "0"  # without its people there is no inbox of theirs either
        if supervisor.asked_to_stop:
            return
        told = {name: supervisor.env.get(name, "").strip() for name in described["variables"]}
        state.variables |= {name: value for name, value in told.items() if value}
        run.children += processes(run)
        supervisor.run(Banner(run, described).print_when_ready)
        say(f"ending after {time.monotonic() - started:.0f} s")
    finally:
        if run.children:
            supervisor.stop()


if __name__ == "__main__":
    main()
