"""One HTTP call to a provider: bounded in time and size, no retry, no redirect.

A session per call: a connection kept open would often be one that the other side has closed,
and a refund that ends in a reset is one that somebody must ask about.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

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


def exchange(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: str | bytes | None = None,
    read_seconds: float = READ_SECONDS,
) -> Reply:
    """Send one request. Every exception means: not known whether it arrived."""
    ends = time.monotonic() + CONNECT_SECONDS + 2 * read_seconds
    with requests.Session() as session:
        session.auth = _as_is
        answer = session.request(
            method,
            url,
            headers={**headers, "Accept-Encoding": "identity"},
            data=body.encode() if isinstance(body, str) else body,
            timeout=(CONNECT_SECONDS, read_seconds),
            allow_redirects=False,
            stream=True,
        )
        content = bytearray()
        while chunk := answer.raw.read1(65536):
            content += chunk
            if len(content) > MOST_BYTES:
                raise NoAnswer(f"The answer is longer than {MOST_BYTES} bytes.")
            if time.monotonic() > ends:
                raise NoAnswer("The answer did not end in time.")
        return Reply(answer.status_code, answer.headers, bytes(content))


def _as_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An `auth` of its own: without one, a .netrc would replace our Authorization header."""
    return request


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
