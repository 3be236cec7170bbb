"""Stripe and Razorpay over real HTTP against a provider that misbehaves.

The numbers are those of the fault matrix: each must leave at most one payment, and an answer
that the engine can act upon. A test that says "either may raise" means: no answer at all.
"""

from __future__ import annotations

import time

import pytest

from bookings.gateways import Doubt, Status
from tests.provider.running import BRIEF, Provider, find, moment, send, status, until
from tests.provider.server import StandIn

DAY = 24 * 3600


@pytest.fixture(params=["stripe", "razorpay"])
def provider(request: pytest.FixtureRequest, server: StandIn) -> Provider:
    provider = Provider(server, request.param)
    provider.tell(reset=True)
    provider.tell(settles_after=60)
    return provider


def test_a_refund_is_accepted_and_arrives_with_the_banks_reference(provider: Provider) -> None:
    gateway, request = provider.gateway(), provider.request()
    assert find(gateway, request) is None
    first = send(gateway, request)
    assert (first.status, first.reference) == (Status.ACCEPTED, "")
    provider.tell(advance=61)
    last = find(gateway, request)
    assert last is not None
    assert (last.status, last.provider_refund_id) == (Status.SUCCEEDED, first.provider_refund_id)
    assert last.reference
    [line] = provider.paid(request)
    assert line["amount_minor"] == 2000
    assert (line["key"], line["refund_uuid"]) == (request.idempotency_key, request.refund_uuid)


def test_m01_a_lost_answer_is_unknown_then_found_and_pays_once(provider: Provider) -> None:
    gateway, request = provider.gateway(), provider.request()
    provider.fault("drop")
    assert send(gateway, request).status == Status.UNKNOWN
    assert status(gateway, request) == Status.ACCEPTED
    assert send(gateway, request).provider_refund_id == provider.paid(request)[0]["id"]
    assert len(provider.paid(request)) == 1


@pytest.mark.parametrize("kind", ["slow", "queued", "late"])
def test_m02_slower_than_the_time_out_is_unknown_and_pays_once(
    provider: Provider, kind: str
) -> None:
    gateway, request = provider.gateway(), provider.request()
    provider.fault(kind, seconds=3 * BRIEF)
    answer = send(gateway, request)
    assert answer.status == Status.UNKNOWN
    assert answer.doubt == Doubt.NONE
    if kind != "late":
        assert find(gateway, request) is None  # and yet it will be paid
    second = send(gateway, request)  # `slow`: 409, the first runs
    assert second.status == (Status.UNKNOWN if kind == "slow" else Status.ACCEPTED)
    assert second.doubt == Doubt.NONE
    time.sleep(3 * BRIEF)
    until(lambda: provider.paid(request))
    assert send(gateway, request).status == Status.ACCEPTED
    assert len(provider.paid(request)) == 1


def test_m03_a_stored_500_without_work_says_so_until_the_key_changes(provider: Provider) -> None:
    gateway, request = provider.gateway(), provider.request()
    provider.fault("error")
    for _ in range(3):
        answer = send(gateway, request)
        assert (answer.status, answer.doubt) == (Status.UNKNOWN, Doubt.FAILED_INSIDE)
        assert find(gateway, request) is None
    moved = provider.request(request.payment_ref, refund_uuid=request.refund_uuid, epoch=2)
    assert send(gateway, moved).status == Status.ACCEPTED
    assert len(provider.paid(request)) == 1


def test_m04_a_stored_500_after_the_work_is_found_in_the_list(provider: Provider) -> None:
    gateway, request = provider.gateway(), provider.request()
    provider.fault("error_done")
    answer = send(gateway, request)
    assert (answer.status, answer.doubt) == (Status.UNKNOWN, Doubt.FAILED_INSIDE)
    assert status(gateway, request) == Status.ACCEPTED
    assert len(provider.paid(request)) == 1


@pytest.mark.parametrize("kind", ["busy", "limit", "reset", "lost", "gateway", "gateway_done"])
def test_m05_in_progress_too_many_reset_and_502_keep_the_key(provider: Provider, kind: str) -> None:
    gateway, request = provider.gateway(), provider.request()
    provider.fault(kind, seconds=7)
    answer = send(gateway, request)
    assert (answer.status, answer.doubt) == (Status.UNKNOWN, Doubt.NONE)
    wait = answer.retry_after.total_seconds() if answer.retry_after else 0
    assert wait == (7 if kind == "limit" else 0)
    assert send(gateway, request).status == Status.ACCEPTED
    assert len(provider.paid(request)) == 1


@pytest.mark.parametrize("kind", ["empty", "huge", "garbled", "gateway_done"])
def test_m25_nonsense_is_unknown_and_the_refund_is_found(provider: Provider, kind: str) -> None:
    gateway, request = provider.gateway(read_seconds=5), provider.request()
    provider.fault(kind)
    answer = send(gateway, request)
    assert answer.status == Status.UNKNOWN
    assert len(answer.message) <= 500
    assert status(gateway, request) == Status.ACCEPTED
    assert len(provider.paid(request)) == 1


ODD = [
    "{}",
    "[]",
    "null",
    "0",
    '"refund"',
    "{" * 5000,
    "[" * 100_000,
    '{"object": "refund", "entity": "refund"}',
    '{"object": "refund", "entity": "refund", "id": "x", "amount": "2000", "currency": "eur",'
    ' "status": "succeeded"}',
    '{"object": "refund", "entity": "refund", "id": "x", "amount": 1, "currency": "eur",'
    ' "status": "succeeded"}',
    '{"object": "refund", "entity": "refund", "id": "x", "amount": 2000, "currency": "usd",'
    ' "status": "succeeded"}',
    '{"object": "refund", "entity": "refund", "id": "x", "amount": 2000, "currency": "eur",'
    ' "status": "a new word"}',
    '{"error": {"code": "x"}}',
    '{"object": "list", "data": [], "items": []}',
]


@pytest.mark.parametrize("text", ODD)
def test_m25_json_that_is_not_the_answer_is_unknown(provider: Provider, text: str) -> None:
    gateway, request = provider.gateway(read_seconds=5), provider.request()
    provider.fault("raw", text=text)
    assert send(gateway, request).status == Status.UNKNOWN


@pytest.mark.parametrize("text", ODD)
def test_m25_a_list_that_is_none_is_never_taken_for_an_empty_one(
    provider: Provider, text: str
) -> None:
    """Or the refund would be sent again as one that the provider does not have."""
    gateway, request = provider.gateway(read_seconds=5), provider.request()
    send(gateway, request)
    provider.on_lists("raw", text=text)
    assert status(gateway, request) == Status.UNKNOWN


@pytest.mark.parametrize("kind", ["lost", "reset", "gateway", "limit", "empty", "garbled", "drop"])
def test_a_list_that_fails_is_no_empty_list(provider: Provider, kind: str) -> None:
    gateway, request = provider.gateway(read_seconds=5), provider.request()
    provider.on_lists(kind, seconds=9, calls=2)
    answer = find(gateway, request)
    assert answer is not None
    assert (answer.status, answer.doubt) == (Status.UNKNOWN, Doubt.NONE)
    wait = answer.retry_after.total_seconds() if answer.retry_after else 0
    assert wait == (9 if kind == "limit" else 0)
    with pytest.raises(Exception, match=r".*"):
        gateway.list_refunds(request.payment_ref, now=moment())
