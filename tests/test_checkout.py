"""Buying a call over real HTTP, from the calendar to the refund, with webhooks and without."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from bookings import lifecycle, sweeps
from bookings.models import (
    Booking,
    Expert,
    OutboxEmail,
    ProviderEvent,
    Refund,
    RefundState,
)
from bookings.slots import free_of
from tests import shoppers
from tests.builders import make_service, staff
from tests.provider.running import Provider
from tests.shoppers import (
    EMAIL,
    MINUTE,
    assert_sound,
    buy,
    deliver,
    paid_back,
    pay_there,
    poll,
    send_form,
    shown,
    work,
)

pytestmark = pytest.mark.django_db
provider, expert = shoppers.provider, shoppers.expert


@pytest.mark.parametrize("has_webhooks", [True, False])
def test_booked_paid_refunded_and_seen_as_refunded(
    provider: Provider, expert: Expert, client: Client, has_webhooks: bool
) -> None:
    service = make_service(expert, price_minor=240000, currency="INR", place="https://meet.example")
    checkout = buy(client, service)
    assert (checkout.state, checkout.provider) == ("open", provider.name)
    pay_there(provider, checkout, client)
    if has_webhooks:
        assert deliver(provider, client) >= 2
        work()
    else:
        sweeps.run(now=timezone.now() + MINUTE + timedelta(seconds=1))
        assert not ProviderEvent.objects.exists()
    booking = Booking.objects.get()
    payment = booking.payment
    assert (payment.captured_minor, payment.currency) == (240000, "INR")
    assert (payment.provider, booking.follower.email) == (provider.name, EMAIL)
    assert "Your call with Maya is booked" in shown(client, checkout)
    kinds = set(OutboxEmail.objects.filter(booking=booking).values_list("kind", flat=True))
    assert kinds == {"booked", "booked_expert"}

    lifecycle.refund_now(booking.pk, actor=staff(), now=timezone.now(), reason="Sorry")
    work()
    refund = Refund.objects.get()
    if has_webhooks:
        deliver(provider, client)
        work()
    else:
        for _ in range(3):
            refund.refresh_from_db()
            sweeps.run(now=refund.next_attempt_at or timezone.now())
    refund.refresh_from_db()
    assert refund.state == RefundState.SUCCEEDED
    assert refund.reference
    assert paid_back(provider, payment) == [240000]
    assert_sound()


# --- the provider errs --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["drop", "error", "gateway", "empty", "garbled"])
def test_a_provider_that_errs_is_asked_again(
    provider: Provider, expert: Expert, client: Client, kind: str
) -> None:
    provider.fault(kind, match="^POST /v1/(orders|checkout/sessions)$")
    checkout = buy(client, make_service(expert))
    if not checkout.provider_ref:
        assert "is not responding" in shown(client, checkout)
    for _ in range(3):
        client.post(f"/checkout/{checkout.key}/pay/")
        checkout.refresh_from_db()
        if checkout.provider_ref:
            break
    if provider.name == "stripe" and kind == "error":
        return  # the key keeps Stripe's own 500: this purchase ends, the next one is a new one
    pay_there(provider, checkout, client)
    provider.fault(kind, match="^GET ")
    client.post(f"/checkout/{checkout.key}/check/")
    poll(checkout)
    sweeps.run(now=timezone.now() + timedelta(minutes=4))
    assert Booking.objects.count() == 1


def test_a_refusal_is_told_and_lets_the_time_go(
    provider: Provider, expert: Expert, client: Client
) -> None:
    service = make_service(expert, price_minor=20, currency="INR")
    if provider.name == "stripe":
        provider.fault("refuse", status=400, match="^POST /v1/checkout/sessions$")
    at = free_of(service, now=timezone.now())[0]
    answer = send_form(client, service, starts_at=at)
    assert answer.status_code == 409
    assert "does not take this payment" in answer.content.decode()
    assert at in free_of(service, now=timezone.now())
