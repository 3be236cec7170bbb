"""A provider played by hand, byte by byte, over a socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from bookings.gateways.exchange import Reply, exchange

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
PLAIN = HEAD + b"Content-Length: 2\r\n\r\n{}"
Talk = Callable[[socket.socket], None]


def play(
    listening: socket.socket,
    talk: Talk,
    *,
    over: Callable[[socket.socket], socket.socket] = lambda wire: wire,
) -> str:
    """Answer each connection by hand, in a thread; the address without its scheme."""

    def loop() -> None:
        while True:
            try:
                wire, _ = listening.accept()
            except OSError:
                return
            with suppress(OSError), over(wire) as line:
                read_whole(line)  # closing on unread bytes would reset the connection
                talk(line)

    threading.Thread(target=loop, daemon=True).start()
    return f"127.0.0.1:{listening.getsockname()[1]}/v1/refunds"


@pytest.fixture
def serve() -> Iterator[Callable[[Talk], str]]:
    listening = socket.create_server(("127.0.0.1", 0))
    yield lambda talk: f"http://{play(listening, talk)}"
    listening.close()


def read_whole(wire: socket.socket) -> None:
    read = b""
    while not read.endswith(b"x=1") and (more := wire.recv(65536)):
        read += more


def ask(url: str) -> Reply:
    return exchange("POST", url, headers={"A": "b"}, body="x=1", read_seconds=0.3)
