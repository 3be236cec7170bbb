"""The way to a provider, as the environment says: through which proxy, by whose certificates."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import urllib3

from tests import by_hand
from tests.by_hand import PLAIN, Talk, ask

serve = by_hand.serve


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
    wrap = partial(context.wrap_socket, server_side=True)
    yield f"https://{by_hand.play(listening, lambda wire: wire.sendall(PLAIN), over=wrap)}"
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
