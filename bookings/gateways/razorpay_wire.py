"""Calls to Razorpay: credentials in, an object out, or a reason why not."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from typing import Any

from bookings.gateways.exchange import Ask, Reply, exchange


class RazorpayError(Exception):
    """A call other than the refund itself that was not answered with what was asked for."""

    def __init__(self, message: str, reply: Reply | None = None) -> None:
        super().__init__(message)
        self.reply = reply


class Wire:
    def __init__(
        self, base: str, key_id: str, key_secret: str, read_seconds: float, ask: Ask = exchange
    ) -> None:
        self.base, self.read_seconds, self.ask = base, read_seconds, ask
        self.credentials = b64encode(f"{key_id}:{key_secret}".encode()).decode()

    def get(self, path: str, entity: str) -> Any:
        reply = self.call("GET", path)
        found = as_object(reply)
        if reply.status != 200 or found.get("entity") != entity:
            raise RazorpayError(why(reply, found), reply)
        return found

    def call(
        self, method: str, path: str, *, body: dict[str, Any] | None = None, key: str = ""
    ) -> Reply:
        headers = {"Authorization": f"Basic {self.credentials}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key:
            headers["X-Refund-Idempotency"] = key
        return self.ask(
            method,
            f"{self.base}/{path}",
            headers=headers,
            body=None if body is None else json.dumps(body, sort_keys=True),
            read_seconds=self.read_seconds,
        )


def path_of(payment_ref: str) -> str:
    return f"payments/{_id(payment_ref)}"


def order_path_of(order_ref: str) -> str:
    return f"orders/{_id(order_ref)}"


def is_reference(ref: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z0-9_-]+", ref))


def _id(ref: str) -> str:
    """Raises for what is no id: it must not become another path."""
    if not is_reference(ref):
        raise RazorpayError("The reference is not one of Razorpay's.")
    return ref


def as_object(reply: Reply) -> dict[str, Any]:
    """The answer as an object; {} when it is none, which no caller takes for one."""
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def is_own_refusal(reply: Reply) -> bool:
    """Of Razorpay itself, not of a machine in between, and of what was asked: not of the keys,
    nor because there was too much at once. Whatever is unknown to it is a 400, too."""
    return reply.status == 400 and isinstance(as_object(reply).get("error"), dict)


def said_in(found: dict[str, Any]) -> str:
    error = found.get("error")
    error = error if isinstance(error, dict) else {}
    return f"{error.get('code', '')}: {error.get('description', '')}"[:400]


def why(reply: Reply, found: dict[str, Any]) -> str:
    said = said_in(found) if "error" in found else "no sensible answer"
    if reply.status in (401, 403):
        return f"RAZORPAY_KEY_ID or _SECRET is wrong or may not refund: {reply.status} {said}"
    return f"Razorpay answered {reply.status}: {said}"
