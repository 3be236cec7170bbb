"""One request over a connection of its own, and what came back."""

from __future__ import annotations

import http.client
import socket
import time
from contextlib import suppress
from dataclasses import dataclass

from tests.fuzz.making import Attempt

PATIENCE = 60.0


@dataclass(frozen=True)
class Answer:
    status: int
    """0 when there was none"""
    headers: dict[str, str]
    body: bytes
    seconds: float


def raw(attempt: Attempt) -> bytes:
    lines = [f"{attempt.method} {attempt.target} HTTP/1.1".encode("utf-8", "replace")]
    for name, value in attempt.headers:
        lines.append(f"{name}: ".encode("latin-1") + value.encode("latin-1", "replace"))
    lines += [b"Connection: close", b"", b""]
    return b"\r\n".join(lines) + attempt.body


def send(attempt: Attempt, port: int, host: str = "127.0.0.1") -> Answer:
    started = time.monotonic()
    with socket.create_connection((host, port), timeout=PATIENCE) as connection:
        with suppress(OSError):  # it may answer before it has read everything
            connection.sendall(raw(attempt))
        answer = http.client.HTTPResponse(connection, method=attempt.method)
        try:
            answer.begin()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            return Answer(0, {}, b"", time.monotonic() - started)
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, headers, body, time.monotonic() - started)
