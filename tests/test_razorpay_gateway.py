"""What only Razorpay does: prose for refusals, notes that are lists. Faults: test_gateway_faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.test import override_settings

from bookings.gateways import Doubt, Status, gateway_of
from bookings.gateways.razorpay import RazorpayError, RazorpayGateway, _listed
from tests.provider.running import Provider, moment, running
from tests.test_stripe_gateway import listen

DAY = 24 * 3600


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running() as server:
        provider = Provider(server, "razorpay")
        provider.tell(settles_after=60)
        yield provider


def test_what_is_sent(provider: Provider) -> None:
    request = provider.request()
    calls = listen(provider.server)
    provider.gateway().send(request, now=moment())
    [call] = calls
    assert (call.method, call.path) == ("POST", f"/v1/payments/{request.payment_ref}/refund")
    assert call.headers["x-refund-idempotency"] == request.idempotency_key
    assert call.headers["content-type"] == "application/json"
    assert call.json() == {
        "amount": 2000,
        "speed": "normal",
        "receipt": request.idempotency_key,
        "notes": {"refund_uuid": request.refund_uuid, "key": request.idempotency_key},
    }


def test_the_body_is_the_same_to_the_byte_each_time(provider: Provider) -> None:
    request = provider.request()
    calls = listen(provider.server)
    for _ in range(2):
        provider.gateway().send(request, now=moment())
    assert calls[0].body == calls[1].body


def test_m14_a_payment_older_than_six_months_is_declined(provider: Provider) -> None:
    request = provider.request(provider.pay(created=moment().timestamp() - 190 * DAY))
    provider.fault("refuse", status=400, code="whatever they write")
    answer = provider.gateway().send(request, now=moment())
    assert answer.status == Status.DECLINED
    assert "too old" in answer.message


@pytest.mark.parametrize(
    "prose",
    [
        "The payment has been fully refunded already",
        "The total refund amount is greater than the refund payment amount",
        "Your account does not have enough balance to carry out the refund operation",
    ],
)
def test_prose_decides_nothing(provider: Provider, prose: str) -> None:
    """The payment says that the money is there, so it is tried again."""
    request = provider.request()
    provider.fault("refuse", status=400, code=prose)
    assert provider.gateway().send(request, now=moment()).status == Status.UNKNOWN
    assert provider.gateway().send(request, now=moment()).status == Status.ACCEPTED


def test_a_refusal_is_not_believed_when_the_payment_cannot_be_read(provider: Provider) -> None:
    request = provider.request()
    provider.tell(external_refund={"payment": request.payment_ref})
    provider.fault("gateway", match="^GET /v1/payments/[^/]+$")
    with pytest.raises(RazorpayError, match="502"):
        provider.gateway().send(request, now=moment())


def test_a_lost_dispute_is_a_refund_that_is_not_ours(provider: Provider) -> None:
    """M15: Razorpay books it as one."""
    request = provider.request()
    provider.tell(dispute={"payment": request.payment_ref, "status": "lost"})
    gateway = provider.gateway()
    [entry] = gateway.list_refunds(request.payment_ref, now=moment())
    assert (entry.refund_uuid, entry.amount_minor) == ("", 5000)
    assert gateway.find(request, now=moment()) is None
    assert gateway.send(request, now=moment()).status == Status.DECLINED


@pytest.mark.parametrize(
    "text",
    [
        '{"items": [], "count": 0}',
        '{"entity": "order", "items": [], "count": 0}',
        '{"entity": "collection", "items": [], "count": 1}',
        '{"entity": "collection", "items": []}',
        '{"entity": "collection", "count": 0}',
    ],
)
def test_a_list_must_say_that_it_is_one_and_complete(provider: Provider, text: str) -> None:
    provider.on_lists("raw", text=text)
    with pytest.raises((RazorpayError, KeyError)):
        provider.gateway().list_refunds(provider.pay(), now=moment())


@pytest.mark.parametrize("ref", ["..", "../orders", "a/b", "a?b", ""])
def test_what_is_no_id_is_not_even_asked_for(provider: Provider, ref: str) -> None:
    request = replace(provider.request(), payment_ref=ref)
    calls = listen(provider.server)
    for answer in (
        provider.gateway().send(request, now=moment()),
        provider.gateway().find(request, now=moment()),
    ):
        assert answer is not None
        assert (answer.status, answer.doubt) == (Status.UNKNOWN, Doubt.NO_SUCH_PAYMENT)
        assert "not one of Razorpay's" in answer.message
    assert calls == []


REFUND = {
    "entity": "refund",
    "id": "rfnd_1",
    "amount": 100,
    "currency": "INR",
    "status": "processed",
    "notes": [],
}


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("pending", Status.ACCEPTED),
        ("processed", Status.SUCCEEDED),
        ("failed", Status.REVERSED),
        ("queued", Status.UNKNOWN),
    ],
)
def test_the_words_for_states(word: str, status: Status) -> None:
    assert _listed({**REFUND, "status": word}).status == status


@pytest.mark.parametrize(
    ("bank", "reference"),
    [
        (None, ""),
        ({}, ""),
        ({"arn": None}, ""),
        ({"arn": "10000000000000"}, "10000000000000"),
        ({"rrn": "015109"}, "015109"),
    ],
)
def test_the_banks_reference(bank: Any, reference: str) -> None:
    assert _listed({**REFUND, "acquirer_data": bank}).reference == reference


def test_the_site_has_this_gateway_when_it_has_the_keys() -> None:
    assert gateway_of("razorpay") is None
    with override_settings(RAZORPAY_KEY_ID="rzp_test_x", RAZORPAY_KEY_SECRET="s"):
        gateway = gateway_of("razorpay")
    assert isinstance(gateway, RazorpayGateway)
    assert gateway.base == "https://api.razorpay.com/v1"
