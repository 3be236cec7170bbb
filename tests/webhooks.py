"""Webhooks as the providers would sign and send them."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any

from django.test import Client

SECRETS = {"stripe": ["whsec_new", "whsec_old"], "razorpay": ["new", "old"]}


def event_of(name: str, number: int = 1, **more: Any) -> dict[str, Any]:
    if name == "stripe":
        about = {"id": "pi_1", "object": "payment_intent"}
        event = {"id": f"evt_{number}", "type": "payment_intent.succeeded"}
        return {**event, "livemode": False, "data": {"object": about}, **more}
    payment = {"entity": {"id": "pay_1", "order_id": "order_1"}}
    return {"event": "payment.captured", "payload": {"payment": payment}, "n": number, **more}


def signed(
    name: str, body: bytes, *, secret: str = "", at: float | None = None, event_id: str = "ev_1"
) -> dict[str, str]:
    key = (secret or SECRETS[name][0]).encode()
    if name == "razorpay":
        signature = hmac.new(key, body, hashlib.sha256).hexdigest()
        return {"X-Razorpay-Signature": signature, "X-Razorpay-Event-Id": event_id}
    stamp = int(time.time() if at is None else at)
    signature = hmac.new(key, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={stamp},v1={signature}"}


def send(client: Client, name: str, body: bytes, headers: dict[str, str] | None = None) -> int:
    given = signed(name, body) if headers is None else headers
    url = f"/webhooks/{name}/"
    answer = client.generic("POST", url, body, "application/json", headers=given)
    return answer.status_code
