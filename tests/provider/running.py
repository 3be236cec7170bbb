"""The stand-in in a thread, gateways that talk to it over real HTTP, and its books."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from bookings.gateways import Answer, Gateway, RefundRequest, Status
from bookings.gateways.razorpay import RazorpayGateway
from bookings.gateways.stripe import StripeGateway
from tests.provider.server import StandIn

BRIEF = 0.4
"""seconds a gateway waits in these tests, where the site waits 20"""
PREFIX = {"stripe": "pi_", "razorpay": "pay_"}


class Provider:
    """One provider of a running stand-in."""

    def __init__(self, server: StandIn, name: str) -> None:
        self.server, self.name = server, name

    def gateway(self, *, read_seconds: float = BRIEF, **wrong: Any) -> Gateway:
        keys, at = self.server.keys, self.server.url
        given: dict[str, Any] = {"api_base": at, "read_seconds": read_seconds}
        if self.name == "stripe":
            return StripeGateway(**given, **{"secret_key": keys.stripe_secret_key, **wrong})
        own = {"key_id": keys.razorpay_key_id, "key_secret": keys.razorpay_key_secret}
        return RazorpayGateway(**given, **{**own, **wrong})

    def tell(self, **words: Any) -> dict[str, Any]:
        return post(self.server.url + "/_control", words)

    def fault(self, kind: str, **more: Any) -> None:
        self.tell(faults=[{"kind": kind, **more}])

    def on_lists(self, kind: str, **more: Any) -> None:
        """The same, for the next time the refunds are listed."""
        self.fault(kind, match="^GET /v1/(refunds|payments/[^/]+/refunds)$", **more)

    def pay(self, amount: int = 5000, currency: str = "EUR", **more: Any) -> str:
        payment = {"provider": self.name, "amount": amount, "currency": currency, **more}
        return str(self.tell(payments=[payment])["payments"][0])

    def request(self, payment_ref: str = "", amount: int = 2000, **changes: Any) -> RefundRequest:
        refund = uuid.UUID(changes.pop("refund_uuid", "") or uuid.uuid4().hex)
        epoch = changes.pop("epoch", 1)
        return RefundRequest(
            **{
                "idempotency_key": f"rf_{refund.hex}_{epoch}",
                "refund_uuid": str(refund),
                "payment_ref": payment_ref or self.pay(),
                "amount_minor": amount,
                "currency": "EUR",
                "booking_code": "BK4711",
                **changes,
            }
        )

    def paid(self, request: RefundRequest) -> list[dict[str, Any]]:
        """What the provider's books say of this payment."""
        return list(self.server.books.summary()[request.payment_ref]["refunds"])


def moment() -> datetime:
    return datetime.now(UTC)


def post(url: str, body: Any) -> dict[str, Any]:
    data = json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=10) as answer:
        return dict(json.load(answer))


@contextmanager
def running(**options: Any) -> Iterator[StandIn]:
    server = StandIn(**options)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def until(condition: Any, seconds: float = 5.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.02)


def send(gateway: Gateway, request: RefundRequest) -> Answer:
    """As the engine does: an exception is an UNKNOWN answer."""
    try:
        return gateway.send(request, now=moment())
    except Exception as error:
        return Answer(Status.UNKNOWN, message=f"{type(error).__name__}: {error}")


def find(gateway: Gateway, request: RefundRequest) -> Answer | None:
    try:
        return gateway.find(request, now=moment())
    except Exception as error:
        return Answer(Status.UNKNOWN, message=f"{type(error).__name__}: {error}")


def status(gateway: Gateway, request: RefundRequest) -> Status | None:
    found = find(gateway, request)
    return found.status if found else None
