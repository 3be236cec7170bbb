"""Paid, refunded and seen as refunded: at each provider, with webhooks and without, and every
call between the site, the provider and the follower's browser over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.test import Client
from django.utils import timezone

from bookings import lifecycle, links, provider_events, refunds, sweeps
from bookings.models import Booking, Expert, ProviderEvent, Refund, RefundState
from tests import shoppers
from tests.builders import make_service, staff
from tests.provider.running import Provider, until
from tests.shoppers import MINUTE, assert_sound, buy, paid_back, pay_there

pytestmark = pytest.mark.django_db
provider, expert = shoppers.provider, shoppers.expert
AMOUNT = 240000


@pytest.fixture(params=[True, False], ids=["webhooks", "polls"])
def has_webhooks(
    request: pytest.FixtureRequest, live_server: Any, provider: Provider, settings: Any
) -> Iterator[bool]:
    settings.SITE_URL = live_server.url
    site = {name: f"{live_server.url}/webhooks/{name}/" for name in ("stripe", "razorpay")}
    provider.tell(webhooks={**site, "is_off": not request.param}, settles_after=60)
    yield request.param
    provider.tell(webhooks={"stripe": "", "razorpay": "", "is_off": False})


def hear(kinds: set[str]) -> None:
    """The provider's own calls have come in; a worker takes only them. Nothing is polled."""
    until(lambda: set(ProviderEvent.objects.values_list("kind", flat=True)) & kinds, 10)
    for pk in ProviderEvent.objects.exclude(next_attempt_at=None).values_list("pk", flat=True):
        provider_events.work_on(pk, now=timezone.now())


def test_paid_refunded_and_seen_as_refunded(
    provider: Provider, expert: Expert, live_server: Any, client: Client, has_webhooks: bool
) -> None:
    service = make_service(expert, price_minor=AMOUNT, currency="INR", place="https://meet.example")
    checkout = buy(client, service)
    pay_there(provider, checkout, client)
    if has_webhooks:
        hear({"checkout.session.completed", "order.paid"})
    else:
        sweeps.run(now=timezone.now() + MINUTE + timedelta(seconds=1))
    booking = Booking.objects.get()
    assert (booking.payment.provider, booking.payment.captured_minor) == (provider.name, AMOUNT)
    page = requests.get(f"{live_server.url}/checkout/{checkout.key}/", timeout=10)
    assert "Your call with Maya is booked" in page.text

    lifecycle.refund_now(booking.pk, actor=staff(), now=timezone.now(), reason="Sorry")
    refund = Refund.objects.get()
    refunds.drive([refund.pk], now=timezone.now() + timedelta(seconds=1))
    assert "is with your bank" in status_page(booking)
    provider.tell(advance=61)
    if has_webhooks:
        hear({"refund.updated", "refund.processed"})
    else:
        refund.refresh_from_db()
        sweeps.run(now=refund.next_attempt_at or timezone.now())
    refund.refresh_from_db()
    assert (refund.state, bool(refund.reference)) == (RefundState.SUCCEEDED, True)
    assert "₹2,400 went back to" in status_page(booking)
    assert paid_back(provider, booking.payment) == [AMOUNT]
    assert ProviderEvent.objects.exists() == has_webhooks
    assert_sound()


def status_page(booking: Booking) -> str:
    """As the follower's browser sees it, over the link of her e-mails."""
    links.ensure(booking, links.Purpose.STATUS, now=timezone.now())
    answer = requests.get(links.url(links.current(booking, links.Purpose.STATUS)), timeout=10)
    assert answer.status_code == 200, answer.text
    return " ".join(answer.text.split())
