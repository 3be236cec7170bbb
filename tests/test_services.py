"""Experts change what they sell themselves; a call that is booked stays as it was bought."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from bookings.formats import read_money, typed_money
from bookings.forms.shop import ServiceForm, usual_currency
from bookings.models import Booking, Expert, Service
from tests.builders import (
    NOW,
    PASSWORD,
    make_booking,
    make_expert,
    make_service,
    make_staff,
)
from tests.staff_pages import shown

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("25", "EUR", 2500),
        ("25.00", "EUR", 2500),
        ("25,00", "EUR", 2500),
        ("25.5", "EUR", 2550),
        (" 1,234.50 ", "USD", 123450),
        ("1.234,50", "EUR", 123450),
        ("1,234", "USD", 123400),
        ("1.234", "EUR", 123400),
        ("1 234,50", "EUR", 123450),
        ("1'234.50", "CHF", 123450),
        ("1,20,000", "INR", 12000000),
        ("1,20,000.50", "INR", 12000050),
        ("2400", "JPY", 2400),
        ("2,400", "JPY", 2400),
        ("24.00", "JPY", None),
        ("1.250", "KWD", 1250),
        ("1,250", "KWD", None),
        ("1,250,000", "KWD", None),
        ("1,250.000", "KWD", 1250000),
        ("0.500", "EUR", None),
        ("0,125", "USD", None),
        ("000,100", "EUR", None),
        ("0,20,000", "INR", None),
        ("9,999,999,999.99", "EUR", 999999999999),
        ("10,000,000,000", "EUR", None),
        ("0", "EUR", 0),
        ("0.00", "EUR", 0),
        ("", "EUR", None),
        ("free", "EUR", None),
        ("-5", "EUR", None),
        ("5-", "EUR", None),
        ("1e3", "EUR", None),
        ("25.0001", "EUR", None),
        ("1,234,50", "EUR", None),
        ("1,250.5", "KWD", 1250500),
        ("25.", "EUR", None),
        (".5", "EUR", None),
        ("1,23,4", "EUR", None),
        ("٢٥", "EUR", None),
        ("²5", "EUR", None),
        ("€25", "EUR", None),
        ("9" * 30, "EUR", None),
    ],
)
def test_money_is_read_as_it_is_typed(text: str, currency: str, minor: int | None) -> None:
    assert read_money(text, currency) == minor


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD", "INR"])
@pytest.mark.parametrize("minor", [0, 1, 99, 100, 2500, 123456789])
def test_what_a_form_shows_is_read_as_the_same_amount(minor: int, currency: str) -> None:
    assert read_money(typed_money(minor, currency), currency) == minor


def typed(**changes: str) -> dict[str, str]:
    form = {
        "title": "Portfolio review",
        "duration_minutes": "45",
        "price": "25.00",
        "currency": "EUR",
        "place_kind": "address",
        "place": "https://meet.example.com/maya",
        "is_active": "on",
    }
    return {name: value for name, value in {**form, **changes}.items() if value}


def test_the_first_service_stands_on_the_public_page(desk: Client, maya: Expert) -> None:
    shop = reverse("shop", kwargs={"slug": maya.slug})
    assert "Nothing to book" in desk.get(shop).content.decode()
    assert "You have no services yet" in desk.get("/account/services/").content.decode()
    response = desk.post("/account/services/add/", typed(), follow=True)
    assert "“Portfolio review” has been added." in response.content.decode()
    service = Service.objects.get(expert=maya)
    assert (service.price_minor, service.currency, service.duration_minutes) == (2500, "EUR", 45)
    page = desk.get(shop).content.decode()
    assert "Portfolio review" in page
    assert "€25" in page


def test_a_hidden_service_is_not_sold(desk: Client, maya: Expert, client: Client) -> None:
    service = make_service(maya, price_minor=0)
    buy = reverse("buy", kwargs={"slug": maya.slug, "service_id": service.pk})
    assert client.get(buy).status_code == 200
    desk.post(f"/account/services/{service.pk}/", typed(is_active=""))
    assert client.get(buy).status_code == 404
    assert "Hidden" in desk.get("/account/services/").content.decode()


COPIED = (
    "service_title", "price_minor", "currency", "place", "policy", "starts_at", "ends_at", "answers",
)  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Something else"},
        {"duration_minutes": "90"},
        {"price": "99"},
        {"currency": "USD"},
        {"place": "Elsewhere"},
        {"place_kind": "room", "place": ""},
        {"description": "What we talk about"},
        {"question_0": "What is it about?", "is_required_0": "on"},
        {"is_active": ""},
    ],
)
def test_a_call_that_is_booked_stays_as_it_was_bought(
    desk: Client, maya: Expert, change: dict[str, str]
) -> None:
    booking = make_booking(maya, now=NOW)

    def kept() -> dict[str, Any]:
        return Booking.objects.filter(pk=booking.pk).values(*COPIED).get()

    before, service = kept(), booking.service
    response = desk.post(f"/account/services/{service.pk}/", typed(**change))
    assert response.status_code == 302
    assert kept() == before
    edited = Service.objects.filter(pk=service.pk).values().get()
    assert edited != {"id": service.pk, **{k: getattr(service, k) for k in edited if k != "id"}}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"title": ""}, "Write a title."),
        ({"title": "Taken"}, "You already have a service with this title."),
        ({"duration_minutes": "4"}, "must be at least 5"),
        ({"duration_minutes": "481"}, "must be at most 480"),
        ({"price": ""}, "Write the price as an amount"),
        ({"price": "twenty"}, "Write the price as an amount"),
        ({"price": "0.49"}, "Write at least 0.50, or 0 for a free call."),
        ({"price": "10,000,000,000"}, "Write the price as an amount"),
        ({"price": "24.50", "currency": "JPY"}, "Write the price as an amount"),
        ({"currency": "XXX"}, "Choose a currency from the list."),
        ({"currency": ""}, "Choose the currency."),
        ({"place": "x" * 301}, "at most 300"),
        ({"place_kind": ""}, "Choose where the call takes place."),
        ({"place_kind": "moon"}, "Choose one of the places."),
        ({"place_kind": "address", "place": " "}, "Write the link or the address"),
        ({"place_kind": "call_expert", "place": ""}, "Write the telephone number"),
        ({"description": "x" * 601}, "at most 600"),
        ({"question_0": "x" * 121}, "at most 120"),
        ({"question_0": "Why?", "question_2": "Why?"}, "Two of your questions are the same."),
    ],
)
def test_what_cannot_be_is_said_and_what_was_typed_stays(
    desk: Client, maya: Expert, change: dict[str, str], sentence: str
) -> None:
    make_service(maya, title="Taken")
    response = desk.post("/account/services/add/", typed(**{"place": "My studio", **change}))
    page = response.content.decode()
    assert response.status_code == 422
    assert sentence in page
    assert "Nothing was saved yet" in page
    assert (change.get("place", "My studio") or "Portfolio review")[:50].strip() in page
    assert Service.objects.count() == 1


def test_nobody_edits_the_services_of_others(desk: Client, maya: Expert) -> None:
    other = make_service(make_expert("Lukas Weber"), title="His")
    address = f"/account/services/{other.pk}/"
    assert desk.get(address).status_code == 404
    assert desk.post(address, typed()).status_code == 404
    other.refresh_from_db()
    assert other.title == "His"


def test_the_money_of_the_expert_comes_first(maya: Expert) -> None:
    assert usual_currency(maya) == "INR"
    maya.time_zone = "Europe/Berlin"
    assert usual_currency(maya) == "EUR"
    maya.time_zone = "UTC"
    assert usual_currency(maya) == "USD"
    make_service(maya, currency="CHF")
    assert usual_currency(maya) == "CHF"


def test_money_that_nobody_can_pay_in_is_not_offered_again(
    maya: Expert, settings: Any, desk: Client
) -> None:
    make_service(maya, currency="ISK")
    settings.STRIPE_SECRET_KEY, settings.RAZORPAY_KEY_ID = "sk_test_x", ""
    assert usual_currency(maya) == "INR"
    assert 'value="INR" selected' in desk.get("/account/services/add/").content.decode()


def test_a_second_press_adds_nothing_and_says_the_same(desk: Client, maya: Expert) -> None:
    pages = [desk.post("/account/services/add/", typed(), follow=True) for _ in range(2)]
    for page in pages:
        assert "“Portfolio review” has been added." in page.content.decode()
    assert Service.objects.count() == 1
    other = desk.post("/account/services/add/", typed(price="26"))
    assert other.status_code == 422


def test_a_title_that_another_window_has_just_taken_is_said(
    desk: Client, maya: Expert, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_service(maya, title="Portfolio review")
    monkeypatch.setattr(ServiceForm, "clean_title", lambda self: self.cleaned_data["title"])
    response = desk.post("/account/services/add/", typed(price="30"))
    assert response.status_code == 422
    assert "You already have a service with this title." in response.content.decode()


def test_what_was_typed_is_there_after_signing_in_again(client: Client, maya: Expert) -> None:
    maya.user.set_password(PASSWORD)
    maya.user.save()
    form = typed(title="Typed before", price="31.50", is_active="")
    gone = client.post("/account/services/add/", form)
    signing_in = {"username": maya.user.email, "password": PASSWORD}
    page = client.post(gone.url, signing_in, follow=True).content.decode()
    assert 'value="Typed before"' in page
    assert 'value="31.50"' in page
    assert page.count("checked") == 1  # the place, which was typed as well


def test_staff_who_change_a_name_leave_a_price_that_the_expert_has_just_changed(
    client: Client, maya: Expert
) -> None:
    service = make_service(maya, price_minor=2500, currency="EUR", title="Old")
    client.force_login(make_staff())
    form = shown(client, f"/admin/bookings/expert/{maya.pk}/change/")
    Service.objects.update(price_minor=9900, place="New room", is_active=False)
    page = client.post(
        f"/admin/bookings/expert/{maya.pk}/change/",
        {**form, "name": "Maya F.", "services-0-title": "New"},
        follow=True,
    ).content.decode()
    assert "was changed successfully" in page
    service.refresh_from_db()
    maya.refresh_from_db()
    assert (maya.name, service.title) == ("Maya F.", "New")
    assert (service.price_minor, service.place, service.is_active) == (9900, "New room", False)


def test_staff_who_repeat_a_title_are_told(client: Client, maya: Expert) -> None:
    make_service(maya, title="Old", price_minor=0)
    client.force_login(make_staff())
    row = {"duration_minutes": "30", "price": "0", "currency": "EUR"}

    def sent(*titles: str) -> str:
        form = shown(client, f"/admin/bookings/expert/{maya.pk}/change/")
        for number, title in enumerate(titles, start=1):
            form |= {f"services-{number}-{name}": value for name, value in row.items()}
            form[f"services-{number}-title"] = title
        address = f"/admin/bookings/expert/{maya.pk}/change/"
        return client.post(address, form, follow=True).content.decode()

    assert "You already have a service with this title." in sent("Old")
    assert "Two services have the same title." in sent("Twice", "Twice")
    assert Service.objects.count() == 1


def test_a_price_that_no_provider_takes_is_refused(
    desk: Client, maya: Expert, settings: Any
) -> None:
    settings.STRIPE_SECRET_KEY = "sk_test_x"
    settings.RAZORPAY_KEY_ID = ""
    page = desk.get("/account/services/add/").content.decode()
    assert 'value="EUR"' in page
    assert 'value="RSD"' not in page
    refused = desk.post("/account/services/add/", typed(price="1.255", currency="KWD"))
    assert "only in steps of 0.010" in refused.content.decode()
    assert not Service.objects.exists()


def test_there_is_an_end_to_services(desk: Client, maya: Expert) -> None:
    for number in range(50):
        make_service(maya, title=f"Call {number}")
    assert "Add a service" not in desk.get("/account/services/").content.decode()
    response = desk.post("/account/services/add/", typed(), follow=True)
    assert "You already have 50 services" in response.content.decode()
    assert Service.objects.count() == 50
