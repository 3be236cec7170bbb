"""A plain client of the stand-in, with the right keys."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from typing import Any

from tests.provider.server import StandIn


class Seen:
    def __init__(self, status: int, headers: Any, text: str) -> None:
        self.status, self.headers, self.text = status, headers, text

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def call(server: StandIn, method: str, path: str, data: Any = None, **headers: str) -> Seen:
    """As a client with the right keys: a dict goes to Stripe's shape, a list of one to
    Razorpay's."""
    keys = server.keys
    basic = b64encode(f"{keys.razorpay_key_id}:{keys.razorpay_key_secret}".encode()).decode()
    is_razorpay = path.startswith(("/v1/payments/", "/v1/orders"))
    send = {
        "Authorization": f"Basic {basic}" if is_razorpay else f"Bearer {keys.stripe_secret_key}"
    }
    send |= {name.replace("_", "-"): value for name, value in headers.items()}
    body = None
    if data is not None:
        body = (json.dumps(data) if is_razorpay else urllib.parse.urlencode(data)).encode()
    request = urllib.request.Request(server.url + path, body, send, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return Seen(answer.status, answer.headers, answer.read().decode())
    except urllib.error.HTTPError as error:
        return Seen(error.code, error.headers, error.read().decode())


def refund(server: StandIn, payment: str, amount: int = 1000, key: str = "", **more: str) -> Seen:
    if payment.startswith("pi_"):
        data = {"payment_intent": payment, "amount": str(amount), **more}
        return call(server, "POST", "/v1/refunds", data, Idempotency_Key=key)
    path = f"/v1/payments/{payment}/refund"
    return call(server, "POST", path, {"amount": amount, **more}, X_Refund_Idempotency=key)
