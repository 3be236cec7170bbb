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
from tests.provider.client import refund
from tests.provider.running import Provider, moment, running, until
from tests.provider.server import StandIn
from tests.provider.webhooks import Noise


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
            types[verify_stripe(headers, body, [secret], now=moment)["type"]] += 1
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
    assert verify_stripe(events[1]["headers"], body, [secret], now=moment)
    site = Site()
    stripe.tell(webhooks={"stripe": site.url}, deliver=[events[1]["id"]] * 3)
    until(lambda: len(site.taken) >= 3)
    site.shutdown()


# --- a bad line ---------------------------------------------------------------------------------


def test_a_bad_line_doubles_delays_and_loses_as_its_seed_says() -> None:
    def drawn(seed: str) -> list[list[float]]:
        noise = Noise(seed, most_copies=3, longest_delay=2.0, lost=0.2)
        return [noise.waits() for _ in range(200)]

    waits = drawn("7")
    assert waits == drawn("7")
    assert waits != drawn("8")
    assert {len(one) for one in waits} == {0, 1, 2, 3}
    assert 20 <= sum(not one for one in waits) <= 60
    leaves = [(min(one), number) for number, one in enumerate(waits) if one]
    assert leaves != sorted(leaves), "the second may come first"
    assert 1.5 < max(max(one) for one in waits if one) <= 2.0


def test_a_lost_event_is_never_sent_and_the_others_are_counted(stripe: Provider) -> None:
    site = Site()
    noise = {"seed": "1", "most_copies": 1, "longest_delay": 0.0, "lost": 1.0}
    stripe.tell(webhooks={"stripe": site.url, "noise": noise})
    stripe.pay()
    stripe.tell(webhooks={"noise": None})
    stripe.pay()
    until(lambda: [event["delivered"] for event in events_of(stripe)] == [0, 1])
    assert [event["is_lost"] for event in events_of(stripe)] == [True, False]
    assert [event["tries"] for event in events_of(stripe)] == [0, 2], "one was refused"
    site.shutdown()


def test_what_was_not_delivered_is_sent_after_a_restart(tmp_path: Any) -> None:
    """The provider is killed with an event in hand; its books are on disk."""
    file = str(tmp_path / "books.sqlite3")
    with running(file=file) as before:
        Provider(before, "stripe").pay()  # there is no address yet: nothing is delivered
    site = Site()
    with running(file=file) as after:
        after.webhooks.send_to(site.url)
        until(lambda: len(site.taken) >= 2)
        provider = Provider(after, "stripe")
        until(lambda: [event["delivered"] for event in events_of(provider)] == [1])
        after.webhooks.send_to(site.url)
        provider.pay()
        until(lambda: [event["delivered"] for event in events_of(provider)] == [1, 1])
        assert [event["tries"] for event in events_of(provider)] == [2, 1], "once is enough"
    site.shutdown()


def events_of(provider: Provider) -> list[dict[str, Any]]:
    with urllib.request.urlopen(provider.server.url + "/_events", timeout=5) as answer:
        return list(json.load(answer)["events"])
