"""What only Stripe does: its words, its SDK, its references. Faults: test_gateway_faults."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import override_settings

from bookings.gateways import Doubt, Status, gateway_of
from bookings.gateways.exchange import retry_after
from bookings.gateways.stripe import StripeGateway, _listed
from tests.provider.calls import Call
from tests.provider.running import Provider, moment, running
from tests.provider.server import StandIn


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running() as server:
        provider = Provider(server, "stripe")
        provider.tell(settles_after=60)
        yield provider


def listen(server: StandIn) -> list[Call]:
    """All calls that come in from now on."""
    calls: list[Call] = []
    answer = server.answer

    def note(call: Call) -> Any:
        if call.path.startswith("/v1/"):
            calls.append(call)
        return answer(call)

    server.answer = note  # type: ignore[method-assign]
    return calls


def test_what_is_sent(provider: Provider) -> None:
    request = provider.request()
    calls = listen(provider.server)
    provider.gateway().send(request, now=moment())
    [call] = calls
    assert (call.method, call.path) == ("POST", "/v1/refunds")
    assert call.headers["idempotency-key"] == request.idempotency_key
    assert call.form() == {
        "payment_intent": request.payment_ref,
        "amount": "2000",
        "metadata": {"refund_uuid": request.refund_uuid, "key": request.idempotency_key},
    }
    assert "platform" not in call.headers["x-stripe-client-user-agent"]
    assert "x-stripe-client-telemetry" not in call.headers


@pytest.mark.parametrize("kind", ["reset", "gateway", "busy", "limit", "error"])
def test_the_sdk_never_tries_again_by_itself(provider: Provider, kind: str) -> None:
    request = provider.request()
    provider.fault(kind, calls=5)
    calls = listen(provider.server)
    provider.gateway().send(request, now=moment())
    assert len(calls) == 1


def test_a_charge_may_stand_for_the_payment(provider: Provider) -> None:
    request = provider.request("ch_" + provider.pay().removeprefix("pi_"))
    gateway = provider.gateway()
    assert gateway.send(request, now=moment()).status == Status.ACCEPTED
    found = gateway.find(request, now=moment())
    assert found is not None
    too_much = provider.request(request.payment_ref, 4000)
    assert gateway.send(too_much, now=moment()).status == Status.DECLINED


@pytest.mark.parametrize(
    "code", ["charge_disputed", "refund_disputed_payment", "charge_not_refundable"]
)
def test_m14_a_named_refusal_is_declined_with_its_name(provider: Provider, code: str) -> None:
    request = provider.request()
    provider.fault("refuse", status=400, code=code)
    answer = provider.gateway().send(request, now=moment())
    assert answer.status == Status.DECLINED
    assert code in answer.message


def test_m14_a_disputed_payment_is_declined(provider: Provider) -> None:
    request = provider.request()
    provider.tell(dispute={"payment": request.payment_ref, "status": "open"})
    answer = provider.gateway().send(request, now=moment())
    assert answer.status == Status.DECLINED
    assert "disputed" in answer.message


def test_a_named_refusal_is_not_believed_without_the_list(provider: Provider) -> None:
    """The list decides whether it is ours that was refunded already."""
    request = provider.request()
    provider.fault("refuse", status=400, code="charge_already_refunded")
    provider.on_lists("raw", text="{}")
    with pytest.raises(ValueError, match="not a list"):
        provider.gateway().send(request, now=moment())


def test_m20_a_payment_of_another_account_is_named(provider: Provider) -> None:
    answer = provider.gateway().send(provider.request("pi_of_another"), now=moment())
    assert (answer.status, answer.doubt) == (Status.UNKNOWN, Doubt.NO_SUCH_PAYMENT)
    assert "another account" in answer.message


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("pending", Status.ACCEPTED),
        ("requires_action", Status.ACCEPTED),
        ("succeeded", Status.SUCCEEDED),
        ("failed", Status.REVERSED),
        ("canceled", Status.REVERSED),
        ("paused", Status.UNKNOWN),
    ],
)
def test_the_words_for_states(word: str, status: Status) -> None:
    assert _listed({**REFUND, "status": word}).status == status


REFUND = {
    "object": "refund",
    "id": "re_1",
    "amount": 100,
    "currency": "eur",
    "status": "succeeded",
    "metadata": None,
}


@pytest.mark.parametrize(
    ("details", "reference"),
    [
        (None, ""),
        ({}, ""),
        ({"type": "card"}, ""),
        ({"type": "card", "card": {"reference": None, "reference_status": "pending"}}, ""),
        ({"type": "card", "card": {"reference": "74530"}}, "74530"),
        ({"type": "paypal", "paypal": {"reference": "PP1"}, "card": {"reference": "no"}}, "PP1"),
        ({"type": "pix", "pix": {}}, ""),
    ],
)
def test_the_banks_reference(details: Any, reference: str) -> None:
    entry = _listed({**REFUND, "destination_details": details})
    assert (entry.reference, entry.refund_uuid) == (reference, "")


def test_html_answers_keep_their_retry_after(provider: Provider) -> None:
    """The SDK drops the headers of an answer that is not JSON."""
    request = provider.request()
    server, answer = provider.server, provider.server.answer

    def busy(call: Call) -> Any:
        reply = answer(call)
        reply.headers["Retry-After"] = "33"  # type: ignore[union-attr]
        return reply

    server.answer = busy  # type: ignore[method-assign]
    provider.fault("gateway")
    seen = provider.gateway().send(request, now=moment())
    assert seen.retry_after == timedelta(seconds=33)


NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("0", 1),
        ("999999999999", 3600),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 1),
        ("Mon, 23 Nov 2099 11:00:00 GMT", 3600),
        ("Mon, 23 Nov 2026 12:00:30", None),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("７", None),
    ],
)
def test_retry_after_has_bounds(value: str, seconds: int | None) -> None:
    wait = retry_after({"Retry-After": value}, now=NOW)
    assert wait == (None if seconds is None else timedelta(seconds=seconds))


def test_the_site_has_this_gateway_when_it_has_the_key() -> None:
    assert gateway_of("stripe") is None
    with override_settings(STRIPE_SECRET_KEY="sk_test_x", STRIPE_API_BASE="http://localhost:1"):
        gateway = gateway_of("stripe")
    assert isinstance(gateway, StripeGateway)
    assert (gateway.api_base, gateway.read_seconds) == ("http://localhost:1", 20)
