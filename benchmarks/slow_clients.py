"""Slow and idle clients in front of the proxy: how long does everybody else wait?

    python -m benchmarks.slow_clients https://calls.example.org --at 127.0.0.1:443

For the proxies of deploy/proxy on a machine that deploy/install has set up; not for a site of
somebody else. Of the slow ones half never finish their headers, and half never finish their body.
"""

from __future__ import annotations

import argparse
import http.client
import socket
import ssl
import statistics
import threading
import time
from urllib.parse import SplitResult, urlsplit

EACH = 5.0
"""Seconds between two bytes of a slow client."""
ASKED = 60


class Site:
    def __init__(self, url: SplitResult, at: str) -> None:
        self.url = url
        self.host = url.hostname or ""
        port = url.port or (443 if url.scheme == "https" else 80)
        name, _, number = at.rpartition(":")
        self.address = (name, int(number)) if at else (self.host, port)
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE  # a site under trial has a certificate of its own

    def connect(self) -> socket.socket:
        plain = socket.create_connection(self.address, timeout=30)
        if self.url.scheme == "http":
            return plain
        return self.context.wrap_socket(plain, server_hostname=self.host)

    def ask(self) -> float:
        """Seconds until the front page was read."""
        began = time.monotonic()
        client = http.client.HTTPConnection(self.host)
        client.sock = self.connect()
        client.request("GET", "/")
        answer = client.getresponse()
        answer.read()
        client.close()
        if answer.status != 200:
            raise SystemExit(f"The site answers {answer.status}.")
        return time.monotonic() - began


def be_slow(site: Site, number: int, is_over: threading.Event) -> None:
    """Until it is given up by the proxy, and then again."""
    body = f"POST /buy/ HTTP/1.1\r\nHost: {site.host}\r\nContent-Length: 100000\r\n\r\n"
    start = body if number % 2 else f"GET / HTTP/1.1\r\nHost: {site.host}\r\nX-Slow: "
    while not is_over.is_set():
        try:
            client = site.connect()
            client.sendall(start.encode())
            while not is_over.wait(EACH):
                client.sendall(b"x")
        except OSError:
            is_over.wait(0.5)


def measured(site: Site) -> list[float]:
    times = []
    for _ in range(ASKED):
        times.append(site.ask())
        time.sleep(0.2)
    return times


def told(what: str, times: list[float]) -> None:
    middle, worst = statistics.median(times), max(times)
    print(f"{what:<40} median {middle * 1000:6.0f} ms   worst {worst * 1000:6.0f} ms", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.slow_clients")
    parser.add_argument("site", type=urlsplit)
    parser.add_argument("--at", default="", help="address and port to connect to instead")
    parser.add_argument("--slow", type=int, default=20)
    parser.add_argument("--idle", type=int, default=200)
    options = parser.parse_args()
    site = Site(options.site, options.at)
    told("nobody else", measured(site))
    is_over = threading.Event()
    slow = [
        threading.Thread(target=be_slow, args=(site, number, is_over), daemon=True)
        for number in range(options.slow)
    ]
    for thread in slow:
        thread.start()
    idle = [site.connect() for _ in range(options.idle)]
    time.sleep(EACH)
    told(f"{options.slow} slow and {options.idle} idle clients", measured(site))
    is_over.set()
    for client in idle:
        client.close()


if __name__ == "__main__":
    main()
