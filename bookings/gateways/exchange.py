"""One HTTP call to a provider: bounded in time and size, no retry, no redirect."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests

CONNECT_SECONDS = 3.0
READ_SECONDS = 20.0
"""of silence; the whole answer may take twice that"""
MOST_BYTES = 2 * 1024 * 1024
LONGEST_WAIT = timedelta(hours=1)


class NoAnswer(Exception):
    """Too slow or too long. Whether the provider acted is not known."""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    """names in any case"""
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
    with requests.Session() as session:
        session.trust_env = False  # read once for each host, not for each call; and no .netrc
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=at_most))
        environment = cache(_environment)

        def ask(
            method: str,
            url: str,
            *,
            headers: Mapping[str, str],
            body: str | bytes | None = None,
            read_seconds: float = READ_SECONDS,
        ) -> Reply:
            ends = time.monotonic() + CONNECT_SECONDS + 2 * read_seconds
            answer = session.request(
                method,
                url,
                headers={**headers, "Accept-Encoding": "identity"},
                data=body.encode() if isinstance(body, str) else body,
                timeout=(CONNECT_SECONDS, read_seconds),
                allow_redirects=False,
                stream=True,
                **environment("://".join(urlsplit(url)[:2])),
            )
            with closing(answer):
                return Reply(answer.status_code, answer.headers, _content(answer, ends))

        yield ask


def exchange(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: str | bytes | None = None,
    read_seconds: float = READ_SECONDS,
) -> Reply:
    """One call over a connection of its own."""
    with kept_open(1) as ask:
        return ask(method, url, headers=headers, body=body, read_seconds=read_seconds)


def _environment(origin: str) -> dict[str, Any]:
    """The proxy and the certificates that the environment names for a host."""
    found = requests.Session().merge_environment_settings(origin, {}, None, None, None)
    return {"proxies": found["proxies"], "verify": found["verify"]}


def _content(answer: requests.Response, ends: float) -> bytes:
    content = bytearray()
    while chunk := answer.raw.read1(65536):
        content += chunk
        if len(content) > MOST_BYTES:
            raise NoAnswer(f"The answer is longer than {MOST_BYTES} bytes.")
        if time.monotonic() > ends:
            raise NoAnswer("The answer did not end in time.")
    return bytes(content)


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
