"""Requests as a web server hands them on, without what the test client puts right or refuses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from django.core import signals
from django.db import close_old_connections

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Raw:
    status: int
    headers: dict[str, str]
    """names in lower case"""
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


def ask(method: str, target: str, headers: Headers = (), body: bytes = b"") -> Raw:
    """`target` and `headers` as they are on the wire."""
    from topmate.wsgi import application

    answered: dict[str, Any] = {}

    def start_response(status: str, given: list[tuple[str, str]]) -> None:
        answered.update(status=int(status.split()[0]), headers=given)

    with _connection_kept():
        response = application(environ(method, target, headers, body), start_response)
        content = b"" if method == "HEAD" else b"".join(response)
        response.close()
    found = {name.lower(): value for name, value in answered["headers"]}
    return Raw(answered["status"], found, content)


def environ(method: str, target: str, headers: Headers, body: bytes) -> dict[str, Any]:
    path, _, query = target.partition("?")
    made: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
        "wsgi.url_scheme": "http",
    }
    for name, value in [("Host", "127.0.0.1"), *headers]:
        key = name.upper().replace("-", "_")
        made[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    return made


@contextmanager
def _connection_kept() -> Iterator[None]:
    """The test's own transaction lives in it."""
    both = (signals.request_started, signals.request_finished)
    for signal in both:
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in both:
            signal.connect(close_old_connections)
