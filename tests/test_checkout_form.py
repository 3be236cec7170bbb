"""What is written into the form, and calls that no provider is needed for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bookings import checkouts, lifecycle, sweeps
from bookings.checkouts import settling
from bookings.models import (
    Booking,
    Checkout,
    Expert,
    Follower,
    Payment,
)
from bookings.slots import free_of
from tests import shoppers
from tests.builders import make_expert, make_service, staff
from tests.follower_pages import read
from tests.provider.running import Provider
from tests.shoppers import (
    EMAIL,
    assert_sound,
    begin,
    buy,
    send_form,
    shown,
)

pytestmark = pytest.mark.django_db
provider, expert, no_keys = shoppers.provider, shoppers.expert, shoppers.no_keys


# --- without a provider, and for nothing --------------------------------------------------------


def test_the_sandbox_needs_no_keys(no_keys: None, expert: Expert, client: Client) -> None:
    checkout = buy(client, make_service(expert))
    assert "Pay with the sandbox" in shown(client, checkout)
    for _ in range(2):
        assert client.post(f"/checkout/{checkout.key}/pay/").status_code == 302
    booking = Booking.objects.get()
    assert (booking.payment.provider, booking.payment.captured_minor) == ("sandbox", 240000)
    assert "is booked" in shown(client, checkout)
    lifecycle.refund_now(booking.pk, actor=staff(), now=timezone.now(), reason="Sorry")
    assert_sound()


def test_a_free_call_is_booked_at_once(no_keys: None, expert: Expert, client: Client) -> None:
    service = make_service(expert, price_minor=0, currency="EUR")
    checkout = buy(client, service)
    booking = Booking.objects.get()
    assert (checkout.booking, checkout.state) == (booking, "paid")
    assert not hasattr(booking, "payment")
    assert "is booked" in shown(client, checkout)
    assert_sound()


def test_the_address_is_shown_before_and_after_paying(
    no_keys: None, expert: Expert, client: Client
) -> None:
    checkout = buy(client, make_service(expert))
    page = f"/checkout/{checkout.key}/"
    assert f"We will write to {EMAIL}. Is this wrong? Go back" in read(client.get(page))
    client.post(f"{page}pay/")
    assert f"private links to {EMAIL}" in read(client.get(page))


def test_going_back_to_correct_the_address_keeps_the_time_chosen(
    no_keys: None, expert: Expert, client: Client
) -> None:
    checkout = buy(client, make_service(expert))
    answer = client.post(f"/checkout/{checkout.key}/leave/", {"same": "yes"})
    page = client.get(answer["Location"]).content.decode()
    assert f'value="{checkout.starts_at:%Y-%m-%dT%H:%MZ}" required checked' in page
    assert '<option value="Europe/Berlin" selected>' in page


def test_what_was_bought_has_its_calendar_file_as_long_as_it_stands(
    no_keys: None, expert: Expert, client: Client
) -> None:
    checkout = buy(client, make_service(expert))
    path = f"/checkout/{checkout.key}/call.ics"
    assert client.get(path).status_code == 404, "not paid yet"
    client.post(f"/checkout/{checkout.key}/pay/")
    assert path in client.get(f"/checkout/{checkout.key}/").content.decode()
    assert f"DTSTART:{checkout.starts_at:%Y%m%dT%H%M%SZ}" in client.get(path).content.decode()
    booking = Booking.objects.get()
    lifecycle.cancel(booking.pk, actor=staff(), now=timezone.now(), reason="Ill")
    assert client.get(path).status_code == 404
    assert path not in client.get(f"/checkout/{checkout.key}/").content.decode()


def test_the_sandbox_cannot_pay_what_a_provider_is_to_be_paid(
    provider: Provider, expert: Expert, client: Client
) -> None:
    checkout = buy(client, make_service(expert))
    client.post(f"/checkout/{checkout.key}/pay/")
    checkouts.pay_in_sandbox(checkout, now=timezone.now())
    assert not Payment.objects.exists()


# --- what is written into the form --------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": ""}, "Write your name."),
        ({"name": "x" * 81}, "at most 80"),
        ({"name": 'http://evil.example/win">Lena'}, "without a web address"),
        ({"name": "Lena, see WWW.evil.example"}, "without a web address"),
        ({"email": "lena"}, "like name@example.com"),
        ({"email": "a@b.de\r\nBcc: c@d.de"}, "like name@example.com"),
        ({"slot": ""}, "Choose a time."),
        ({"slot": "tomorrow"}, "Choose one of the times"),
        ({"slot": "2020-01-01T00:00Z"}, "is in the past"),
        ({"slot": "9999-12-31T23:59Z"}, "too far ahead"),
    ],
)
def test_bad_input_gets_a_sentence(
    no_keys: None, expert: Expert, client: Client, changes: dict[str, Any], sentence: str
) -> None:
    answer = send_form(client, make_service(expert), **changes)
    assert answer.status_code in (409, 422)
    assert sentence in answer.content.decode()
    assert not Checkout.objects.exists()


def test_price_expert_and_provider_cannot_be_sent(
    no_keys: None, expert: Expert, client: Client
) -> None:
    checkout = buy(
        client, make_service(expert), price_minor="1", currency="XXX", provider="manual", way="x"
    )
    assert (checkout.price_minor, checkout.currency) == (240000, "INR")
    assert checkout.provider == "sandbox"


def test_somebody_known_keeps_name_and_zone(no_keys: None, expert: Expert, client: Client) -> None:
    """Anybody can write an address into a form; what we know of its owner is not theirs to change."""
    known = Follower.objects.create(name="Lena Vogel", email=EMAIL, time_zone="UTC")
    checkout = buy(client, make_service(expert), name="Somebody Else", email=EMAIL.upper())
    client.post(f"/checkout/{checkout.key}/pay/")
    known.refresh_from_db()
    assert (known.name, known.time_zone) == ("Lena Vogel", "UTC")
    assert Booking.objects.get().follower == known


def test_one_address_keeps_few_times(no_keys: None, expert: Expert, client: Client) -> None:
    service = make_service(expert)
    times = free_of(service, now=timezone.now())[::4]
    answers = [send_form(client, service, starts_at=at).status_code for at in times[:5]]
    assert answers == [302, 302, 302, 409, 409]


def test_one_address_has_few_free_calls_of_an_expert_to_come(
    no_keys: None, expert: Expert, client: Client
) -> None:
    """Otherwise anybody could fill a calendar in a minute, with nothing to pay."""
    free, paid = make_service(expert, price_minor=0), make_service(expert)
    times = free_of(free, now=timezone.now())[::4]
    answers = [send_form(client, free, starts_at=at) for at in times[:6]]
    assert [answer.status_code for answer in answers] == [302] * 3 + [409] * 3
    assert "several free calls with Maya ahead of you" in read(answers[3])
    assert Booking.objects.count() == 3
    assert send_form(client, free, starts_at=times[3], email=EMAIL.upper()).status_code == 409
    assert send_form(client, paid, starts_at=times[3]).status_code == 302, "paid ones go on"
    assert begin(free, starts_at=times[6], now=times[2]), "one of them is over"


def test_free_calls_of_other_people_or_other_experts_do_not_count(
    no_keys: None, expert: Expert, client: Client
) -> None:
    free = make_service(expert, price_minor=0)
    times = free_of(free, now=timezone.now())[::4]
    for at in times[:3]:
        buy(client, free, starts_at=at)
    assert buy(client, free, starts_at=times[3], email="priya@example.com")
    assert buy(client, make_service(make_expert("Somebody Else"), price_minor=0))
    lifecycle.cancel(
        Booking.objects.earliest("starts_at").pk, actor=staff(), now=timezone.now(), reason="Ill"
    )
    assert buy(client, free, starts_at=times[4])


def test_only_what_is_for_sale_is_shown(no_keys: None, expert: Expert, client: Client) -> None:
    service = make_service(expert, is_active=False)
    assert client.get(f"/with/{expert.slug}/{service.pk}/").status_code == 404
    other = make_service(make_expert("Somebody Else"))
    assert client.get(f"/with/{expert.slug}/{other.pk}/").status_code == 404
    assert "Nothing to book" in client.get(f"/with/{expert.slug}/").content.decode()
    assert client.get("/with/nobody/").status_code == 404
    assert client.get("/checkout/unknown/").status_code == 404


def test_purchases_that_came_to_nothing_are_forgotten(
    no_keys: None, expert: Expert, client: Client
) -> None:
    service = make_service(expert)
    bought, left = buy(client, service), buy(client, service, email="priya@example.com")
    client.post(f"/checkout/{bought.key}/pay/")
    now = timezone.now()
    for day in range(len(settling.ASK_AFTER) + 1):
        sweeps.run(now=now + timedelta(days=day))
    assert Checkout.objects.filter(pk=left.pk, state="expired").exists()
    settling.forget_old(now=now + timedelta(days=91))
    assert list(Checkout.objects.all()) == [bought]


@pytest.mark.parametrize("number", ["0", "99999999999999999999999", "9223372036854775808"])
def test_numbers_that_no_service_has_are_404(
    no_keys: None, expert: Expert, client: Client, number: str
) -> None:
    assert client.get(f"/with/{expert.slug}/{number}/").status_code == 404


def test_money_back_is_promised_only_where_something_is_paid(
    no_keys: None, expert: Expert, client: Client
) -> None:
    free, paid = make_service(expert, price_minor=0), make_service(expert)
    assert "you get your money back" in read(client.get(f"/with/{expert.slug}/{paid.pk}/"))
    assert "you get your money back" not in read(client.get(f"/with/{expert.slug}/{free.pk}/"))
    assert "you get your money back" in read(client.get(f"/with/{expert.slug}/"))
    paid.delete()
    assert "you get your money back" not in read(client.get(f"/with/{expert.slug}/"))
