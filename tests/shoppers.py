"""Somebody who buys a call with a browser, and the stand-in where they pay."""

from __future__ import annotations

import itertools
import re
import urllib.parse
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from bookings import checkouts, invariants, sweeps
from bookings.checkouts import settling
from bookings.models import (
    Checkout,
    Expert,
    Payment,
    ProviderEvent,
    Service,
)
from bookings.slots import free_of
from tests.builders import NOW, make_booking, make_expert
from tests.provider.running import Provider
from tests.provider.server import StandIn

MINUTE = timedelta(minutes=1)
EMAIL = "lena@example.com"
_number = itertools.count(1)


# --- fixtures, imported by name into the modules that use them ------------------------------------


@pytest.fixture(params=["stripe", "razorpay"])
def provider(request: pytest.FixtureRequest, server: StandIn, settings: Any) -> Provider:
    cache.clear()
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
    cache.clear()  # purchases are counted there
    return make_expert(min_notice_minutes=60)


@pytest.fixture
def no_keys(settings: Any) -> None:
    cache.clear()
    settings.STRIPE_SECRET_KEY = settings.RAZORPAY_KEY_ID = ""


# --- what a buyer and a provider do ------------------------------------------------------------


def buy(
    client: Client, service: Service, *, starts_at: datetime | None = None, **changes: Any
) -> Checkout:
    """Fill in the calendar's form and send it; the checkout it led to."""
    answer = send_form(client, service, starts_at=starts_at, **changes)
    assert answer.status_code == 302, answer.content.decode()
    return Checkout.objects.get(key=answer["Location"].split("/")[2])


def send_form(
    client: Client, service: Service, *, starts_at: datetime | None = None, **changes: Any
) -> Any:
    return client.post(address_of(service), form_of(client, service, starts_at, **changes))


def address_of(service: Service) -> str:
    return f"/with/{service.expert.slug}/{service.pk}/"


def form_of(
    client: Client, service: Service, starts_at: datetime | None = None, **changes: Any
) -> dict[str, Any]:
    """The fields of the calendar's form, filled in."""
    page = client.get(address_of(service)).content.decode()
    key = re.search(r'name="request_key" value="([^"]+)"', page)
    at = starts_at or free_of(service, now=timezone.now())[3]
    return {
        "slot": f"{at:%Y-%m-%dT%H:%MZ}",
        "tz": "Europe/Berlin",
        "clock": "24",
        "name": "Lena Vogel",
        "email": EMAIL,
        "request_key": key[1] if key else "",
        **changes,
    }


def pay_there(provider: Provider, checkout: Checkout, client: Client) -> str:
    """What a browser does: open the provider's page and press the button."""
    page = client.get(f"/checkout/{checkout.key}/").content.decode()
    if provider.name == "stripe":
        link = re.search(r'href="(http[^"]+)"[^>]*>Pay with Stripe', page)
        assert link
        url = link[1]
    else:
        action = re.search(r'<form method="post" action="(http[^"]+)"', page)
        fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
        assert action
        url = opened(action[1], dict(fields))
    return press(url)


def opened(url: str, fields: dict[str, str]) -> str:
    """Where the provider's form leads."""
    answer = requests.post(url, fields, allow_redirects=False, timeout=10)
    assert answer.status_code == 303
    return urllib.parse.urljoin(url, answer.headers["Location"])


def press(url: str) -> str:
    """Where its button leads, or the page it shows."""
    answer = requests.post(url, allow_redirects=False, timeout=10)
    assert answer.status_code in (200, 303)
    return answer.headers.get("Location", answer.text)


def deliver(provider: Provider, client: Client) -> int:
    """Every event of the stand-in, as it would send it."""
    events = requests.get(provider.server.url + "/_events", timeout=10).json()["events"]
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


def leave(provider: Provider, checkout: Checkout) -> None:
    """The provider does not close what was to be paid: its page stays open."""
    provider.fault("gateway", match="^POST /v1/checkout/sessions/[^/]+/expire$")
    checkouts.give_up(checkout)


def pay_anyway(provider: Provider, checkout: Checkout) -> None:
    """The provider's page was open all the time."""
    press(f"{provider.server.url}/pay/{checkout.provider_ref}")


def poll(checkout: Checkout) -> None:
    Checkout.objects.filter(pk=checkout.pk, booking=None).update(next_poll_at=timezone.now())
    settling.poll(checkout.pk, now=timezone.now())
    checkout.refresh_from_db()


def shown(client: Client, checkout: Checkout) -> str:
    return client.get(f"/checkout/{checkout.key}/").content.decode()


def assert_sound() -> None:
    now = timezone.now()
    broken = {one.name: list(one.offenders(now)) for one in invariants.ALL.values()}
    assert {name: found for name, found in broken.items() if found} == {}


def begin(service: Service, *, starts_at: datetime, now: datetime, email: str = EMAIL) -> Checkout:
    """What the calendar's form leads to, at any moment."""
    return checkouts.start(
        service,
        starts_at=starts_at,
        buyer=checkouts.Buyer("Lena Vogel", email, "Europe/Berlin", "24"),
        provider="" if service.price_minor == 0 else "sandbox",
        request_key=f"form-{next(_number)}",
        now=now,
    )


# --- rows ---------------------------------------------------------------------------------------


def make_checkout(**fields: Any) -> Checkout:
    booking = make_booking()
    return Checkout.objects.create(
        **{
            "request_key": "k" * 24,
            "expert": booking.expert,
            "service": booking.service,
            "name": "Lena Vogel",
            "email": EMAIL,
            "time_zone": "UTC",
            "starts_at": NOW,
            "ends_at": NOW + MINUTE,
            "price_minor": 5950,
            "currency": "EUR",
            "provider": "stripe",
            "expires_at": NOW,
            "created_at": NOW,
            **fields,
        }
    )


def make_event(**fields: Any) -> ProviderEvent:
    return ProviderEvent.objects.create(
        **{
            "provider": "stripe",
            "event_id": "evt_1",
            "body_sha256": "0" * 64,
            "kind": "refund.updated",
            "body": "{}",
            "received_at": NOW,
            **fields,
        }
    )
