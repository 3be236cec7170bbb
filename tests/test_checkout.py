"""Buying a call over real HTTP, from the calendar to the refund, with webhooks and without."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from django.test import Client
from django.utils import timezone

from bookings import checkouts, invariants, lifecycle, sweeps
from bookings.models import (
    Booking,
    Checkout,
    Expert,
    Follower,
    OutboxEmail,
    Payment,
    ProviderEvent,
    Refund,
    RefundState,
    Service,
)
from bookings.slots import free_of
from bookings.standin.server import StandIn
from bookings.states import State
from tests.builders import make_expert, make_service, staff
from tests.providers import Provider, running

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
EMAIL = "lena@example.com"
SECRETS = {"stripe": "whsec_new", "razorpay": "razorpay-new"}


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with running() as server:
        yield server


@pytest.fixture(params=["stripe", "razorpay"])
def provider(request: pytest.FixtureRequest, server: StandIn, settings: Any) -> Provider:
    keys = server.keys
    settings.STRIPE_API_BASE = settings.RAZORPAY_API_BASE = server.url
    settings.STRIPE_WEBHOOK_SECRET = ["whsec_old", keys.stripe_webhook_secret]
    settings.RAZORPAY_WEBHOOK_SECRET = ["old", keys.razorpay_webhook_secret]
    settings.PROVIDER_TIMEOUT = timedelta(seconds=2)
    settings.STRIPE_SECRET_KEY = settings.RAZORPAY_KEY_ID = ""
    if request.param == "stripe":
        settings.STRIPE_SECRET_KEY = keys.stripe_secret_key
    else:
        settings.RAZORPAY_KEY_ID = keys.razorpay_key_id
        settings.RAZORPAY_KEY_SECRET = keys.razorpay_key_secret
    provider = Provider(server, request.param)
    provider.tell(reset=True)
    provider.tell(settles_after=0)
    return provider


@pytest.fixture
def expert() -> Expert:
    return make_expert(min_notice_minutes=60)


def buy(
    client: Client, service: Service, *, starts_at: datetime | None = None, **changes: Any
) -> Checkout:
    """Fill in the calendar's form and send it; the checkout it led to."""
    answer = send_form(client, service, starts_at=starts_at, **changes)
    assert answer.status_code == 302, answer.content.decode()
    return Checkout.objects.get(key=answer["Location"].split("/")[2])


def send_form(
    client: Client, service: Service, *, starts_at: datetime | None = None, **changes: Any
) -> Any:
    url = f"/with/{service.expert.slug}/{service.pk}/"
    page = client.get(url).content.decode()
    key = re.search(r'name="request_key" value="([^"]+)"', page)
    at = starts_at or free_of(service, now=timezone.now())[3]
    fields = {
        "slot": f"{at:%Y-%m-%dT%H:%MZ}",
        "tz": "Europe/Berlin",
        "clock": "24",
        "name": "Lena Vogel",
        "email": EMAIL,
        "request_key": key[1] if key else "",
        **changes,
    }
    return client.post(url, fields)


def pay_there(provider: Provider, checkout: Checkout, client: Client) -> str:
    """What a browser does: open the provider's page and press the button."""
    page = client.get(f"/checkout/{checkout.key}/").content.decode()
    if provider.name == "stripe":
        link = re.search(r'href="(http[^"]+)"[^>]*>Pay at Stripe', page)
        assert link
        url = link[1]
    else:
        action = re.search(r'<form method="post" action="(http[^"]+)"', page)
        fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
        assert action
        url = opened(action[1], dict(fields))
    return press(url)


def opened(url: str, fields: dict[str, str]) -> str:
    """Where the provider's form leads."""
    answer = requests.post(url, fields, allow_redirects=False, timeout=10)
    assert answer.status_code == 303
    return urllib.parse.urljoin(url, answer.headers["Location"])


def press(url: str) -> str:
    """Where its button leads, or the page it shows."""
    answer = requests.post(url, allow_redirects=False, timeout=10)
    assert answer.status_code in (200, 303)
    return answer.headers.get("Location", answer.text)


def deliver(provider: Provider, client: Client) -> int:
    """Every event of the stand-in, as it would send it."""
    events = requests.get(provider.server.url + "/_events", timeout=10).json()["events"]
    for event in events:
        answer = client.post(
            f"/webhooks/{event['provider']}/",
            event["body"],
            content_type="application/json",
            headers=event["headers"],
        )
        assert answer.status_code == 200
    return len(events)


def work() -> None:
    """What the sweep does with the inbox, right now."""
    sweeps.run(now=timezone.now() + timedelta(seconds=1))


def paid_back(provider: Provider, payment: Payment) -> list[int]:
    refunds = provider.server.books.summary()[payment.provider_ref]["refunds"]
    return [line["amount_minor"] for line in refunds if line["status"] != "failed"]


@pytest.mark.parametrize("has_webhooks", [True, False])
def test_booked_paid_refunded_and_seen_as_refunded(
    provider: Provider, expert: Expert, client: Client, has_webhooks: bool
) -> None:
    service = make_service(expert, price_minor=240000, currency="INR", place="https://meet.example")
    checkout = buy(client, service)
    assert (checkout.state, checkout.provider) == ("open", provider.name)
    pay_there(provider, checkout, client)
    if has_webhooks:
        assert deliver(provider, client) >= 2
        work()
    else:
        sweeps.run(now=timezone.now() + MINUTE + timedelta(seconds=1))
        assert not ProviderEvent.objects.exists()
    booking = Booking.objects.get()
    payment = booking.payment
    assert (payment.captured_minor, payment.currency) == (240000, "INR")
    assert (payment.provider, booking.follower.email) == (provider.name, EMAIL)
    assert "Your call with Maya is booked" in shown(client, checkout)
    kinds = set(OutboxEmail.objects.filter(booking=booking).values_list("kind", flat=True))
    assert kinds == {"booked", "booked_expert"}

    lifecycle.refund_now(booking.pk, actor=staff(), now=timezone.now(), reason="Sorry")
    work()
    refund = Refund.objects.get()
    if has_webhooks:
        deliver(provider, client)
        work()
    else:
        for _ in range(3):
            refund.refresh_from_db()
            sweeps.run(now=refund.next_attempt_at or timezone.now())
    refund.refresh_from_db()
    assert refund.state == RefundState.SUCCEEDED
    assert refund.reference
    assert paid_back(provider, payment) == [240000]
    assert_sound()


def shown(client: Client, checkout: Checkout) -> str:
    return client.get(f"/checkout/{checkout.key}/").content.decode()


def assert_sound() -> None:
    now = timezone.now()
    broken = {one.name: list(one.offenders(now)) for one in invariants.ALL.values()}
    assert {name: found for name, found in broken.items() if found} == {}


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
    assert "no longer kept" in shown(client, checkout)
    assert buy(Client(), service, starts_at=checkout.starts_at, email="priya@example.com")


def test_paid_after_the_time_was_let_go_but_is_still_free(
    provider: Provider, expert: Expert, client: Client
) -> None:
    checkout = buy(client, make_service(expert))
    checkouts.give_up(checkout)
    pay_anyway(provider, checkout)
    poll(checkout)
    assert (checkout.state, Booking.objects.get().state) == ("paid", State.SCHEDULED)


def test_paid_for_a_time_that_somebody_else_got_goes_back_in_full(
    provider: Provider, expert: Expert, client: Client
) -> None:
    """Two people pay for the same time; nobody's money stays with us for nothing."""
    service = make_service(expert, price_minor=240000)
    first = buy(client, service)
    checkouts.give_up(first)
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
    assert "Somebody else got this time" in shown(client, first)
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


def test_razorpay_payments_that_are_only_authorised_are_captured(
    provider: Provider, expert: Expert, client: Client
) -> None:
    if provider.name == "stripe":
        pytest.skip("Stripe's sessions capture by themselves")
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


# --- the provider errs --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["drop", "error", "gateway", "empty", "garbled"])
def test_a_provider_that_errs_is_asked_again(
    provider: Provider, expert: Expert, client: Client, kind: str
) -> None:
    provider.fault(kind, match="^POST /v1/(orders|checkout/sessions)$")
    checkout = buy(client, make_service(expert))
    if not checkout.provider_ref:
        assert "does not answer" in shown(client, checkout)
    for _ in range(3):
        client.post(f"/checkout/{checkout.key}/pay/")
        checkout.refresh_from_db()
        if checkout.provider_ref:
            break
    if provider.name == "stripe" and kind == "error":
        return  # the key keeps Stripe's own 500: this purchase ends, the next one is a new one
    pay_there(provider, checkout, client)
    provider.fault(kind, match="^GET ")
    client.post(f"/checkout/{checkout.key}/check/")
    poll(checkout)
    sweeps.run(now=timezone.now() + timedelta(minutes=4))
    assert Booking.objects.count() == 1


def test_a_refusal_is_told_and_lets_the_time_go(
    provider: Provider, expert: Expert, client: Client
) -> None:
    service = make_service(expert, price_minor=20, currency="INR")
    if provider.name == "stripe":
        provider.fault("refuse", status=400, match="^POST /v1/checkout/sessions$")
    at = free_of(service, now=timezone.now())[0]
    answer = send_form(client, service, starts_at=at)
    assert answer.status_code == 409
    assert "does not take this payment" in answer.content.decode()
    assert at in free_of(service, now=timezone.now())


# --- without a provider, and for nothing --------------------------------------------------------


@pytest.fixture
def no_keys(settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = settings.RAZORPAY_KEY_ID = ""


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
        ({"email": "lena"}, "like name@example.com"),
        ({"email": "a@b.de\r\nBcc: c@d.de"}, "like name@example.com"),
        ({"slot": ""}, "Choose a time."),
        ({"slot": "tomorrow"}, "Choose one of the times"),
        ({"slot": "2020-01-01T00:00Z"}, "just been taken"),
        ({"slot": "9999-12-31T23:59Z"}, "just been taken"),
    ],
)
def test_bad_input_gets_a_sentence(
    no_keys: None, expert: Expert, client: Client, changes: dict[str, str], sentence: str
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


def test_somebody_known_keeps_the_name_and_gets_the_zone(
    no_keys: None, expert: Expert, client: Client
) -> None:
    """Anybody can write an address into a form; a name is not theirs to change."""
    known = Follower.objects.create(name="Lena Vogel", email=EMAIL, time_zone="UTC")
    checkout = buy(client, make_service(expert), name="Somebody Else", email=EMAIL.upper())
    client.post(f"/checkout/{checkout.key}/pay/")
    known.refresh_from_db()
    assert (known.name, known.time_zone) == ("Lena Vogel", "Europe/Berlin")
    assert Booking.objects.get().follower == known


def test_one_address_keeps_few_times(no_keys: None, expert: Expert, client: Client) -> None:
    service = make_service(expert)
    times = free_of(service, now=timezone.now())[::4]
    answers = [send_form(client, service, starts_at=at).status_code for at in times[:5]]
    assert answers == [302, 302, 302, 409, 409]


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
    for day in range(len(checkouts.ASK_AFTER) + 1):
        sweeps.run(now=now + timedelta(days=day))
    assert Checkout.objects.filter(pk=left.pk, state="expired").exists()
    checkouts.forget_old(now=now + checkouts.KEPT_FOR + timedelta(days=1))
    assert list(Checkout.objects.all()) == [bought]


def pay_anyway(provider: Provider, checkout: Checkout) -> None:
    """The provider's page was open all the time."""
    press(f"{provider.server.url}/pay/{checkout.provider_ref}")


def poll(checkout: Checkout) -> None:
    Checkout.objects.filter(pk=checkout.pk, booking=None).update(next_poll_at=timezone.now())
    checkouts.poll(checkout.pk, now=timezone.now())
    checkout.refresh_from_db()
