"""The stand-in keeps the providers' own rules; else what passes against it proves nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bookings.gateways.webhooks import verify_razorpay, verify_stripe
from bookings.standin.calls import Call
from bookings.standin.faults import KINDS, Dice
from bookings.standin.server import StandIn
from tests.providers import Provider, moment, running, until


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


# --- keys ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["stripe", "razorpay"])
def test_the_same_key_pays_once_and_repeats_its_answer(server: StandIn, name: str) -> None:
    payment = Provider(server, name).pay()
    first, second = (refund(server, payment, key="key-0000000001") for _ in range(2))
    assert (second.status, second.json["id"]) == (200, first.json["id"])
    assert second.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert server.books.returned(payment) == 1000


@pytest.mark.parametrize("name", ["stripe", "razorpay"])
def test_without_a_key_each_call_pays(server: StandIn, name: str) -> None:
    payment = Provider(server, name).pay()
    assert refund(server, payment).json["id"] != refund(server, payment).json["id"]
    assert server.books.returned(payment) == 2000


def test_a_stripe_key_with_other_parameters_is_an_idempotency_error(stripe: Provider) -> None:
    payment = stripe.pay()
    refund(stripe.server, payment, key="k")
    other = refund(stripe.server, payment, 1001, key="k")
    assert (other.status, other.json["error"]["type"]) == (400, "idempotency_error")
    assert refund(stripe.server, payment, key="k").status == 200


def test_a_razorpay_key_with_another_body_is_a_bad_request(razorpay: Provider) -> None:
    payment = razorpay.pay()
    refund(razorpay.server, payment, key="key-0000000001")
    other = refund(razorpay.server, payment, 1001, key="key-0000000001")
    assert (other.status, other.json["error"]["code"]) == (400, "BAD_REQUEST_ERROR")


def test_what_is_refused_before_it_is_executed_leaves_the_key_free(stripe: Provider) -> None:
    payment = stripe.pay()
    assert refund(stripe.server, payment, key="k", amount=-1).status == 400
    assert refund(stripe.server, "pi_unknown", key="k").status == 404
    assert refund(stripe.server, payment, key="k").status == 200


def test_a_refusal_that_was_executed_is_kept(stripe: Provider) -> None:
    payment = stripe.pay(1000)
    refund(stripe.server, payment, key="first")
    no = refund(stripe.server, payment, key="second")
    assert no.json["error"]["code"] == "charge_already_refunded"
    assert refund(stripe.server, payment, key="second").headers["Idempotent-Replayed"] == "true"


def test_a_500_is_kept_with_or_without_the_work(stripe: Provider) -> None:
    for kind, paid in (("error", 0), ("error_done", 1000)):
        payment = stripe.pay()
        stripe.fault(kind)
        for _ in range(2):
            assert refund(stripe.server, payment, key=f"k-{kind}").status == 500
        assert stripe.server.books.returned(payment) == paid


@pytest.mark.parametrize("name", ["stripe", "razorpay"])
def test_the_same_key_at_once_is_a_conflict(server: StandIn, name: str) -> None:
    provider = Provider(server, name)
    payment = provider.pay()
    provider.fault("slow", seconds=0.6)
    seen: list[Seen] = []
    first = threading.Thread(
        target=lambda: seen.append(refund(server, payment, key="key-0000000001"))
    )
    first.start()
    time.sleep(0.2)
    assert refund(server, payment, key="key-0000000001").status == 409
    first.join()
    again = refund(server, payment, key="key-0000000001")
    assert again.json["id"] == seen[0].json["id"]
    assert server.books.returned(payment) == 1000


def test_a_key_is_forgotten_after_a_day(stripe: Provider) -> None:
    payment = stripe.pay()
    refund(stripe.server, payment, key="k")
    stripe.tell(advance=24 * 3600 + 1)
    refund(stripe.server, payment, key="k")
    assert stripe.server.books.returned(payment) == 2000


def test_a_razorpay_key_has_ten_plain_characters(razorpay: Provider) -> None:
    payment = razorpay.pay()
    for key in ("short", "with spaces in it", "umlaut-ä-umlaut"):
        assert refund(razorpay.server, payment, key=urllib.parse.quote(key, safe=" ")).status == 400
    assert server_books(razorpay, payment) == 0


def server_books(provider: Provider, payment: str) -> int:
    return provider.server.books.returned(payment)


# --- money -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["stripe", "razorpay"])
def test_never_more_goes_back_than_came_in(server: StandIn, name: str) -> None:
    payment = Provider(server, name).pay(5000)
    assert refund(server, payment, 3000).status == 200
    assert refund(server, payment, 2001).status == 400
    assert refund(server, payment, 2000).status == 200
    assert refund(server, payment, 100).status == 400
    assert server.books.returned(payment) == 5000


@pytest.mark.parametrize("name", ["stripe", "razorpay"])
def test_thirty_at_once_do_not_break_the_cap(server: StandIn, name: str) -> None:
    payment = Provider(server, name).pay(5000)
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(refund(server, payment, 500).status))
        for _ in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(statuses) == {200: 10, 400: 20}
    assert server.books.returned(payment) == 5000


def test_a_refund_that_failed_can_be_made_again(stripe: Provider) -> None:
    payment = stripe.pay(1000)
    stripe.fault("fails", seconds=60)
    assert refund(stripe.server, payment).json["status"] == "pending"
    assert refund(stripe.server, payment).status == 400
    stripe.tell(advance=61)
    assert stripe.server.books.returned(payment) == 0
    assert refund(stripe.server, payment).json["status"] == "succeeded"


def test_a_disputed_payment_is_not_refunded_and_a_lost_one_is_returned(server: StandIn) -> None:
    for name in ("stripe", "razorpay"):
        provider = Provider(server, name)
        payment = provider.pay()
        provider.tell(dispute={"payment": payment, "status": "open"})
        assert refund(server, payment).status == 400
        provider.tell(dispute={"payment": payment, "status": "won"})
        assert refund(server, payment).status == 200
        provider.tell(dispute={"payment": payment, "status": "lost"})
    # Razorpay shows a lost dispute as a refund, of nobody we know.
    assert [
        line["is_external"] for line in provider.server.books.summary()[payment]["refunds"]
    ] == [
        True,
        False,
    ]


def test_lists_come_in_pages(server: StandIn) -> None:
    payment = Provider(server, "razorpay").pay()
    other = Provider(server, "stripe").pay()
    for _ in range(12):
        refund(server, payment, 100)
        refund(server, other, 100)
    path = f"/v1/payments/{payment}/refunds"
    assert call(server, "GET", path).json["count"] == 10
    assert call(server, "GET", path + "?count=100").json["count"] == 12
    assert call(server, "GET", path + "?count=5&skip=10").json["count"] == 2
    page = call(server, "GET", f"/v1/refunds?payment_intent={other}").json
    assert (len(page["data"]), page["has_more"]) == (10, True)
    last = page["data"][-1]["id"]
    rest = call(server, "GET", f"/v1/refunds?payment_intent={other}&starting_after={last}").json
    assert (len(rest["data"]), rest["has_more"]) == (2, False)
    assert call(server, "GET", f"/v1/refunds/{last}").json["id"] == last


def test_wrong_keys_are_401_and_strange_calls_4xx(server: StandIn) -> None:
    payment = Provider(server, "stripe").pay()
    assert call(server, "GET", f"/v1/payment_intents/{payment}", Authorization="x").status == 401
    assert call(server, "GET", "/v1/orders/order_x", Authorization="Basic x").status == 401
    for method, path in [
        ("GET", "/"),
        ("GET", "/v1/refunds?limit=x"),
        ("GET", f"/v1/refunds?payment_intent={payment}&limit=x"),
        ("POST", "/v1/refunds/x"),
        ("POST", "/v1/orders"),
        ("POST", "/v1/payments/pay_x/refund"),
        ("GET", "/_nothing"),
        ("POST", "/_control"),
        ("GET", "/pay/nothing"),
    ]:
        seen = call(server, method, path, {"amount": "x"} if method == "POST" else None)
        assert 400 <= seen.status < 500, path


# --- paying ------------------------------------------------------------------------------------


def test_a_checkout_session_is_paid_on_its_page(stripe: Provider) -> None:
    form = {
        "mode": "payment",
        "success_url": stripe.server.url + "/_books?session={CHECKOUT_SESSION_ID}",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][unit_amount]": "240000",
        "line_items[0][price_data][currency]": "inr",
        "metadata[booking]": "BK1",
    }
    session = call(stripe.server, "POST", "/v1/checkout/sessions", form, Idempotency_Key="s").json
    assert (session["payment_status"], session["amount_total"]) == ("unpaid", 240000)
    path = urllib.parse.urlsplit(session["url"]).path
    assert "Pay 240000 INR" in call(stripe.server, "GET", path).text
    paid_at = {call(stripe.server, "POST", path, {}).status for _ in range(2)}
    assert paid_at == {200}  # back at the "site", by a redirect
    paid = call(stripe.server, "GET", f"/v1/checkout/sessions/{session['id']}").json
    assert paid["payment_status"] == "paid"
    intent = call(stripe.server, "GET", f"/v1/payment_intents/{paid['payment_intent']}").json
    assert (intent["amount_received"], intent["metadata"]) == (240000, {"booking": "BK1"})
    assert len(stripe.server.books.summary()) == 1


def test_an_order_is_paid_held_and_captured(razorpay: Provider) -> None:
    server = razorpay.server
    order = call(server, "POST", "/v1/orders", {"amount": 5000, "currency": "INR"}).json
    body = b"hold=1"
    request = urllib.request.Request(f"{server.url}/pay/{order['id']}", body)
    with urllib.request.urlopen(request, timeout=5) as answer:
        fields = json.load(answer)
    signed = f"{order['id']}|{fields['razorpay_payment_id']}".encode()
    right = hmac.new(server.keys.razorpay_key_secret.encode(), signed, hashlib.sha256).hexdigest()
    assert fields["razorpay_signature"] == right
    path = f"/v1/payments/{fields['razorpay_payment_id']}"
    assert call(server, "GET", path).json["status"] == "authorized"
    assert refund(server, fields["razorpay_payment_id"]).status == 400
    assert call(server, "POST", path + "/capture", {"amount": 4999}).status == 400
    assert call(server, "POST", path + "/capture", {"amount": 5000}).json["status"] == "captured"
    assert call(server, "GET", f"/v1/orders/{order['id']}/payments").json["count"] == 1
    assert call(server, "GET", f"/v1/orders/{order['id']}").json["status"] == "paid"


def test_razorpay_returns_by_itself_what_nobody_captured(razorpay: Provider) -> None:
    payment = razorpay.pay(captured=False)
    razorpay.tell(advance=2 * 24 * 3600)
    assert razorpay.server.books.returned(payment) == 0
    razorpay.tell(advance=1 * 24 * 3600 + 1)
    assert razorpay.server.books.returned(payment) == 5000
    [line] = razorpay.server.books.summary()[payment]["refunds"]
    assert line["is_external"]


# --- webhooks ----------------------------------------------------------------------------------


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


# --- faults, time and restarts -----------------------------------------------------------------


def test_the_same_seed_throws_the_same_faults_in_any_order() -> None:
    def throw(order: list[str]) -> dict[str, list[str]]:
        dice, found = Dice("7", 0.5), {}
        for key in order:
            one = Call("POST", "/v1/refunds", {}, {"idempotency-key": key}, b"")
            found.setdefault(key, []).append(dice.throw(one).kind)
        return found

    keys = [f"k{number}" for number in range(200)]
    first = throw(keys + keys)
    assert first == throw(keys[::-1] + keys)
    faults = [kind for kinds in first.values() for kind in kinds if kind]
    assert 150 < len(faults) < 250
    assert len(set(faults)) > 10


def test_a_reset_is_an_rst_and_a_cut_is_none(stripe: Provider) -> None:
    host, port = urllib.parse.urlsplit(stripe.server.url).netloc.split(":")
    for kind, is_reset in (("reset", True), ("lost", False)):
        stripe.fault(kind, match=".*")
        with socket.create_connection((host, int(port)), timeout=5) as wire:
            auth = f"Authorization: Bearer {stripe.server.keys.stripe_secret_key}\r\n"
            wire.sendall(f"GET /v1/refunds/re_x HTTP/1.1\r\nHost: x\r\n{auth}\r\n".encode())
            if is_reset:
                with pytest.raises(ConnectionResetError):
                    wire.recv(100)
            else:
                assert wire.recv(100) == b""


def test_unknown_faults_and_words_are_named(stripe: Provider) -> None:
    seen = call(stripe.server, "POST", "/_control")
    assert seen.status == 200  # nothing told, nothing done
    for told in ({"faults": [{"kind": "x"}]}, {"fault": 1}, {"payments": 7}, {"advance": "x"}):
        with pytest.raises(urllib.error.HTTPError) as refused:
            stripe.tell(**told)
        assert refused.value.code == 400
    assert len(KINDS) == len(set(KINDS))


def test_the_books_outlive_the_process(tmp_path: Path) -> None:
    file = str(tmp_path / "books.sqlite3")
    with running(file=file) as server:
        provider = Provider(server, "stripe")
        payment = provider.pay()
        provider.tell(settles_after=60)
        first = refund(server, payment, key="k").json["id"]
    with running(file=file) as server:
        assert refund(server, payment, key="k").json["id"] == first
        Provider(server, "stripe").tell(advance=61)
        assert server.books.summary()[payment]["refunds"][0]["status"] == "succeeded"
        assert server.books.returned(payment) == 1000
