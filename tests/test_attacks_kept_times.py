"""One machine with invented addresses cannot keep all of an expert's times."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from bookings.models import Checkout, Expert
from bookings.slots import free_of
from tests.builders import make_expert, make_service

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(import_module("bookings.views.buying"), "MOST_PURCHASES", 4)
    cache.clear()
    yield
    cache.clear()


def keep(client: Client, expert: Expert, number: int, **more: Any) -> int:
    service = expert.services.first()
    assert service is not None
    slot = free_of(service, now=timezone.now())[-1]
    data = {"slot": f"{slot:%Y-%m-%dT%H:%MZ}", "name": "Eve", "email": f"e{number}@example.com"}
    return client.post(f"/with/{expert.slug}/{service.pk}/", data, **more).status_code


def test_there_is_an_end_to_it(client: Client) -> None:
    expert = make_expert()
    make_service(expert)
    answers = [keep(client, expert, n, HTTP_X_FORWARDED_FOR=f"10.0.0.{n}") for n in range(7)]
    assert answers == [302] * 4 + [409] * 3
    assert Checkout.objects.count() == 4
    assert keep(client, expert, 8, REMOTE_ADDR="192.0.2.7") == 302, "others buy on"


def test_nothing_is_kept_while_nobody_can_count(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(cache, "add", away)
    expert = make_expert()
    make_service(expert)
    assert keep(client, expert, 1) == 503
