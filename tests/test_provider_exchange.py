"""One call to a provider is bounded, whatever the other side does with the connection."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import urllib3

from bookings.gateways import exchange as module
from bookings.gateways.exchange import NoAnswer, exchange, kept_open

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
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
                    _read_whole(wire)  # closing on unread bytes would reset the connection
                    try:
                        talk(wire)
                    except OSError:
                        continue

        threading.Thread(target=loop, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/v1/refunds"

    yield start
    listening.close()


def _read_whole(wire: socket.socket) -> None:
    read = b""
    while not read.endswith(b"x=1") and (more := wire.recv(65536)):
        read += more


def ask(url: str) -> module.Reply:
    return exchange("POST", url, headers={"A": "b"}, body="x=1", read_seconds=0.3)


def test_a_plain_answer(serve: Callable[[Talk], str]) -> None:
    url = serve(lambda wire: wire.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}"))
    reply = ask(url)
    assert (reply.status, reply.body) == (200, b"{}")
    assert reply.headers["content-TYPE"] == "application/json"


def test_a_dripping_answer_ends(
    serve: Callable[[Talk], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes in time; the whole of it would take for ever."""
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.2)

    def drip(wire: socket.socket) -> None:
        wire.sendall(HEAD + b"Content-Length: 500\r\n\r\n")
        for _ in range(500):
            wire.sendall(b" ")
            time.sleep(0.05)

    url, started = serve(drip), time.monotonic()
    with pytest.raises(NoAnswer, match="in time"):
        ask(url)
    assert time.monotonic() - started < 3


def test_an_endless_answer_ends(serve: Callable[[Talk], str]) -> None:
    def pour(wire: socket.socket) -> None:
        wire.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        while True:
            wire.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")

    with pytest.raises(NoAnswer, match="longer"):
        ask(serve(pour))


def test_an_answer_that_stops_short_is_none(serve: Callable[[Talk], str]) -> None:
    url = serve(lambda wire: wire.sendall(HEAD + b'Content-Length: 20\r\n\r\n{"a": 1}'))
    with pytest.raises(Exception, match=r"IncompleteRead|bytes read"):
        ask(url)


def test_a_redirect_is_not_followed(serve: Callable[[Talk], str]) -> None:
    """A POST would become a GET, or our keys would go elsewhere."""
    calls: list[int] = []

    def move(wire: socket.socket) -> None:
        calls.append(1)
        wire.sendall(b"HTTP/1.1 302 Found\r\nLocation: /v1/refunds\r\nContent-Length: 0\r\n\r\n")

    assert ask(serve(move)).status == 302
    assert len(calls) == 1


def test_a_connection_that_breaks_is_not_tried_again(serve: Callable[[Talk], str]) -> None:
    calls: list[int] = []
    url = serve(lambda wire: calls.append(1))
    with pytest.raises(urllib3.exceptions.ProtocolError):
        ask(url)
    time.sleep(0.1)
    assert len(calls) == 1


def test_silence_ends(serve: Callable[[Talk], str]) -> None:
    url, started = serve(lambda wire: time.sleep(2)), time.monotonic()
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        ask(url)
    assert time.monotonic() - started < 1.5


# --- connections that stay open -------------------------------------------------------------------

PLAIN = HEAD + b"Content-Length: 2\r\n\r\n{}"


def several(url: str, count: int) -> list[int]:
    with kept_open(2) as ask_again:
        statuses = []
        for _ in range(count):
            body = {"headers": {"A": "b"}, "body": "x=1"}
            statuses.append(ask_again("POST", url, read_seconds=0.3, **body).status)
            time.sleep(0.05)
    return statuses


def test_one_connection_serves_many_calls(serve: Callable[[Talk], str]) -> None:
    opened: list[int] = []

    def answer(wire: socket.socket) -> None:
        opened.append(1)
        for _ in range(3):
            wire.sendall(PLAIN)
            _read_whole(wire)

    assert several(serve(answer), 3) == [200] * 3
    assert len(opened) == 1


def test_a_connection_that_was_closed_in_between_is_made_anew(
    serve: Callable[[Talk], str],
) -> None:
    opened: list[int] = []

    def answer(wire: socket.socket) -> None:
        opened.append(1)
        wire.sendall(PLAIN)

    assert several(serve(answer), 3) == [200] * 3
    assert len(opened) == 3


def test_closed_when_the_next_call_was_sent_is_no_answer_and_sends_nothing_twice(
    serve: Callable[[Talk], str],
) -> None:
    asked: list[int] = []

    def answer(wire: socket.socket) -> None:
        asked.append(1)
        wire.sendall(PLAIN)
        _read_whole(wire)
        asked.append(2)

    with pytest.raises(urllib3.exceptions.ProtocolError):
        several(serve(answer), 2)
    time.sleep(0.1)
    assert asked == [1, 2]


# --- what the environment says ------------------------------------------------------------------


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No proxy and no certificates but those of a test."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_a_proxy_of_the_environment_is_used(
    serve: Callable[[Talk], str], bare: pytest.MonkeyPatch
) -> None:
    proxy = serve(lambda wire: wire.sendall(PLAIN)).replace("//", "//user:pass@")
    bare.setenv("http_proxy", proxy.removesuffix("/v1/refunds"))
    assert ask("http://pay.invalid/v1/refunds").status == 200, "no such host, but for the proxy"
    bare.setenv("no_proxy", "pay.invalid")
    with pytest.raises(urllib3.exceptions.NameResolutionError):
        ask("http://pay.invalid/v1/refunds")


def test_a_proxy_is_told_the_whole_address(bare: pytest.MonkeyPatch) -> None:
    heard: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def proxy() -> None:
        wire, _ = listening.accept()
        with wire:
            heard.append(wire.recv(65536))
            wire.sendall(PLAIN)

    thread = threading.Thread(target=proxy)
    thread.start()
    bare.setenv("http_proxy", f"http://user:pass@127.0.0.1:{listening.getsockname()[1]}")
    assert ask("http://pay.invalid/v1/refunds?limit=2").status == 200
    thread.join()
    listening.close()
    assert heard[0].startswith(b"POST http://pay.invalid/v1/refunds?limit=2 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic dXNlcjpwYXNz\r\n" in heard[0]


CERTIFICATE = Path(__file__).parent / "certificates" / "localhost.pem"


@pytest.fixture
def secure() -> Iterator[str]:
    """A host of whose certificate nobody knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    listening = socket.create_server(("127.0.0.1", 0))

    def loop() -> None:
        while True:
            try:
                wire, _ = listening.accept()
            except OSError:
                return
            with suppress(OSError), context.wrap_socket(wire, server_side=True) as safe:
                _read_whole(safe)
                safe.sendall(PLAIN)

    threading.Thread(target=loop, daemon=True).start()
    yield f"https://127.0.0.1:{listening.getsockname()[1]}/v1/refunds"
    listening.close()


def test_a_strangers_certificate_is_refused(secure: str, bare: pytest.MonkeyPatch) -> None:
    with pytest.raises(urllib3.exceptions.SSLError, match="self-signed"):
        ask(secure)
    bare.setenv("SSL_CERT_FILE", str(CERTIFICATE))  # what only the system trusts
    with pytest.raises(urllib3.exceptions.SSLError, match="self-signed"):
        ask(secure)
    bare.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    assert ask(secure).status == 200
    with pytest.raises(urllib3.exceptions.SSLError, match=r"mismatch|not valid for"):
        ask(secure.replace("127.0.0.1", "localhost"))
