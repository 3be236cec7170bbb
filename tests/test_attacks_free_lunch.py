"""A public site that has lost its provider's keys sells nothing, rather than for nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from bookings.models import Booking, Checkout, Service
from bookings.slots import free_of
from tests.builders import make_expert, make_service

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_keys(settings: Any) -> None:
    cache.clear()
    settings.STRIPE_SECRET_KEY = settings.RAZORPAY_KEY_ID = ""
    settings.SELLS_BY_SANDBOX = False


def buy(client: Client, service: Service) -> int:
    slot = free_of(service, now=timezone.now())[5]
    data = {"slot": f"{slot:%Y-%m-%dT%H:%MZ}", "name": "Eve", "email": "eve@example.com"}
    page = f"/with/{service.expert.slug}/{service.pk}/"
    return client.post(page, data).status_code


def test_nothing_that_costs_money_is_sold(client: Client) -> None:
    service = make_service(make_expert())
    page = client.get(f"/with/{service.expert.slug}/{service.pk}/")
    assert page.status_code == 503
    assert "cannot be paid for at the moment" in page.content.decode()
    assert buy(client, service) == 503
    assert not Checkout.objects.exists()


def test_free_calls_are_booked_as_before(client: Client) -> None:
    assert buy(client, make_service(make_expert(), price_minor=0)) == 302
    assert Booking.objects.count() == 1


def test_where_it_is_tried_out_the_sandbox_sells(client: Client, settings: Any) -> None:
    settings.SELLS_BY_SANDBOX = True
    assert buy(client, make_service(make_expert())) == 302
    assert Checkout.objects.get().provider == "sandbox"
