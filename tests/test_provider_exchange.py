"""One call to a provider is bounded, whatever the other side does with the connection."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest
import urllib3

from bookings.gateways import exchange as module
from bookings.gateways.exchange import NoAnswer, kept_open
from tests import by_hand
from tests.by_hand import HEAD, PLAIN, Talk, ask, read_whole

serve = by_hand.serve


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
            read_whole(wire)

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
        read_whole(wire)
        asked.append(2)

    with pytest.raises(urllib3.exceptions.ProtocolError):
        several(serve(answer), 2)
    time.sleep(0.1)
    assert asked == [1, 2]
