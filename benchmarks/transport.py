"""A request of a signed-in expert or a follower, sent through the whole handler or over HTTP."""

from __future__ import annotations

import gzip
import http.client
import io
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

CSRF = "b" * 32


class WrongAnswer(Exception):
    """What came back is not what was to be measured, so there is no figure."""


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    form: dict[str, str] | None = None
    """for a POST"""
    headers: dict[str, str] = field(default_factory=dict)
    session: str = ""

    @property
    def method(self) -> str:
        return "GET" if self.form is None else "POST"

    @property
    def body(self) -> bytes:
        return urlencode(self.form or {}).encode()

    def all_headers(self) -> dict[str, str]:
        cookies = f"topmate_csrf={CSRF}" + (
            f"; topmate_session={self.session}" if self.session else ""
        )
        found = {"Host": "localhost", "Cookie": cookies, **self.headers}
        if self.form is not None:
            found |= {
                "X-CSRFToken": CSRF,
                "Content-Type": "application/x-www-form-urlencoded",
                "Content-Length": str(len(self.body)),
            }
        return found


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes

    @property
    def gzipped(self) -> int:
        return len(gzip.compress(self.body, 6))


@dataclass(frozen=True, slots=True)
class Page:
    """Something to be asked for. `next` gives the request, a fresh one for each action."""

    name: str
    next: Callable[[], Request]
    marker: str
    """must stand in the answer: a sign-in page or an empty list is not an answer"""
    least_bytes: int = 400

    def written_down(self) -> dict[str, Any]:
        """For another process; only for a page that is asked for with a GET."""
        request = self.next()
        return {
            "name": self.name,
            "marker": self.marker,
            "least_bytes": self.least_bytes,
            "path": request.path,
            "headers": request.headers,
            "session": request.session,
        }

    @classmethod
    def read_back(cls, told: dict[str, Any]) -> Page:
        request = Request(told["path"], headers=told["headers"], session=told["session"])
        return cls(told["name"], lambda: request, told["marker"], told["least_bytes"])

    def check(self, answer: Answer) -> None:
        if answer.status != 200:
            raise WrongAnswer(f"{self.name}: status {answer.status}\n{answer.body[:500]!r}")
        if len(answer.body) < self.least_bytes:
            raise WrongAnswer(f"{self.name}: only {len(answer.body)} bytes")
        if self.marker.encode() not in answer.body:
            raise WrongAnswer(f"{self.name}: {self.marker!r} is not in the answer")


class Transport(ABC):
    @abstractmethod
    def ask(self, request: Request) -> tuple[Answer, float]:
        """The answer and the seconds it took."""

    def act(self, page: Page) -> Callable[[], float]:
        def once() -> float:
            answer, seconds = self.ask(page.next())
            page.check(answer)
            return seconds

        return once


class InProcess(Transport):
    """Through every middleware, without a socket: what the goals are judged by."""

    def __init__(self) -> None:
        from topmate.wsgi import application

        self.application = application

    def ask(self, request: Request) -> tuple[Answer, float]:
        environ = _environ(request)
        status: list[str] = []

        def start(line: str, headers: list[tuple[str, str]], *_: Any) -> Any:
            status.append(line)

        began = time.perf_counter()
        response = self.application(environ, start)
        body = b"".join(response)
        seconds = time.perf_counter() - began  # the visitor has it; workers are woken afterwards
        response.close()
        return Answer(int(status[0][:3]), body), seconds


def _environ(request: Request) -> dict[str, Any]:
    path, _, query = request.path.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SCRIPT_NAME": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.all_headers().items():
        key = name.upper().replace("-", "_")
        environ[key if key.startswith("CONTENT_") else f"HTTP_{key}"] = value
    return environ


class Http(Transport):
    """Over one kept connection to one gunicorn worker."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, request: Request) -> tuple[Answer, float]:
        headers, body = request.all_headers(), request.body
        began = time.perf_counter()
        self.connection.request(request.method, request.path, body or None, headers)
        response = self.connection.getresponse()
        content = response.read()
        seconds = time.perf_counter() - began
        return Answer(response.status, content), seconds


@contextmanager
def gunicorn(environment: dict[str, str]) -> Iterator[tuple[Http, int]]:
    """The web server of `make run`, with one worker and one thread; also its process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "topmate.wsgi:application"]
    command += ["--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--workers", "1"]
    command += ["--threads", "1", "--keep-alive", "600", "--timeout", "120"]
    command += ["--log-level", "warning", "--no-control-socket"]
    process = subprocess.Popen(command, env=environment)
    try:
        _wait_for(port, process)
        yield Http(port), process.pid
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise SystemExit("gunicorn did not start")
        try:
            probe = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            probe.request("GET", "/healthz", headers={"Connection": "close"})
            if probe.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("gunicorn does not answer")
