"""What a page says is what a provider charges and sends back, in every currency there is. (M17)"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from babel.numbers import list_currencies
from django.test import Client

from bookings import formats
from bookings.forms.actions import to_minor
from bookings.gateways import NotTaken, Order, is_counted_alike, orders_at, why_not
from bookings.imports.lines import read_price_minor
from bookings.models import Checkout, Expert
from bookings.models import Provider as Name
from tests import shoppers
from tests.builders import make_expert, make_service, make_staff
from tests.engine import connect
from tests.provider.server import StandIn
from tests.shoppers import buy, send_form
from tests.staff_pages import expert_form, url

expert = shoppers.expert
ALL = sorted(list_currencies())
REMOTE = ("stripe", "razorpay")
STRIPE_ZERO = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
STRIPE_THREE = "BHD JOD KWD OMR TND"
"""docs.stripe.com/currencies; its special cases ISK and UGX are passed in with two decimals"""
RAZORPAY_ZERO = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
RAZORPAY_THREE = "BHD IQD JOD KWD OMR TND"
"""razorpay.com/docs/payments/international-payments: the exponents 0 and 3"""
UNITS = {
    "stripe": dict.fromkeys(re.findall(r"\w+", STRIPE_ZERO), 1)
    | dict.fromkeys(re.findall(r"\w+", STRIPE_THREE), 1000),
    "razorpay": dict.fromkeys(re.findall(r"\w+", RAZORPAY_ZERO), 1)
    | dict.fromkeys(re.findall(r"\w+", RAZORPAY_THREE), 1000),
}
"""How many of the units a provider counts in make a whole one, where that is not a hundred."""


def one(currency: str) -> int:
    """One whole unit, as a line of an import says it."""
    return read_price_minor("1", currency)


@pytest.mark.parametrize("currency", ALL)
def test_pages_forms_and_imports_count_alike(currency: str) -> None:
    minor = one(currency)
    assert to_minor("1", currency) == minor
    assert re.sub(r"\D", "", formats.money(minor, currency)) == "1"


@pytest.mark.parametrize("provider", REMOTE)
def test_a_provider_is_only_asked_in_currencies_it_counts_as_the_pages_do(provider: str) -> None:
    counted = {currency: UNITS[provider].get(currency, 100) for currency in ALL}
    alike = {currency for currency in ALL if one(currency) == counted[currency]}
    assert {currency for currency in ALL if is_counted_alike(provider, currency)} == alike
    assert {currency for currency in ALL if not why_not(provider, 1000, currency)} == alike
    assert {"INR", "EUR", "USD", "JPY", "KWD", "HUF", "TWD"} <= alike
    assert not {"RSD", "ALL", "AFN", "LAK", "LBP", "MMK", "SOS", "YER", "IQD", "LYD"} & alike


def test_where_the_lists_differ() -> None:
    assert [is_counted_alike(name, "ISK") for name in REMOTE] == [False, True]
    assert [is_counted_alike(name, "UGX") for name in REMOTE] == [False, True]
    assert [is_counted_alike(name, "MGA") for name in REMOTE] == [True, False]


@pytest.mark.parametrize("provider", [Name.MANUAL, Name.SANDBOX])
def test_by_hand_and_in_the_sandbox_every_currency_goes(provider: str) -> None:
    assert all(is_counted_alike(provider, currency) for currency in ALL)
    assert why_not(provider, 12345, "KWD") == ""


@pytest.mark.parametrize("provider", REMOTE)
def test_thousandths_end_in_a_zero(provider: str) -> None:
    assert why_not(provider, 12340, "KWD") == ""
    assert "only in steps of 0.010" in why_not(provider, 12345, "KWD")


# --- selling ------------------------------------------------------------------------------------


def order(currency: str) -> Order:
    return Order(
        key=f"key-of-{currency}",
        title="UX audit",
        amount_minor=5000 * one(currency),
        currency=currency,
        email="lena@example.com",
        created_at=datetime.now(UTC),
        success_url="https://example.com/paid",
        cancel_url="https://example.com/",
    )


@pytest.mark.parametrize("provider", REMOTE)
def test_of_5000_on_the_page_every_order_asks_5000_or_nothing(
    provider: str, server: StandIn, settings: Any
) -> None:
    books = connect(server, provider, settings).server.books
    orders = orders_at(provider)
    assert orders is not None
    refused = set()
    for currency in ALL:
        try:
            ref = orders.open(order(currency)).provider_ref
        except NotTaken:
            refused.add(currency)
        else:
            asked = books.store.all("order")[ref]
            amount = asked["amount_total" if provider == "stripe" else "amount"]
            assert amount == 5000 * UNITS[provider].get(currency, 100), currency
    assert refused == {currency for currency in ALL if not is_counted_alike(provider, currency)}


@pytest.mark.django_db
def test_a_call_is_offered_with_the_providers_that_count_as_its_page_does(
    server: StandIn, settings: Any, expert: Expert, client: Client
) -> None:
    connect(server, "stripe", settings)
    both = make_service(expert, currency="JPY", price_minor=5000)
    assert 'name="way"' in client.get(f"/with/{expert.slug}/{both.pk}/").content.decode()
    checkout = buy(client, make_service(expert, currency="ISK", price_minor=5000))
    assert checkout.provider == "razorpay"


@pytest.mark.django_db
def test_a_call_that_no_provider_counts_so_is_not_sold(
    server: StandIn, settings: Any, expert: Expert, client: Client
) -> None:
    connect(server, "stripe", settings)
    service = make_service(expert, currency="RSD", price_minor=5000)
    answer = send_form(client, service)
    assert answer.status_code == 503
    assert "cannot be paid for at the moment" in answer.content.decode()
    assert not Checkout.objects.exists()


# --- putting on sale ----------------------------------------------------------------------------


def put_on_sale(client: Client, **service: str) -> str:
    """Staff adds a call to what an expert sells; the page that follows."""
    expert = make_expert()
    expert.weekly_hours.all().delete()
    row = {"title": "UX audit", "duration_minutes": "60", "place_kind": "room", "is_active": "on"}
    row |= service
    rows = {f"services-0-{name}": value for name, value in row.items()}
    form = expert_form(expert, **{"services-TOTAL_FORMS": "1"}, **rows)
    return client.post(url(expert), form, follow=True).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("service", "sentence"),
    [
        ({"price": "5000", "currency": "RSD"}, "counts RSD in other units"),
        ({"price": "12.345", "currency": "KWD"}, "only in steps of 0.010"),
        ({"price": "5000", "currency": "ISK"}, ""),  # Razorpay takes it
        ({"price": "0", "currency": "RSD"}, ""),
        ({"price": "5000", "currency": "RSD", "is_active": ""}, ""),
    ],
)
def test_a_price_that_no_provider_takes_is_refused_when_it_is_written(
    server: StandIn, settings: Any, client: Client, service: dict[str, str], sentence: str
) -> None:
    connect(server, "stripe", settings)
    client.force_login(make_staff())
    page = put_on_sale(client, **service)
    assert ("was changed successfully" in page) == (not sentence)
    assert sentence in page


@pytest.mark.django_db
def test_without_keys_any_price_can_be_prepared(settings: Any, client: Client) -> None:
    settings.STRIPE_SECRET_KEY = settings.RAZORPAY_KEY_ID = ""
    client.force_login(make_staff())
    page = put_on_sale(client, price="5000", currency="RSD")
    assert "was changed successfully" in page
