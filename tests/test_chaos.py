"""The chaos run can see what it looks for: each kind of difference between the ledgers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bookings.models import Refund, RefundState
from bookings.standin.server import StandIn
from tests.chaos.arming import _use_a_fresh_key_per_try
from tests.chaos.comparing import Comparison, compare
from tests.engine import connect, drive, paid, refetch, refund_of
from tests.providers import Provider, running, until

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with running() as server:
        yield server


@pytest.fixture(params=["stripe", "razorpay"])
def provider(request: pytest.FixtureRequest, server: StandIn, settings: Any) -> Provider:
    return connect(server, request.param, settings)


def compared(provider: Provider) -> Comparison:
    return compare(provider.server.books.summary())


def finished(provider: Provider) -> Refund:
    refund = drive(refund_of(provider, part=80000))
    provider.tell(advance=61)
    return drive(refund)


def test_equal_ledgers_are_clean(provider: Provider) -> None:
    finished(provider)
    found = compared(provider)
    assert (found.is_clean, found.refunds) == (True, 1)


@pytest.mark.parametrize("is_fresh", [False, True])
def test_m07_a_fresh_key_per_try_pays_twice_and_is_seen(
    provider: Provider, is_fresh: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Refund, "idempotency_key", Refund.idempotency_key)  # put back at the end
    if is_fresh:
        _use_a_fresh_key_per_try()
    refund = refund_of(provider, part=80000)
    provider.fault("queued", seconds=1.5)
    assert drive(refund).state == RefundState.UNKNOWN
    assert drive(refund).state == RefundState.ACCEPTED  # looked for, not found, sent again
    if is_fresh:
        until(lambda: len(paid(provider, refund)) == 2)
    provider.tell(advance=61)
    drive(refund)
    assert len(compared(provider).doubled) == (1 if is_fresh else 0)


def test_a_lost_refund_is_seen(provider: Provider) -> None:
    refund = finished(provider)
    provider.server.books.by_payment[refund.payment.provider_ref].clear()
    assert len(compared(provider).lost) == 1


def test_an_unfinished_refund_is_lost(provider: Provider) -> None:
    refund_of(provider)
    assert len(compared(provider).lost) == 1


def test_outside_money_that_is_not_written_down_is_a_mismatch(provider: Provider) -> None:
    refund = finished(provider)
    provider.tell(external_refund={"payment": refund.payment.provider_ref, "amount": 100})
    assert len(compared(provider).mismatched) == 1
    refetch(refund)
    assert compared(provider).is_clean
