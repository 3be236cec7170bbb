"""Signed events to the site: at least once, in any order, or not at all; as told."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import queue
import random
import threading
import time
import urllib.request
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.provider.books import Books
from tests.provider.razorpay import RazorpayShape
from tests.provider.store import Doc
from tests.provider.stripe import StripeShape

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


@dataclass
class Noise:
    """A bad line: events are doubled, late, out of order or lost, as drawn from the seed."""

    seed: str
    most_copies: int = 1
    longest_delay: float = 0.0
    """seconds; each copy has its own, which makes the order"""
    lost: float = 0.0
    dice: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Not a secret; the point is that it can be played again.
        self.dice = random.Random(self.seed)

    def waits(self) -> list[float]:
        """Seconds before each copy leaves; none at all for an event that is lost."""
        if self.dice.random() < self.lost:
            return []
        copies = self.dice.randint(1, self.most_copies)
        return [self.dice.uniform(0, self.longest_delay) for _ in range(copies)]


class Webhooks:
    """Each event is kept in the store, whether it can be delivered or not."""

    def __init__(self, books: Books, stripe: StripeShape, razorpay: RazorpayShape) -> None:
        self.books, self.stripe, self.razorpay = books, stripe, razorpay
        self.targets = {"stripe": Target(), "razorpay": Target()}
        self.copies = 1
        self.is_off = False
        self.noise: Noise | None = None
        self.due: queue.Queue[tuple[Doc, float] | None] = queue.Queue()
        books.changed = self.note
        threading.Thread(target=self._deliver_all, daemon=True).start()

    def send_to(self, site: str, *, noise: Noise | None = None) -> None:
        """From now on, to this site; first what was not delivered before this process began."""
        for provider, target in self.targets.items():
            target.url = f"{site.rstrip('/')}/webhooks/{provider}/"
        self.noise = noise
        for event in list(self.books.store.all("event").values()):
            if not event["delivered"] and not event["is_lost"]:
                self.due.put((event, 0.0))

    def note(self, name: str, provider: str, doc: Doc) -> None:
        names = (STRIPE if provider == "stripe" else RAZORPAY).get(name, [])
        if name == "refund.created" and doc.get("announced") == "succeeded":
            names = [*names, "charge.refunded" if provider == "stripe" else "refund.processed"]
        for one in names:
            body = self._stripe(one, doc) if provider == "stripe" else self._razorpay(one, doc)
            key = body.pop("header_id", "") or body["id"]
            event = {"id": key, "provider": provider, "type": one, "body": json.dumps(body)}
            waits = self.noise.waits() if self.noise else [0.0] * self.copies
            waits = [] if self.is_off else waits
            counts = {"tries": 0, "delivered": 0, "is_lost": not waits}
            self.books.store.save("event", key, {**event, **counts})
            for wait in waits:
                self.due.put((event, wait))

    def deliver(self, event_ids: list[str]) -> None:
        for key in event_ids:
            self.due.put((self.books.store.all("event")[key], 0.0))

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
        elif name.startswith("charge.dispute"):
            shown = self.stripe.dispute_json(doc)
        elif name.startswith("checkout"):
            shown = doc
        else:
            payment = self.books.store.all("payment")[str(doc.get("payment", doc["id"]))]
            shown = self.stripe.payment_json(payment)
            if name.startswith("charge"):
                shown = shown["latest_charge"]
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
        if name.startswith("payment.dispute"):
            shown["dispute"] = {"entity": self.razorpay.dispute_json(doc)}
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

    def close(self) -> None:
        """Nothing is delivered any more."""
        self.due.put(None)

    def _deliver_all(self) -> None:
        while due := self.due.get():
            threading.Thread(target=self._deliver, args=due, daemon=True).start()

    def _deliver(self, event: Doc, late: float) -> None:
        url = self.targets[event["provider"]].url
        time.sleep(late)
        for wait in TRIES if url else ():
            time.sleep(wait)
            is_taken = self._is_taken(event, url)
            self._count(event["id"], is_taken)
            if is_taken:
                return

    def _is_taken(self, event: Doc, url: str) -> bool:
        headers = {"Content-Type": "application/json", **self.headers(event)}
        # The address is the one this program was started with.
        request = urllib.request.Request(url, event["body"].encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                answer.read(1024)
        except (OSError, ValueError, http.client.HTTPException):
            return False
        return True

    def _count(self, event_id: str, is_taken: bool) -> None:
        with self.books.store.work():
            if kept := self.books.store.all("event").get(event_id):
                kept = {**kept, "tries": kept["tries"] + 1}
                kept["delivered"] += is_taken
                self.books.store.save("event", event_id, kept)
