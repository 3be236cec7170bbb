"""Going back from paying, and the page of a call that is booked."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bookings import checkouts, lifecycle
from bookings.models import Booking, Checkout, Expert, Follower, Service
from bookings.models import Provider as Ways
from bookings.slots import free_of
from tests import shoppers
from tests.builders import make_service, staff
from tests.follower_pages import all_rows, read
from tests.provider.running import Provider
from tests.shoppers import EMAIL, buy, pay_anyway, shown

pytestmark = pytest.mark.django_db
provider, expert, no_keys = shoppers.provider, shoppers.expert, shoppers.no_keys
PLACE = "https://meet.example.com/maya"


def go_back(client: Client, checkout: Checkout, **pressed: str) -> str:
    """The address that the button leads to."""
    answer = client.post(f"/checkout/{checkout.key}/leave/", pressed)
    assert answer.status_code == 302
    return str(answer["Location"])


def value_of(html: str, name: str) -> str:
    found = re.search(rf'<input[^>]* name="{name}"[^>]*>', html)
    assert found, name
    value = re.search(r' value="([^"]*)"', found[0])
    return value[1] if value else ""


def bought(client: Client, service: Service, **written: Any) -> Checkout:
    checkout = buy(client, service, **written)
    client.post(f"/checkout/{checkout.key}/pay/")
    checkout.refresh_from_db()
    return checkout


# --- going back ---------------------------------------------------------------------------------


def test_going_back_keeps_everything(no_keys: None, expert: Expert, client: Client) -> None:
    service = make_service(expert)
    checkout = buy(client, service, tz="Asia/Tokyo", clock="12")
    address = go_back(client, checkout, same="yes")
    html = client.get(address).content.decode()
    assert (value_of(html, "name"), value_of(html, "email")) == ("Lena Vogel", EMAIL)
    assert f'value="{checkout.starts_at:%Y-%m-%dT%H:%MZ}" required checked' in html
    assert '<option value="Asia/Tokyo" selected>' in html
    assert '<input type="hidden" name="clock" value="12">' in html
    assert service.title in html
    assert EMAIL not in address, "an address is kept in histories and logs"


def test_another_time_keeps_who_buys_it(no_keys: None, expert: Expert, client: Client) -> None:
    html = client.get(go_back(client, buy(client, make_service(expert)))).content.decode()
    assert (value_of(html, "name"), value_of(html, "email")) == ("Lena Vogel", EMAIL)
    assert "required checked" not in html


def test_without_scripts_another_day_and_another_zone_keep_them_too(
    no_keys: None, expert: Expert, client: Client
) -> None:
    address = go_back(client, buy(client, make_service(expert)), same="yes")
    page = address.split("?")[0]
    html = client.get(address).content.decode()
    day = re.findall(r'href="(\?day=[^"]+)"', html)[-1].replace("&amp;", "&")
    assert f'<form id="view" method="get" action="{page}">' in html
    for query in (day, "?tz=Asia/Tokyo&clock=24&day=2026-12-24"):
        assert value_of(client.get(page + query).content.decode(), "name") == "Lena Vogel"


def test_what_is_sent_from_there_is_another_purchase(
    no_keys: None, expert: Expert, client: Client
) -> None:
    first = buy(client, make_service(expert))
    page = go_back(client, first, same="yes").split("?")[0]
    html = client.get(page).content.decode()
    fields = {
        "name": "Lena Vogel",
        "email": "right@example.com",
        "slot": f"{first.starts_at:%Y-%m-%dT%H:%MZ}",
        "tz": "Europe/Berlin",
        "clock": "24",
        "request_key": value_of(html, "request_key"),
    }
    wrong = client.post(page, {**fields, "email": "right"})
    assert (wrong.status_code, value_of(wrong.content.decode(), "email")) == (422, "right")
    answer = client.post(page, fields)
    second = Checkout.objects.latest("pk")
    assert answer["Location"] == f"/checkout/{second.key}/"
    assert (second.email, second.starts_at) == ("right@example.com", first.starts_at)
    first.refresh_from_db()
    assert (first.state, second.state) == ("expired", "open")


def test_the_way_of_paying_is_kept(
    no_keys: None, expert: Expert, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = import_module("bookings.views.buying")
    monkeypatch.setattr(shop, "takers_of", lambda *_: [Ways.RAZORPAY, Ways.SANDBOX])
    checkout = buy(client, make_service(expert), way="sandbox")
    html = client.get(go_back(client, checkout, same="yes")).content.decode()
    assert re.search(r'name="way" value="sandbox"[^>]* checked', html)


def test_a_time_that_is_kept_no_longer_leads_back_as_well(
    no_keys: None, expert: Expert, client: Client
) -> None:
    checkout = buy(client, make_service(expert))
    checkouts.give_up(checkout)
    assert f'href="/checkout/{checkout.key}/again/"' in shown(client, checkout)


def test_who_has_paid_in_another_tab_has_nothing_to_go_back_to(
    no_keys: None, expert: Expert, client: Client
) -> None:
    checkout = bought(client, make_service(expert))
    assert go_back(client, checkout, same="yes") == f"/checkout/{checkout.key}/"


def test_what_is_not_sold_any_more_leads_to_what_is(
    no_keys: None, expert: Expert, client: Client
) -> None:
    service, other = make_service(expert), make_service(expert)
    checkout = buy(client, service)
    Service.objects.filter(pk=service.pk).update(is_active=False)
    assert other.title in read(client.get(go_back(client, checkout), follow=True))


def test_looking_there_changes_nothing(no_keys: None, expert: Expert, client: Client) -> None:
    checkout = buy(client, make_service(expert))
    before = all_rows()
    client.get(f"/checkout/{checkout.key}/again/")
    assert all_rows() == before, "the time is still kept"


# --- the page of what is booked -------------------------------------------------------------------


def test_booked_says_where_and_which_booking_and_leads_to_its_page(
    no_keys: None, expert: Expert, client: Client
) -> None:
    checkout = bought(client, make_service(expert, place=PLACE))
    booking = Booking.objects.get()
    before = all_rows()
    page = client.get(f"/checkout/{checkout.key}/")
    assert all_rows() == before
    html = page.content.decode()
    assert f"Booking {booking.code}" in read(page)
    assert f'<a href="{PLACE}" rel="noreferrer noopener">meet.example.com/maya</a>' in html
    link = re.search(r'href="(/status/[^"]+)"[^>]*>View status', html)
    assert link
    assert booking.code in read(client.get(link[1]))


def test_a_place_that_is_no_address_is_text(no_keys: None, expert: Expert, client: Client) -> None:
    for place, is_shown in (("I call you: +91 22 1234", True), ("javascript:alert(1)", True)):
        checkout = bought(client, make_service(expert, place=place), email=f"{len(place)}@x.org")
        html = shown(client, checkout)
        assert (place in html, f'href="{place}' in html) == (is_shown, False)


def test_a_service_without_a_place_says_nothing(
    no_keys: None, expert: Expert, client: Client
) -> None:
    checkout = buy(client, make_service(expert, place=PLACE))
    assert PLACE not in shown(client, checkout), "not paid yet"
    assert "Where" not in shown(client, bought(client, make_service(expert), email="a@example.com"))


@pytest.mark.parametrize(
    "known",
    [
        {"name": "Lena Known"},
        {"time_zone": "America/New_York"},
    ],
)
def test_who_writes_the_address_of_another_person_learns_nothing_of_them(
    no_keys: None, expert: Expert, client: Client, known: dict[str, str]
) -> None:
    stored = {"name": "Lena Vogel", "time_zone": "Europe/Berlin", **known}
    Follower.objects.create(email=EMAIL, **stored)
    html = shown(client, bought(client, make_service(expert)))
    assert "is booked" in html
    link = re.search(r'href="(/status/[^"]+)"', html)
    assert link, "the page of a stranger's booking has it, too"
    status = client.get(link[1]).content.decode()
    assert not any(value in page for value in known.values() for page in (html, status))


def test_an_address_that_staff_has_changed_takes_the_link_along(
    no_keys: None, expert: Expert, client: Client
) -> None:
    checkout = bought(client, make_service(expert))
    assert "/status/" in shown(client, checkout)
    Follower.objects.update(email="other@example.com")
    assert "/status/" not in shown(client, checkout)


def test_who_comes_back_under_the_same_name_gets_the_link(
    no_keys: None, expert: Expert, client: Client
) -> None:
    service = make_service(expert)
    times = free_of(service, now=timezone.now())[::4]
    for at in times[:2]:
        assert "/status/" in shown(client, bought(client, service, starts_at=at))


def test_what_has_changed_since_is_not_shown_as_booked(
    no_keys: None, expert: Expert, client: Client
) -> None:
    checkout = bought(client, make_service(expert, place=PLACE))
    lifecycle.cancel(Booking.objects.get().pk, actor=staff(), now=timezone.now(), reason="Ill")
    html = shown(client, checkout)
    assert "is booked" not in html
    assert "You bought this call on" in html
    assert "/status/" in html
    assert PLACE not in html


def test_who_paid_too_late_may_choose_another_time(
    provider: Provider, expert: Expert, client: Client
) -> None:
    service = make_service(expert)
    late = buy(client, service)
    shoppers.leave(provider, late)
    other = buy(client, service, starts_at=late.starts_at, email="tom@example.com")
    pay_anyway(provider, other)
    shoppers.poll(other)
    pay_anyway(provider, late)
    shoppers.poll(late)
    assert late.state == "refunded"
    html = shown(client, late)
    assert f'href="/checkout/{late.key}/again/"' in html
    assert "/status/" in html
