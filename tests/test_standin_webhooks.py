"""The stand-in signs its events, sends them more than once, and can be made to replay them."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bookings.gateways.webhooks import verify_razorpay, verify_stripe
from bookings.standin.server import StandIn
from tests.providers import Provider, moment, running, until
from tests.standin_client import refund


@pytest.fixture
def server() -> Iterator[StandIn]:
    with running() as server:
        yield server


@pytest.fixture
def stripe(server: StandIn) -> Provider:
    return Provider(server, "stripe")


@pytest.fixture
def razorpay(server: StandIn) -> Provider:
    return Provider(server, "razorpay")


class Site(ThreadingHTTPServer):
    """Takes webhooks; refuses the first one it gets."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()


class Taking(BaseHTTPRequestHandler):
    server: Site

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((dict(self.headers), body))
        self.send_response(500 if len(self.server.taken) == 1 else 200)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


def test_webhooks_are_signed_repeated_and_tried_again(server: StandIn) -> None:
    site = Site()
    stripe, razorpay = Provider(server, "stripe"), Provider(server, "razorpay")
    payments = [provider.pay() for provider in (stripe, razorpay)]
    stripe.tell(webhooks={"stripe": site.url, "razorpay": site.url, "copies": 2})
    stripe.tell(settles_after=60)
    for payment in payments:
        refund(server, payment, key="key-for-" + payment)
    stripe.tell(advance=61)
    types: Counter[str] = Counter()
    until(lambda: len(site.taken) >= 9, 10)  # four events twice, and one of them refused once
    for headers, body in site.taken:
        if "Stripe-Signature" in headers:
            secret = server.keys.stripe_webhook_secret
            types[verify_stripe(headers, body, [secret], now=moment())["type"]] += 1
        else:
            secret = server.keys.razorpay_webhook_secret
            types[verify_razorpay(headers, body, [secret])["event"]] += 1
    assert set(types) >= {"refund.created", "refund.updated", "refund.processed"}
    site.shutdown()


def test_events_can_be_read_replayed_and_switched_off(stripe: Provider) -> None:
    stripe.tell(webhooks={"is_off": True})
    payment = stripe.pay()
    stripe.tell(dispute={"payment": payment, "status": "open"})
    with urllib.request.urlopen(stripe.server.url + "/_events", timeout=5) as answer:
        events = json.load(answer)["events"]
    assert [event["type"] for event in events] == [
        "payment_intent.succeeded",
        "charge.dispute.created",
    ]
    secret = stripe.server.keys.stripe_webhook_secret
    body = events[1]["body"].encode()
    assert verify_stripe(events[1]["headers"], body, [secret], now=moment())
    site = Site()
    stripe.tell(webhooks={"stripe": site.url}, deliver=[events[1]["id"]] * 3)
    until(lambda: len(site.taken) >= 3)
    site.shutdown()
