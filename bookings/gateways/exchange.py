"""One HTTP call to a provider: bounded in time and size, no retry, no redirect."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache, partial
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import requests
import urllib3

from bookings import metrics

CONNECT_SECONDS = 3.0
READ_SECONDS = 20.0
"""So long a silence is waited for. The whole answer may take twice that."""
MOST_BYTES = 2 * 1024 * 1024
LONGEST_WAIT = timedelta(hours=1)


class NoAnswer(Exception):
    """Too slow or too long. Whether the provider acted is not known."""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    """Their names are in any case."""
    body: bytes


class Ask(Protocol):
    """Send one request. Every exception means: not known whether it arrived."""

    def __call__(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: str | bytes | None = None,
        read_seconds: float = READ_SECONDS,
    ) -> Reply: ...


@contextmanager
def kept_open(at_most: int) -> Iterator[Ask]:
    """Calls over connections that stay open in between, from as many threads.

    One that the other side has closed since its last answer is seen before anything is sent, and
    made anew. Closed in the very moment of sending, it is a reset like any other: no answer, and
    the refund is looked for some seconds later. Nothing is sent twice from here, so keep them
    for seconds, not for hours.
    """
    with closing(requests.adapters.HTTPAdapter(pool_maxsize=at_most)) as adapter:
        way_to = cache(partial(_way, adapter))

        def ask(
            method: str,
            url: str,
            *,
            headers: Mapping[str, str],
            body: str | bytes | None = None,
            read_seconds: float = READ_SECONDS,
        ) -> Reply:
            ends = time.monotonic() + CONNECT_SECONDS + 2 * read_seconds
            scheme, host, *rest = urlsplit(url)
            way = way_to(f"{scheme}://{host}")
            answer = way.pool.urlopen(
                method.upper(),
                url if way.is_by_proxy else urlunsplit(("", "", *rest)),
                body.encode() if isinstance(body, str) else body,
                {**headers, "Accept-Encoding": "identity"},
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds),
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
            )
            with closing(answer):
                return Reply(answer.status, answer.headers, _content(answer, ends))

        yield _noted(ask)


def _noted(ask: Ask) -> Ask:
    """Each answer is counted for /metrics, and so is none."""

    def ask_and_note(method: str, url: str, **options: Any) -> Reply:
        status = 0
        try:
            reply = ask(method, url, **options)
            status = reply.status
            return reply
        finally:
            metrics.note_answer(urlsplit(url).hostname or "", status)

    return ask_and_note


def exchange(method: str, url: str, **options: Any) -> Reply:
    """One call over a connection of its own."""
    with kept_open(1) as ask:
        return ask(method, url, **options)


@dataclass(frozen=True)
class _Way:
    """To one host, as the environment says: through a proxy, with which certificates.

    `requests` finds it once; the calls themselves go without it, in half of its time.
    """

    pool: urllib3.HTTPConnectionPool
    is_by_proxy: bool
    """Whether a plain proxy stands between, which wants to be told the whole address."""


def _way(adapter: requests.adapters.HTTPAdapter, origin: str) -> _Way:
    found = requests.Session().merge_environment_settings(origin, {}, None, None, None)
    request = requests.Request("GET", f"{origin}/").prepare()
    proxies = found["proxies"]
    pool: Any = adapter.get_connection_with_tls_context(request, found["verify"], proxies)
    # Its bundle, not the system's.
    adapter.cert_verify(pool, origin, found["verify"], None)  # type: ignore[no-untyped-call]
    return _Way(pool, adapter.request_url(request, proxies) == request.url)


def _content(answer: urllib3.BaseHTTPResponse, ends: float) -> bytes:
    content = bytearray()
    while chunk := answer.read1(65536):
        content += chunk
        if len(content) > MOST_BYTES:
            raise NoAnswer(f"The answer is longer than {MOST_BYTES} bytes.")
        if time.monotonic() > ends:
            raise NoAnswer("The answer did not end in time.")
    return bytes(content)


def is_replayed(headers: Mapping[str, str]) -> bool:
    """Whether the provider says that it only repeats its first answer to this key."""
    return headers.get("Idempotent-Replayed", "").strip().lower() == "true"


def retry_after(headers: Mapping[str, str], *, now: datetime) -> timedelta | None:
    """Retry-After in seconds or as a date; at least a second, at most an hour."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdecimal():
        wait = timedelta(seconds=min(int(value[:9]), LONGEST_WAIT.total_seconds()))
    else:
        try:
            wait = parsedate_to_datetime(value) - now
        except (TypeError, ValueError):
            return None
    return max(timedelta(seconds=1), min(wait, LONGEST_WAIT))
