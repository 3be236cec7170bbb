"""The stand-in keeps the providers' own rules; else what passes against it proves nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.provider.calls import Call
from tests.provider.client import call, refund
from tests.provider.faults import KINDS, Dice
from tests.provider.running import Provider, running
from tests.provider.server import StandIn


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


def test_a_stripe_id_counts_only_under_the_name_of_its_kind(stripe: Provider) -> None:
    server = stripe.server
    for ref, names in (("pi_1", ("payment_intent",)), ("py_2", ("charge",))):
        stripe.pay(id=ref)
        for name in ("payment_intent", "charge"):
            status = 200 if name in names else 404
            form = {name: ref, "amount": "100"}
            assert call(server, "POST", "/v1/refunds", form).status == status
            assert call(server, "GET", f"/v1/refunds?{name}={ref}").status == status
    [entry] = call(server, "GET", "/v1/refunds?charge=py_2").json["data"]
    assert (entry["charge"], entry["payment_intent"]) == ("py_2", None)
    assert call(server, "GET", "/v1/charges/py_2").json["amount_refunded"] == 100
    error = call(server, "GET", "/v1/refunds?payment_intent=pi_gone").json["error"]
    assert (error["code"], error["param"]) == ("resource_missing", "payment_intent")


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


@pytest.mark.parametrize("name", ["stripe", "razorpay"])
def test_lists_may_be_behind_the_books(server: StandIn, name: str) -> None:
    provider = Provider(server, name)
    payment = provider.pay()
    provider.tell(list_lag=180)
    made = refund(server, payment, 1000).json["id"]
    path = "/v1/refunds?payment_intent=" + payment
    one = f"/v1/refunds/{made}"
    if name == "razorpay":
        path, one = f"/v1/payments/{payment}/refunds", f"/v1/payments/{payment}/refunds/{made}"

    def listed() -> list[str]:
        found = call(server, "GET", path).json
        return [entry["id"] for entry in found.get("data", found.get("items"))]

    assert (listed(), call(server, "GET", one).json["id"]) == ([], made)
    assert server.books.returned(payment) == 1000
    provider.tell(advance=179)
    assert listed() == []
    provider.tell(advance=2, list_lag={"seconds": 300, "seed": 7})
    assert listed() == [made]
    refund(server, payment, 1000)
    assert 0 < server.books.refunds_of(payment)[0]["listed_at"] - server.books.now() <= 300


@pytest.mark.parametrize("name", ["stripe", "razorpay"])
def test_what_a_payment_says_may_be_behind_as_well(server: StandIn, name: str) -> None:
    provider = Provider(server, name)
    payment = provider.pay()
    kind = "payment_intents" if name == "stripe" else "payments"

    def said() -> int:
        found = call(server, "GET", f"/v1/{kind}/{payment}?expand[]=latest_charge").json
        return int(found.get("latest_charge", found)["amount_refunded"])

    provider.tell(list_lag={"seconds": 180, "covers_payments": True})
    refund(server, payment, 1000)
    assert (said(), server.books.returned(payment)) == (0, 1000)
    provider.tell(advance=181)
    assert said() == 1000


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
