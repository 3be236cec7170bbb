"""A provider played by hand, byte by byte, over a socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from bookings.gateways.exchange import Reply, exchange

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
PLAIN = HEAD + b"Content-Length: 2\r\n\r\n{}"
Talk = Callable[[socket.socket], None]


@pytest.fixture
def serve() -> Iterator[Callable[[Talk], str]]:
    """Answer each connection by hand."""
    listening = socket.create_server(("127.0.0.1", 0))

    def start(talk: Talk) -> str:
        def loop() -> None:
            while True:
                try:
                    wire, _ = listening.accept()
                except OSError:
                    return
                with wire:
                    read_whole(wire)  # closing on unread bytes would reset the connection
                    try:
                        talk(wire)
                    except OSError:
                        continue

        threading.Thread(target=loop, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/v1/refunds"

    yield start
    listening.close()


def read_whole(wire: socket.socket) -> None:
    read = b""
    while not read.endswith(b"x=1") and (more := wire.recv(65536)):
        read += more


def ask(url: str) -> Reply:
    return exchange("POST", url, headers={"A": "b"}, body="x=1", read_seconds=0.3)
