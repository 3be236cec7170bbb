"""The buy form sent again with something else in it: the second counts, or a sentence says why not."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import requests
from django.db import connection
from django.test import Client
from django.utils import timezone

from bookings import checkouts
from bookings.checkouts import HELD_FOR, Buyer
from bookings.models import Booking, Checkout, Expert, Payment, Service
from bookings.slots import free_of
from tests import shoppers
from tests.builders import make_expert, make_service
from tests.follower_pages import read
from tests.provider.running import Provider
from tests.shoppers import (
    EMAIL,
    assert_sound,
    buy,
    pay_anyway,
    pay_there,
    poll,
    send_form,
    shown,
)
from tests.test_races import together

pytestmark = pytest.mark.django_db
provider, expert, no_keys = shoppers.provider, shoppers.expert, shoppers.no_keys
KEY = "k" * 24
TOM = {"name": "Tom Okafor", "email": "tom@example.com"}


def times(service: Service) -> list[datetime]:
    return free_of(service, now=timezone.now())[3::4]


def test_the_second_time_and_address_count(
    provider: Provider, expert: Expert, client: Client
) -> None:
    service = make_service(expert)
    early, late = times(service)[:2]
    first = buy(client, service, starts_at=early, request_key=KEY)
    second = buy(client, service, starts_at=late, request_key=KEY, **TOM)
    assert second != first
    assert (second.starts_at, second.name, second.email) == (late, TOM["name"], TOM["email"])
    first.refresh_from_db()
    assert first.state == "expired"
    assert early in free_of(service, now=timezone.now())
    assert late not in free_of(service, now=timezone.now())
    assert TOM["email"] in shown(client, second)
    assert "no longer holding" in shown(client, first)
    page = requests.get(f"{provider.server.url}/pay/{first.provider_ref}", timeout=10)
    assert page.status_code == (410 if provider.name == "stripe" else 200)
    pay_there(provider, second, client)
    poll(second)
    booking = Booking.objects.get()
    assert (booking.starts_at, booking.buyer.name) == (late, TOM["name"])
    assert_sound()


@pytest.mark.parametrize("changes", [{"name": "Tom Okafor"}, {"email": "tom@example.com"}, TOM])
def test_who_buys_may_change_while_the_time_stays(
    no_keys: None, expert: Expert, client: Client, changes: dict[str, str]
) -> None:
    service = make_service(expert)
    first = buy(client, service, request_key=KEY)
    second = buy(client, service, starts_at=first.starts_at, request_key=KEY, **changes)
    found = Checkout.objects.get(state="open")
    assert found == second != first
    assert {"name": found.name, "email": found.email} == {
        "name": "Lena Vogel", "email": EMAIL, **changes,
    }  # fmt: skip


def test_the_second_content_twice_is_one_purchase(
    no_keys: None, expert: Expert, client: Client
) -> None:
    service = make_service(expert)
    first = buy(client, service, request_key=KEY)
    again = [
        buy(client, service, starts_at=first.starts_at, request_key=KEY, **TOM) for _ in range(3)
    ]
    assert len(set(again)) == 1
    assert Checkout.objects.count() == 2


def test_however_often_it_is_changed_one_time_is_kept(
    no_keys: None, expert: Expert, client: Client
) -> None:
    """It does not use up what an address may keep at once."""
    service = make_service(expert)
    for at in times(service)[:6]:
        buy(client, service, starts_at=at, request_key=KEY)
    kept = Checkout.objects.get(state="open")
    assert kept.starts_at == at


@pytest.mark.parametrize("price_minor", [0, 240000])
def test_what_is_booked_already_is_said_and_nothing_else_is_booked(
    no_keys: None, expert: Expert, client: Client, price_minor: int
) -> None:
    service = make_service(expert, price_minor=price_minor)
    early, late = times(service)[:2]
    first = buy(client, service, starts_at=early, request_key=KEY)
    client.post(f"/checkout/{first.key}/pay/")
    booking = Booking.objects.get()
    answer = send_form(client, service, starts_at=late, request_key=KEY, **TOM)
    assert answer.status_code == 409
    assert "Your call is booked already:" in read(answer)
    assert f"(Berlin), for Lena Vogel, {EMAIL}. Nothing else was booked." in read(answer)
    assert (Booking.objects.get(), Checkout.objects.count()) == (booking, 1)
    assert f'value="{KEY}"' not in answer.content.decode(), "sent again, it is another purchase"
    assert buy(client, service, starts_at=late, **TOM)


def test_a_second_time_that_is_taken_leaves_the_first_as_it_was(
    no_keys: None, expert: Expert, client: Client
) -> None:
    service = make_service(expert)
    early, late = times(service)[:2]
    first = buy(client, service, starts_at=early, request_key=KEY)
    buy(Client(), service, starts_at=late, email="priya@example.com")
    answer = send_form(client, service, starts_at=late, request_key=KEY)
    assert answer.status_code == 409
    assert "just been taken" in read(answer)
    first.refresh_from_db()
    assert first.state == "open"


def test_a_first_purchase_that_has_run_out_is_no_obstacle(
    no_keys: None, expert: Expert, client: Client
) -> None:
    service = make_service(expert)
    first = buy(client, service, request_key=KEY)
    Checkout.objects.update(expires_at=timezone.now() - HELD_FOR)
    second = buy(client, service, starts_at=first.starts_at, request_key=KEY, **TOM)
    assert second.email == TOM["email"]


def test_another_zone_or_clock_is_the_same_purchase_shown_otherwise(
    no_keys: None, expert: Expert, client: Client
) -> None:
    service = make_service(expert)
    first = buy(client, service, request_key=KEY)
    again = buy(
        client, service, starts_at=first.starts_at, request_key=KEY, tz="Asia/Tokyo", clock="12"
    )
    assert again == first
    assert (again.time_zone, again.clock) == ("Asia/Tokyo", "12")
    assert "Tokyo" in shown(client, again)


def test_a_form_sent_for_another_call_lets_go_of_nothing(
    no_keys: None, expert: Expert, client: Client
) -> None:
    first = buy(client, make_service(expert), request_key=KEY)
    for other in (make_service(expert), make_service(make_expert(min_notice_minutes=60))):
        answer = send_form(client, other, request_key=KEY)
        assert answer.status_code == 409
        assert "was sent for another call" in read(answer)
    assert Checkout.objects.get(state="open") == first


def test_money_for_the_first_one_is_found_all_the_same(
    provider: Provider, expert: Expert, client: Client
) -> None:
    """Paid in another tab, whose page the provider did not close."""
    service = make_service(expert)
    first = buy(client, service, request_key=KEY)
    provider.fault("gateway", match="^POST /v1/checkout/sessions/[^/]+/expire$")
    second = buy(client, service, starts_at=first.starts_at, request_key=KEY, **TOM)
    pay_anyway(provider, first)
    poll(first)
    assert first.state == "refunded", "the time is kept for the second one"
    pay_there(provider, second, client)
    poll(second)
    assert (second.state, Payment.objects.count()) == ("paid", 2)
    assert_sound()


def test_sent_at_once_with_different_times_one_is_kept(transactional_db: None) -> None:
    service = make_service(make_expert(min_notice_minutes=60))
    now = timezone.now()

    def sending(at: datetime) -> Any:
        return lambda: checkouts.start(
            service,
            starts_at=at,
            buyer=Buyer("Lena Vogel", EMAIL, "Europe/Berlin", "24"),
            provider="sandbox",
            request_key=KEY,
            now=now,
        )

    results = together(*[sending(at) for at in times(service)[:4]])
    assert [result for result in results if isinstance(result, Exception)] == []
    assert Checkout.objects.filter(state="open").count() == 1
    connection.close()
