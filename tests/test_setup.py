"""From an empty site to a first service: the owner's link, the steps, and who may not take them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, OperationalError
from django.test import Client
from django.urls import reverse

from bookings import printed_passwords, setup, shop
from bookings.models import Expert, Heartbeat, User
from bookings.models.people import ExpertQuerySet
from tests.addresses import FOR_THE_OWNER, path, routes_of
from tests.builders import make_expert, make_staff, make_user
from tests.mail_settings import SMTP, use_mail
from topmate import services
from topmate.env import Env
from topmate.logs import mask_links

pytestmark = pytest.mark.django_db
PASSWORD = "a call that keeps its promise"
FORM = {"email": "Owner@Example.org", "password": PASSWORD}


def owner_link() -> str:
    return "/" + setup.link().partition("://")[2].partition("/")[2]


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """As in a new process."""
    setup._Seen.owner = False
    yield
    setup._Seen.owner = False


@pytest.fixture
def owner(client: Client) -> Client:
    client.post(owner_link(), FORM)
    return client


def test_the_link_makes_the_first_account_and_leads_on(client: Client) -> None:
    assert "This site is not set up yet" in client.get("/").content.decode()
    page = client.get(owner_link()).content.decode()
    assert "This link works once." in page
    response = client.post(owner_link(), FORM, follow=True)
    assert response.redirect_chain == [("/setup/", 302)]
    user = User.objects.get()
    assert (user.email, user.is_staff, user.is_superuser) == ("owner@example.org", True, True)
    assert user.check_password(PASSWORD)
    assert "Sell calls myself" in response.content.decode()
    assert client.get("/", follow=True).redirect_chain == [("/setup/", 302)]
    assert "This site is not set up yet" not in Client().get("/").content.decode()


def test_it_works_once(owner: Client) -> None:
    visitor = Client()
    for response in (visitor.get(owner_link()), visitor.post(owner_link(), FORM)):
        assert response.status_code == 410
        assert "This site already has an owner" in response.content.decode()
    assert User.objects.count() == 1


def test_an_address_that_has_an_account_is_said(client: Client) -> None:
    make_user("owner@example.org")
    response = client.post(owner_link(), FORM)
    assert response.status_code == 422
    assert "There is an account with this address." in response.content.decode()
    assert not setup.has_owner()
    assert client.post(owner_link(), {**FORM, "email": "new@example.org"}).status_code == 302


def test_the_front_page_asks_once_and_is_there_without_the_database(
    client: Client, settings: Any, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEMO_INBOX = False
    make_staff()
    client.get("/")
    with django_assert_num_queries(1):  # the directory
        assert client.get("/").status_code == 200
    settings.HAS_DIRECTORY = False
    with django_assert_num_queries(0):
        assert client.get("/").status_code == 200
    settings.HAS_DIRECTORY = True
    setup._Seen.owner = False

    def away() -> bool:
        raise OperationalError("The database is away.")

    monkeypatch.setattr(setup, "has_owner", away)
    monkeypatch.setattr(ExpertQuerySet, "to_book", lambda rows: away())
    assert client.get("/").status_code == 200


def test_the_link_of_an_owner_from_the_command_line_is_over_for_good(
    client: Client, settings: Any
) -> None:
    settings.DEMO_INBOX = False
    make_staff()
    assert client.get(owner_link()).status_code == 410
    setup._Seen.owner = False
    User.objects.update(is_active=False)
    assert client.get(owner_link()).status_code == 410
    assert client.post(owner_link(), FORM).status_code == 410


def test_an_expert_who_is_there_already_is_no_error(
    owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice(*_: Any, **__: Any) -> Any:
        raise IntegrityError("unique")

    monkeypatch.setattr(setup, "make_expert", twice)
    assert owner.post("/setup/expert/", {"name": "Ana"}).url == "/account/services/"


def test_of_two_at_once_one_is_the_owner(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both were looking at the form before there was anybody."""
    monkeypatch.setattr(setup, "has_owner", lambda: False)
    assert client.post(owner_link(), FORM).status_code == 302
    second = Client().post(owner_link(), {**FORM, "email": "second@example.org"})
    assert second.status_code == 410
    assert [user.email for user in User.objects.all()] == ["owner@example.org"]
    assert Heartbeat.objects.filter(name=setup.MADE).count() == 1


def test_an_owner_who_came_by_the_command_line_counts(client: Client) -> None:
    make_staff()
    assert client.get(owner_link()).status_code == 410
    with pytest.raises(CommandError, match="has an owner already"):
        call_command("setup_link")


def test_the_demo_has_staff_and_a_site_that_was_one_has_not(settings: Any) -> None:
    account = next(one for one in printed_passwords.accounts() if "staff" in one.email)
    User.objects.create_superuser(account.email, account.password)
    settings.DEMO_INBOX, settings.IS_PUBLIC = True, False
    assert setup.has_owner()
    settings.DEMO_INBOX = False
    assert not setup.has_owner()


def test_an_owner_who_is_gone_is_not_replaced_by_an_old_link(owner: Client) -> None:
    """It may stand in a log for years. `manage.py createsuperuser` is the way then."""
    User.objects.update(is_active=False)
    assert Client().get(owner_link()).status_code == 410
    assert Client().post(owner_link(), FORM).status_code == 410


@pytest.mark.parametrize("token", ["x", "x" * 43, "owner", "x.y"])
def test_a_made_up_link_is_no_page(client: Client, token: str) -> None:
    for response in (client.get(f"/setup/{token}/"), client.post(f"/setup/{token}/", FORM)):
        assert response.status_code == 404
    assert not User.objects.exists()


def test_the_link_is_printed_again_and_never_logged(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("setup_link")
    printed = capsys.readouterr().out.strip()
    assert printed == setup.link()
    assert mask_links(f"GET {printed}").endswith("/setup/***/")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"email": ""}, "Write your e-mail address."),
        ({"email": "owner"}, "Write an e-mail address like"),
        ({"password": ""}, "Choose a password."),
        ({"password": "1234567890"}, "tried first"),
        ({"password": "short"}, "too short"),
    ],
)
def test_what_is_wrong_is_said_and_nobody_is_made(
    client: Client, change: dict[str, str], sentence: str
) -> None:
    response = client.post(owner_link(), {**FORM, **change})
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert not User.objects.exists()


def test_the_owner_sells_calls_in_two_steps(owner: Client) -> None:
    owner.cookies["tz"] = "Europe/Berlin"
    response = owner.post("/setup/expert/", {"name": "Ana María López"}, follow=True)
    assert response.redirect_chain == [("/account/services/add/", 302)]
    expert = Expert.objects.get()
    assert (expert.name, expert.slug, expert.time_zone) == (
        "Ana María López", "ana-maria-lopez", "Europe/Berlin",
    )  # fmt: skip
    assert expert.weekly_hours.count() == 5
    assert 'value="EUR" selected' in response.content.decode()
    form = {"title": "First call", "duration_minutes": "30", "price": "25", "currency": "EUR",
            "is_active": "on", "place_kind": "room"}  # fmt: skip
    owner.post("/account/services/add/", form)
    page = owner.get("/setup/").content.decode()
    assert "Your calls can be booked." in page
    shop = reverse("shop", kwargs={"slug": expert.slug})
    assert shop in page
    assert "First call" in Client().get(shop).content.decode()
    buy = reverse("buy", kwargs={"slug": expert.slug, "service_id": expert.services.get().pk})
    assert re.search(r'name="slot"', Client().get(buy).content.decode())


def test_the_owner_finds_the_page_again(owner: Client) -> None:
    owner.post("/setup/expert/", {"name": "Ana"})
    for page in ("/admin/", "/upcoming/"):
        assert 'href="/setup/"' in owner.get(page).content.decode()
    helper = make_user("helper@example.org", is_staff=True)
    owner.force_login(helper)
    assert 'href="/setup/"' not in owner.get("/admin/").content.decode()


def test_a_second_press_makes_no_second_expert(owner: Client) -> None:
    for _ in range(2):
        owner.post("/setup/expert/", {"name": "Ana"})
    assert Expert.objects.count() == 1
    assert owner.post("/setup/expert/", {"name": ""}).url == "/account/services/"


def test_a_name_is_asked_for(owner: Client) -> None:
    response = owner.post("/setup/expert/", {"name": " "})
    assert response.status_code == 422
    assert "Write your name." in response.content.decode()


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Maya Fernandes", "maya-fernandes-2"),
        ("Lukas", "lukas"),
        ("李雷", "expert"),
        ("---", "expert"),
    ],
)
def test_addresses_of_public_pages_differ(name: str, slug: str) -> None:
    make_expert("Maya Fernandes", slug="maya-fernandes")
    assert shop.free_address(name) == slug


def test_the_steps_are_the_owners_alone(client: Client) -> None:
    members = [make_user("helper@example.org", is_staff=True), make_expert().user]
    for route in routes_of(FOR_THE_OWNER):
        for response in (Client().get(path(route)), Client().post(path(route), {"name": "Eve"})):
            assert response.status_code in (302, 405), route
        for user in members:
            client.force_login(user)
            for response in (client.get(path(route)), client.post(path(route), {"name": "Eve"})):
                assert response.status_code in (404, 405), route
    assert Expert.objects.count() == 1


def test_a_test_mail_goes_to_the_owner(owner: Client, mailoutbox: list[Any]) -> None:
    page = owner.post("/setup/test-mail/", follow=True).content.decode()
    assert "A test e-mail is on its way to owner@example.org." in page
    assert [mail.to for mail in mailoutbox] == [["owner@example.org"]]


def test_a_mail_server_that_is_not_there_is_said(owner: Client, settings: Any) -> None:
    use_mail(settings, SMTP, host="127.0.0.1", port=1)
    page = owner.post("/setup/test-mail/", follow=True).content.decode()
    assert "The mail server did not take the e-mail." in page
    assert "refused" in page


def test_without_a_mail_server_it_says_what_to_do(owner: Client, settings: Any) -> None:
    settings.MAILS_WAIT = True
    page = owner.get("/setup/").content.decode()
    named = re.findall(r"EMAIL_URL=(\w+://[^<]*)</code>", page)
    assert len(named) == 2
    for address in named:
        env = Env({"EMAIL_URL": address})
        services.mail(env, is_public=False)
        assert env.problems == []
    assert "Send me a test e-mail" not in page


def test_payments_say_what_is_there(owner: Client, settings: Any) -> None:
    settings.STRIPE_SECRET_KEY, settings.RAZORPAY_KEY_ID = "", ""
    settings.SELLS_BY_SANDBOX = True
    assert "a sandbox stands in for one" in owner.get("/setup/").content.decode()
    settings.STRIPE_SECRET_KEY, settings.SELLS_BY_SANDBOX = "sk_live_x", False
    assert "Buyers pay with Stripe." in owner.get("/setup/").content.decode()
