"""While nothing can be counted, the public forms that mail somebody or keep a time are closed."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import time_machine
from django.core.cache.backends.locmem import LocMemCache
from django.test import Client
from django.utils import timezone

from bookings import rate_limits
from bookings.models import Booking, Checkout, Expert, OutboxEmail, Service, SupportRequest
from bookings.slots import free_of
from tests.builders import make_expert, make_service
from tests.test_accounts import is_signed_in, sign_in

pytestmark = pytest.mark.django_db
IN_A_WHILE = "Please try again in a few minutes."


@pytest.fixture
def no_cache(settings: Any) -> None:
    """A Redis that is not there."""
    nowhere = {"LOCATION": "redis://127.0.0.1:1/0", "OPTIONS": {"socket_connect_timeout": 1}}
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", **nowhere}
    }


@pytest.fixture(params=[0, 240000], ids=["free", "paid"])
def service(request: pytest.FixtureRequest) -> Service:
    return make_service(make_expert(), price_minor=request.param)


def buy(client: Client, service: Service, email: str = "eve@example.com", **more: Any) -> Any:
    slot = free_of(service, now=timezone.now())[5]
    data = {"slot": f"{slot:%Y-%m-%dT%H:%MZ}", "name": "Eve", "email": email}
    return client.post(f"/with/{service.expert.slug}/{service.pk}/", data, **more)


def test_nothing_is_bought_and_the_form_says_so(
    client: Client, service: Service, no_cache: None
) -> None:
    answer = buy(client, service)
    page = answer.content.decode()
    assert answer.status_code == 503
    assert IN_A_WHILE in page
    assert 'value="eve@example.com"' in page, "what was typed stays"
    assert not Checkout.objects.exists()
    assert not Booking.objects.exists()
    assert not OutboxEmail.objects.exists()


def test_looking_around_goes_on(client: Client, service: Service, no_cache: None) -> None:
    for path in (f"/with/{service.expert.slug}/", f"/with/{service.expert.slug}/{service.pk}/"):
        assert client.get(path).status_code == 200


def test_no_link_for_a_new_password_is_mailed(client: Client, maya: Expert, no_cache: None) -> None:
    answers = {}
    for email in ("maya@example.com", "nobody@example.com"):
        answer = client.post("/password/reset/", {"email": email})
        assert answer.status_code == 503
        answers[email] = answer.content.decode().replace(email, "…").count(IN_A_WHILE)
    assert set(answers.values()) == {1}
    assert not OutboxEmail.objects.exists()


def test_signing_in_does_not_need_it(client: Client, maya: Expert, no_cache: None) -> None:
    assert sign_in(client, "maya@example.com").status_code == 302
    assert is_signed_in(client)


def test_questions_to_staff_are_counted_in_the_database(desk: Client, no_cache: None) -> None:
    for n in range(13):
        desk.post("/support/", {"subject": f"Question {n}", "message": "m"})
    assert SupportRequest.objects.count() == 10


def test_a_cache_that_forgets_does_not_open_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    """Full, it may drop what was just added: then it cannot count either."""
    monkeypatch.setattr(LocMemCache, "add", lambda *args, **more: False)
    with pytest.raises(rate_limits.CannotCount):
        rate_limits.count("x", at_most=3, seconds=60)


def test_a_count_begins_anew_when_its_time_is_over() -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(3):
            rate_limits.count("x", at_most=3, seconds=60)
        with pytest.raises(rate_limits.TooOften):
            rate_limits.count("x", at_most=3, seconds=60)
        clock.shift(61)
        rate_limits.count("x", at_most=3, seconds=60)


def test_one_customer_is_one_buyer_whatever_address_they_take(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = importlib.import_module("bookings.views.buying")
    monkeypatch.setattr(shop, "MOST_PURCHASES", 3)
    service = make_service(make_expert(), price_minor=0)

    def buys(n: int, network: int) -> int:
        ip = f"2001:db8:0:{network}:{n}::1"
        return int(buy(client, service, f"eve{n}@example.com", REMOTE_ADDR=ip).status_code)

    assert [buys(n, network=1) for n in range(5)] == [302] * 3 + [409] * 2
    assert buys(9, network=2) == 302
