"""A time that is kept for a buyer is given to nobody else, whoever pays first."""

from __future__ import annotations

import pytest
import requests
from django.test import Client
from django.utils import timezone

from bookings.models import Checkout, Expert
from tests import shoppers
from tests.builders import make_booking, make_service
from tests.provider.running import Provider
from tests.shoppers import assert_sound, buy, leave, pay_anyway, pay_there, poll, shown

pytestmark = pytest.mark.django_db
provider, expert, no_keys = shoppers.provider, shoppers.expert, shoppers.no_keys


def test_what_is_given_up_can_be_paid_no_more_where_the_provider_can_close_it(
    provider: Provider, expert: Expert, client: Client
) -> None:
    checkout = buy(client, make_service(expert))
    client.post(f"/checkout/{checkout.key}/leave/")
    checkout.refresh_from_db()
    assert checkout.state == "expired"
    page = requests.get(f"{provider.server.url}/pay/{checkout.provider_ref}", timeout=10)
    assert page.status_code == (410 if provider.name == "stripe" else 200)


@pytest.mark.parametrize("is_late", [False, True])
def test_a_time_kept_for_somebody_is_not_given_to_who_let_it_go(
    provider: Provider, expert: Expert, client: Client, is_late: bool
) -> None:
    """Whoever was promised the time and pays for it gets it, though the other pays first."""
    service = make_service(expert)
    first = buy(client, service)
    if is_late:
        Checkout.objects.filter(pk=first.pk).update(expires_at=timezone.now())
    else:
        leave(provider, first)
    second = buy(Client(), service, starts_at=first.starts_at, email="priya@example.com")
    assert "We are holding this time for you until" in shown(client, second)
    pay_anyway(provider, first)
    poll(first)
    assert first.state == "refunded"
    assert "We are holding this time for you until" in shown(client, second)
    pay_there(provider, second, client)
    poll(second)
    assert second.state == "paid"
    assert first.booking is not None
    assert first.booking.refunds.get().amount_minor == first.price_minor
    assert_sound()


def test_a_time_that_a_call_has_taken_is_not_kept_for_anybody(
    no_keys: None, expert: Expert, client: Client
) -> None:
    """An import, say, asks for no time that is free."""
    service = make_service(expert)
    checkout = buy(client, service)
    make_booking(expert, starts_at=checkout.starts_at, service=service)
    assert "holding this time for you until" not in shown(client, checkout)
    assert "no longer holding" in shown(client, checkout)
