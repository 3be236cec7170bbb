"""The time while somebody pays, and money that came too late or twice or wrong."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from django.test import Client
from django.utils import timezone

from bookings import checkouts, sweeps
from bookings.models import (
    Booking,
    Checkout,
    Expert,
    OutboxEmail,
    Payment,
    ProviderEvent,
    Refund,
    RefundState,
)
from bookings.slots import free_of
from bookings.states import State
from tests import shoppers
from tests.builders import make_expert, make_service
from tests.provider.running import Provider
from tests.shoppers import (
    MINUTE,
    assert_sound,
    buy,
    deliver,
    leave,
    paid_back,
    pay_anyway,
    pay_there,
    poll,
    send_form,
    shown,
    work,
)
from tests.test_races import together

pytestmark = pytest.mark.django_db
provider, expert = shoppers.provider, shoppers.expert


# --- the time while somebody pays ---------------------------------------------------------------


def test_a_time_is_kept_while_somebody_pays_and_free_again_afterwards(
    provider: Provider, expert: Expert, client: Client
) -> None:
    service = make_service(expert)
    now = timezone.now()
    checkout = buy(client, service)
    assert checkout.starts_at not in free_of(service, now=now)
    again = send_form(Client(), service, starts_at=checkout.starts_at, email="priya@example.com")
    assert again.status_code == 409
    assert "just been taken" in again.content.decode()
    assert checkout.starts_at in free_of(service, now=now + checkouts.HELD_FOR + MINUTE)
    sweeps.run(now=now + checkouts.HELD_FOR + MINUTE)
    checkout.refresh_from_db()
    assert checkout.state == "expired"
    assert "no longer holding" in shown(client, checkout)
    assert buy(Client(), service, starts_at=checkout.starts_at, email="priya@example.com")


def test_paid_after_the_time_was_let_go_but_is_still_free(
    provider: Provider, expert: Expert, client: Client
) -> None:
    checkout = buy(client, make_service(expert))
    leave(provider, checkout)
    pay_anyway(provider, checkout)
    poll(checkout)
    assert (checkout.state, Booking.objects.get().state) == ("paid", State.SCHEDULED)


def test_paid_for_a_time_that_somebody_else_got_goes_back_in_full(
    provider: Provider, expert: Expert, client: Client
) -> None:
    """Two people pay for the same time; nobody's money stays with us for nothing."""
    service = make_service(expert, price_minor=240000)
    first = buy(client, service)
    leave(provider, first)
    second = buy(Client(), service, starts_at=first.starts_at, email="priya@example.com")
    pay_there(provider, second, client)
    poll(second)
    pay_anyway(provider, first)
    poll(first)
    assert (first.state, second.state) == ("refunded", "paid")
    work()
    assert first.booking is not None
    refund = first.booking.refunds.get()
    for _ in range(3):
        refund.refresh_from_db()
        sweeps.run(now=refund.next_attempt_at or timezone.now())
    refund.refresh_from_db()
    assert (refund.state, refund.amount_minor) == (RefundState.SUCCEEDED, 240000)
    assert paid_back(provider, refund.payment) == [240000]
    assert first.booking.state == State.CANCELLED
    assert set(first.booking.emails.values_list("kind", flat=True)) == {
        "time_taken", "refund_confirmed",
    }  # fmt: skip
    assert "Somebody else booked this time" in shown(client, first)
    assert_sound()


def test_however_often_and_by_whomever_it_is_asked_there_is_one_booking(
    provider: Provider, expert: Expert, client: Client
) -> None:
    checkout = buy(client, make_service(expert))
    pay_there(provider, checkout, client)
    for _ in range(3):
        client.post(f"/checkout/{checkout.key}/check/")
        deliver(provider, client)
        work()
        poll(checkout)
    assert Booking.objects.count() == Payment.objects.count() == 1
    assert not ProviderEvent.objects.exclude(last_error="").exists()
    assert OutboxEmail.objects.filter(kind="booked").count() == 1


def test_coming_back_proves_nothing(provider: Provider, expert: Expert, client: Client) -> None:
    checkout = buy(client, make_service(expert))
    for method in (client.get, client.post):
        method(f"/checkout/{checkout.key}/back/")
        method(f"/checkout/{checkout.key}/?paid=1")
    client.post(f"/checkout/{checkout.key}/check/")
    client.post(f"/checkout/{checkout.key}/pay/")
    assert not Booking.objects.exists()
    assert "We are asking" in client.get(f"/checkout/{checkout.key}/?paid=1").content.decode()
    checkout.refresh_from_db()
    assert checkout.state == "open"


def test_a_page_only_reads(provider: Provider, expert: Expert, client: Client) -> None:
    """Mail scanners open links: the provider is asked by a POST, or by ourselves."""
    checkout = buy(client, make_service(expert))
    pay_there(provider, checkout, client)
    for _ in range(2):
        client.get(f"/checkout/{checkout.key}/?paid=1")
    assert not Booking.objects.exists()
    client.post(f"/checkout/{checkout.key}/check/")
    assert Booking.objects.count() == 1


def test_the_same_form_twice_is_one_purchase(
    provider: Provider, expert: Expert, client: Client
) -> None:
    service = make_service(expert)
    key = "k" * 24
    first = buy(client, service, request_key=key)
    second = buy(client, service, starts_at=first.starts_at, request_key=key)
    assert first == second
    assert first.provider_ref == second.provider_ref


@pytest.mark.parametrize("provider", ["razorpay"], indirect=True)
def test_payments_that_are_only_authorised_are_captured(
    provider: Provider, expert: Expert, client: Client
) -> None:
    checkout = buy(client, make_service(expert))
    requests.post(f"{provider.server.url}/pay/{checkout.provider_ref}", {"hold": "1"}, timeout=10)
    poll(checkout)
    payment = Payment.objects.get()
    assert provider.server.books.summary()[payment.provider_ref]["is_captured"]


@pytest.mark.parametrize(
    ("minor", "currency", "words"),
    [(5000, "JPY", "¥5,000"), (12340, "KWD", "KWD\xa012.340"), (5950, "EUR", "€59.50")],
)
def test_minor_units_are_the_currencys_own(
    provider: Provider, expert: Expert, client: Client, minor: int, currency: str, words: str
) -> None:
    service = make_service(expert, price_minor=minor, currency=currency)
    checkout = buy(client, service)
    assert words in shown(client, checkout)
    pay_there(provider, checkout, client)
    poll(checkout)
    payment = Payment.objects.get()
    booked = provider.server.books.summary()[payment.provider_ref]
    assert (booked["amount_minor"], booked["currency"]) == (minor, currency)
    assert (payment.captured_minor, payment.currency) == (minor, currency)


def test_an_amount_that_was_not_agreed_goes_back(
    provider: Provider, expert: Expert, client: Client
) -> None:
    """The price is that of the moment of the purchase; anything else is nobody's decision."""
    checkout = buy(client, make_service(expert, price_minor=240000))
    Checkout.objects.filter(pk=checkout.pk).update(price_minor=250000)
    pay_there(provider, checkout, client)
    poll(checkout)
    assert checkout.state == "refunded"
    assert Refund.objects.get().amount_minor == 240000


@pytest.mark.parametrize("has_rival", [False, True])
def test_all_who_bring_the_news_at_once_make_one_booking(
    provider: Provider, client: Client, transactional_db: None, has_rival: bool
) -> None:
    """Webhook, return and poll in the same moment; and two buyers of one time."""
    service = make_service(make_expert(min_notice_minutes=60))
    bought = [buy(client, service)]
    if has_rival:
        leave(provider, bought[0])
        at = bought[0].starts_at
        bought.append(buy(Client(), service, starts_at=at, email="priya@example.com"))
    for checkout in bought:
        pay_anyway(provider, checkout)

    def asking(checkout: Checkout) -> Any:
        return lambda: checkouts.ask(Checkout.objects.get(pk=checkout.pk), now=timezone.now())

    results = together(*[asking(checkout) for checkout in bought for _ in range(4)])
    assert [result for result in results if isinstance(result, Exception)] == []
    live = Booking.objects.filter(state=State.SCHEDULED)
    assert (live.count(), Payment.objects.count()) == (1, len(bought))
    assert Refund.objects.count() == len(bought) - 1
