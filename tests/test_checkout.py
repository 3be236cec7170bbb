"""Buying a call over real HTTP, from the calendar to the refund, with webhooks and without."""

from __future__ import annotations

import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bookings import invariants, lifecycle, sweeps
from bookings.models import (
    Booking,
    Checkout,
    Expert,
    OutboxEmail,
    Payment,
    ProviderEvent,
    Refund,
    RefundState,
    Service,
)
from bookings.slots import free_of
from bookings.standin.server import StandIn
from tests.builders import make_expert, make_service, staff
from tests.providers import Provider, running

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
EMAIL = "lena@example.com"
SECRETS = {"stripe": "whsec_new", "razorpay": "razorpay-new"}


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with running() as server:
        yield server


@pytest.fixture(params=["stripe", "razorpay"])
def provider(request: pytest.FixtureRequest, server: StandIn, settings: Any) -> Provider:
    keys = server.keys
    settings.STRIPE_API_BASE = settings.RAZORPAY_API_BASE = server.url
    settings.STRIPE_WEBHOOK_SECRET = ["whsec_old", keys.stripe_webhook_secret]
    settings.RAZORPAY_WEBHOOK_SECRET = ["old", keys.razorpay_webhook_secret]
    settings.PROVIDER_TIMEOUT = timedelta(seconds=2)
    settings.STRIPE_SECRET_KEY = settings.RAZORPAY_KEY_ID = ""
    if request.param == "stripe":
        settings.STRIPE_SECRET_KEY = keys.stripe_secret_key
    else:
        settings.RAZORPAY_KEY_ID = keys.razorpay_key_id
        settings.RAZORPAY_KEY_SECRET = keys.razorpay_key_secret
    provider = Provider(server, request.param)
    provider.tell(reset=True)
    provider.tell(settles_after=0)
    return provider


@pytest.fixture
def expert() -> Expert:
    return make_expert(min_notice_minutes=60)


def buy(
    client: Client, service: Service, *, starts_at: datetime | None = None, **changes: Any
) -> Checkout | None:
    """Fill in the calendar's form and send it; the checkout it led to."""
    url = f"/with/{service.expert.slug}/{service.pk}/"
    page = client.get(url).content.decode()
    key = re.search(r'name="request_key" value="([^"]+)"', page)
    at = starts_at or free_of(service, now=timezone.now())[3]
    fields = {
        "slot": f"{at:%Y-%m-%dT%H:%MZ}",
        "tz": "Europe/Berlin",
        "clock": "24",
        "name": "Lena Vogel",
        "email": EMAIL,
        "request_key": key[1] if key else "",
        **changes,
    }
    answer = client.post(url, fields)
    if answer.status_code != 302:
        return None
    return Checkout.objects.get(key=answer["Location"].split("/")[2])


def pay_there(provider: Provider, checkout: Checkout, client: Client) -> None:
    """What a browser does: open the provider's page and press the button."""
    page = client.get(f"/checkout/{checkout.key}/").content.decode()
    if provider.name == "stripe":
        link = re.search(r'href="(http[^"]+)"[^>]*>Pay at Stripe', page)
        assert link
        url = link[1]
    else:
        action = re.search(r'<form method="post" action="(http[^"]+)"', page)
        fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
        assert action
        url = opened(action[1], dict(fields))
    press(url)


def opened(url: str, fields: dict[str, str]) -> str:
    data = urllib.parse.urlencode(fields).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=10) as answer:
        return str(answer.url)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def press(url: str) -> None:
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        opener.open(urllib.request.Request(url, b""), timeout=10).read()
    except urllib.error.HTTPError as redirect:
        assert redirect.code == 303


def deliver(provider: Provider, client: Client) -> int:
    """Every event of the stand-in, as it would send it."""
    with urllib.request.urlopen(provider.server.url + "/_events", timeout=10) as answer:
        events = json.load(answer)["events"]
    for event in events:
        answer = client.post(
            f"/webhooks/{event['provider']}/",
            event["body"],
            content_type="application/json",
            headers=event["headers"],
        )
        assert answer.status_code == 200
    return len(events)


def work() -> None:
    """What the sweep does with the inbox, right now."""
    sweeps.run(now=timezone.now() + timedelta(seconds=1))


def paid_back(provider: Provider, payment: Payment) -> list[int]:
    refunds = provider.server.books.summary()[payment.provider_ref]["refunds"]
    return [line["amount_minor"] for line in refunds if line["status"] != "failed"]


@pytest.mark.parametrize("has_webhooks", [True, False])
def test_booked_paid_refunded_and_seen_as_refunded(
    provider: Provider, expert: Expert, client: Client, has_webhooks: bool
) -> None:
    service = make_service(expert, price_minor=240000, currency="INR", place="https://meet.example")
    checkout = buy(client, service)
    assert checkout and checkout.state == "open" and checkout.provider == provider.name
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


def shown(client: Client, checkout: Checkout) -> str:
    return client.get(f"/checkout/{checkout.key}/").content.decode()


def assert_sound() -> None:
    now = timezone.now()
    broken = {one.name: list(one.offenders(now)) for one in invariants.ALL.values()}
    assert {name: found for name, found in broken.items() if found} == {}
