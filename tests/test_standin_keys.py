"""The stand-in's idempotency keys are the providers': stored answers, conflicts, a day."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest

from tests.provider.client import Seen, refund
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


@pytest.mark.parametrize("name", ["stripe", "razorpay"])
def test_a_refusal_on_demand_is_kept_or_leaves_no_trace(server: StandIn, name: str) -> None:
    provider = Provider(server, name)
    payment = provider.pay()
    for kind, again in (("refuse", 200), ("refuse_kept", 400)):
        provider.fault(kind, status=400, code="balance_insufficient")
        first, second = (refund(server, payment, key=f"key-0000-{kind}") for _ in range(2))
        assert (first.status, second.status) == (400, again)
        assert "Idempotent-Replayed" not in first.headers
        is_repeated = kind == "refuse_kept"
        assert ("Idempotent-Replayed" in second.headers) is is_repeated
        assert not is_repeated or first.json == second.json
    assert server.books.returned(payment) == 1000


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
