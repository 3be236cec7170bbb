"""Is this webhook really from the provider? One answer for all that may be wrong with it.

The caller has made sure that the body is at most `MOST_BYTES`. What is returned is only a hint
that something happened: the object is fetched again before anything is believed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

MOST_BYTES = 256 * 1024
TOLERANCE_SECONDS = 300


class BadSignature(Exception):
    """Not signed by the provider, too old, or not an object in JSON."""


def verify_stripe(
    headers: Mapping[str, str],
    body: bytes,
    secrets: Sequence[str],
    *,
    now: Callable[[], datetime],
) -> dict[str, Any]:
    """`Stripe-Signature: t=<seconds>,v1=<hex of HMAC-SHA256 over t.body>[,v1=…]`.

    What the time is may be a question to the database: it is asked only when a signature fits.
    """
    try:
        parts = [part.strip().split("=", 1) for part in _header(headers, "Stripe-Signature")]
        stamps = [value for name, value in parts if name == "t"]
        given = [value for name, value in parts if name == "v1"]
        (stamp,) = stamps
        _check(stamp.encode() + b"." + body, given, secrets)
        if abs(now().timestamp() - int(stamp)) > TOLERANCE_SECONDS:
            raise BadSignature("too old, or from the future")
        return _object(body)
    except Exception as error:  # whatever fails while verifying, fails closed
        raise BadSignature(str(error)) from error


def verify_razorpay(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[str]
) -> dict[str, Any]:
    """`X-Razorpay-Signature: <hex of HMAC-SHA256 over the body>`. There is no time in it, and
    the event id of the header is not signed: a replay is found by the body's hash."""
    try:
        _check(body, _header(headers, "X-Razorpay-Signature"), secrets)
        return _object(body)
    except Exception as error:
        raise BadSignature(str(error)) from error


def _header(headers: Mapping[str, str], name: str) -> list[str]:
    """The values of a comma separated header; raises when it is missing."""
    return {key.lower(): value for key, value in headers.items()}[name.lower()].split(",")


def _check(signed: bytes, given: Sequence[str], secrets: Sequence[str]) -> None:
    """One of the signatures must be that of one of the secrets; two while they are changed."""
    for secret in filter(None, secrets):
        right = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest().encode()
        # As bytes: compare_digest refuses text that is not ASCII.
        if any(hmac.compare_digest(right, one.strip().encode()) for one in given):
            return
    raise BadSignature("no signature fits")


def _object(body: bytes) -> dict[str, Any]:
    found = json.loads(body.decode("utf-8"), parse_constant=_refuse)
    if not isinstance(found, dict):
        raise BadSignature("not an object")
    return found


def _refuse(word: str) -> None:
    raise BadSignature(f"{word} is not JSON")
