"""Signed events to the site: at least once, in any order, or not at all; as told."""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import threading
import time
import urllib.request
import uuid
from dataclasses import dataclass
from typing import Any

from bookings.standin.books import Books
from bookings.standin.razorpay_shape import RazorpayShape
from bookings.standin.store import Doc
from bookings.standin.stripe_shape import StripeShape

STRIPE = {
    "payment.captured": ["payment_intent.succeeded"],
    "refund.created": ["refund.created"],
    "refund.succeeded": ["refund.updated"],
    "refund.failed": ["refund.updated", "refund.failed"],
    "dispute.open": ["charge.dispute.created"],
    "dispute.won": ["charge.dispute.closed"],
    "dispute.lost": ["charge.dispute.closed"],
    "session.paid": ["checkout.session.completed"],
}
RAZORPAY = {
    "payment.captured": ["payment.captured"],
    "payment.made": ["payment.authorized"],
    "refund.created": ["refund.created"],
    "refund.succeeded": ["refund.processed"],
    "refund.failed": ["refund.failed"],
    "dispute.open": ["payment.dispute.created"],
    "dispute.won": ["payment.dispute.won"],
    "dispute.lost": ["payment.dispute.lost"],
    "session.paid": ["order.paid"],
}
TRIES = (0.0, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each; the real ones go on for hours."""


@dataclass
class Target:
    url: str = ""
    secret: str = ""


class Webhooks:
    """Each event is kept in the store, whether it can be delivered or not."""

    def __init__(self, books: Books, stripe: StripeShape, razorpay: RazorpayShape) -> None:
        self.books, self.stripe, self.razorpay = books, stripe, razorpay
        self.targets = {"stripe": Target(), "razorpay": Target()}
        self.copies = 1
        self.is_off = False
        self.due: queue.Queue[Doc] = queue.Queue()
        books.changed = self.note
        threading.Thread(target=self._deliver_all, daemon=True).start()

    def note(self, name: str, provider: str, doc: Doc) -> None:
        names = (STRIPE if provider == "stripe" else RAZORPAY).get(name, [])
        if name == "refund.created" and doc.get("announced") == "succeeded":
            names = [*names, "charge.refunded" if provider == "stripe" else "refund.processed"]
        for one in names:
            body = self._stripe(one, doc) if provider == "stripe" else self._razorpay(one, doc)
            key = body.pop("header_id", "") or body["id"]
            event = {"id": key, "provider": provider, "type": one, "body": json.dumps(body)}
            self.books.store.save("event", key, {**event, "delivered": 0})
            if not self.is_off:
                for _ in range(self.copies):
                    self.due.put(event)

    def deliver(self, event_ids: list[str]) -> None:
        for key in event_ids:
            self.due.put(self.books.store.all("event")[key])

    def headers(self, event: Doc) -> dict[str, str]:
        """As they would be sent now."""
        secret = self.targets[event["provider"]].secret.encode()
        if event["provider"] == "razorpay":
            signature = hmac.new(secret, event["body"].encode(), hashlib.sha256).hexdigest()
            return {"X-Razorpay-Signature": signature, "X-Razorpay-Event-Id": event["id"]}
        stamp = int(time.time())
        signed = f"{stamp}.{event['body']}".encode()
        signature = hmac.new(secret, signed, hashlib.sha256).hexdigest()
        return {"Stripe-Signature": f"t={stamp},v1={signature}"}

    def _stripe(self, name: str, doc: Doc) -> Doc:
        if name.startswith("refund"):
            shown: Any = self.stripe.refund_json(doc)
        elif name.startswith("checkout"):
            shown = doc
        else:
            payment = self.books.store.all("payment")[str(doc.get("payment", doc["id"]))]
            shown = self.stripe.payment_json(payment)
            if name.startswith("charge"):
                shown = shown["latest_charge"]
            if name.startswith("charge.dispute"):
                shown = {
                    "id": "du_" + shown["id"][3:],
                    "object": "dispute",
                    "payment_intent": payment["id"],
                    "amount": payment["amount"],
                    "status": {"open": "needs_response"}.get(doc["dispute"], doc["dispute"]),
                }
        return {
            "id": "evt_" + uuid.uuid4().hex[:24],
            "object": "event",
            "type": name,
            "created": int(self.books.now()),
            "livemode": False,
            "data": {"object": shown},
        }

    def _razorpay(self, name: str, doc: Doc) -> Doc:
        payment = self.books.store.all("payment").get(str(doc.get("payment", doc["id"])))
        shown: Doc = {"payment": {"entity": self.razorpay.payment_json(payment)}} if payment else {}
        if name.startswith("refund"):
            shown["refund"] = {"entity": self.razorpay.refund_json(doc)}
        if name.startswith("order"):
            shown["order"] = {"entity": doc}
        return {
            "header_id": uuid.uuid4().hex[:14],
            "entity": "event",
            "event": name,
            "contains": list(shown),
            "payload": shown,
            "created_at": int(self.books.now()),
        }

    def _deliver_all(self) -> None:
        while True:
            event = self.due.get()
            threading.Thread(target=self._deliver, args=(event,), daemon=True).start()

    def _deliver(self, event: Doc) -> None:
        url = self.targets[event["provider"]].url
        for wait in TRIES if url else ():
            time.sleep(wait)
            headers = {"Content-Type": "application/json", **self.headers(event)}
            # The address is the one this program was started with.
            request = urllib.request.Request(url, event["body"].encode(), headers)  # noqa: S310
            try:
                with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
                    answer.read(1024)
            except (OSError, ValueError):
                continue
            kept = self.books.store.all("event").get(event["id"])
            if kept:
                self.books.store.save("event", kept["id"], {**kept, "delivered": 1})
            return
