"""Guessing passwords: limited by account and network, by network, and by account, and the owner of
an account is never kept out by others for good."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt
from django.conf import settings as in_force
from django.core import mail
from django.test import Client
from django.utils import timezone

from bookings import rate_limits as limits
from bookings.models import Expert, User
from tests.builders import PASSWORD, make_staff, make_user
from tests.test_accounts import choose, reset_link

pytestmark = pytest.mark.django_db
MAYA = "maya@example.com"
NEW = "seven quiet lanterns"


@pytest.fixture(autouse=True)
def counted(settings: Any) -> None:
    settings.AXES_ENABLED = True
    settings.TRUSTED_PROXIES = 1


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


def sign_in(
    email: str = MAYA,
    password: str = "wrong",
    *,
    ip: str = "192.0.2.1",
    client: Client | None = None,
) -> int:
    sent = {"username": email, "password": password}
    asked = (client or Client()).post("/sign-in/", sent, headers={"x-forwarded-for": ip})
    return asked.status_code


def times(count: int, email: str = MAYA, **more: Any) -> list[int]:
    return [sign_in(email, **more) for _ in range(count)]


def test_one_account_from_one_address(maya: Expert) -> None:
    assert times(7) == [200] * 5 + [429] * 2
    assert sign_in(password=PASSWORD) == 429, "also with the right one"
    assert sign_in(password=PASSWORD, ip="192.0.2.2") == 302, "not from elsewhere"


def test_one_account_from_many_addresses_of_one_customer(maya: Expert) -> None:
    answers = [sign_in(ip=f"2001:db8:0:7::{n:x}") for n in range(60)]
    assert answers == [200] * 5 + [429] * 55
    assert sign_in(password=PASSWORD, ip="2001:db8:0:8::1") == 302, "the next customer"


@pytest.mark.parametrize(
    "ips",
    [
        ("192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201", " 192.0.2.1 "),
        ("2001:db8::1", "2001:0db8:0000::ffff", "2001:DB8::1:2:3:4", "2001:db8::9%eth0"),
    ],
)
def test_an_address_may_be_spelled_in_many_ways(maya: Expert, ips: tuple[str, ...]) -> None:
    answers = [sign_in(ip=ips[n % len(ips)]) for n in range(8)]
    assert answers == [200] * 5 + [429] * 3


def test_many_accounts_from_one_address(maya: Expert) -> None:
    emails = [f"user{n}@example.com" for n in range(12)]
    answers = [sign_in(email) for _ in range(5) for email in emails]
    assert answers == [200] * (limits.OF_NETWORK - 1) + [429] * (61 - limits.OF_NETWORK)
    assert sign_in(password=PASSWORD) == 429
    assert sign_in(password=PASSWORD, ip="192.0.2.9") == 302


def test_one_account_from_many_networks(maya: Expert) -> None:
    answers = [sign_in(ip=f"192.0.{n}.1") for n in range(60)]
    assert answers == [200] * (limits.OF_ACCOUNT - 1) + [429] * (61 - limits.OF_ACCOUNT)
    make_user("lena@example.com")
    assert sign_in("lena@example.com", PASSWORD) == 302, "others are not concerned"


def test_an_account_nobody_has_is_limited_just_the_same() -> None:
    assert times(7, "nobody@example.com") == [200] * 5 + [429] * 2


def test_signing_in_gives_no_further_tries_at_other_accounts(maya: Expert) -> None:
    make_user("mallory@example.com")
    answers = []
    for n in range(30):
        answers.append(sign_in(f"victim{n}@example.com"))
        if answers[-1] == 200:
            sign_in("mallory@example.com", PASSWORD)
    assert answers.count(200) == limits.OF_NETWORK - 1


def test_another_browser_is_not_another_visitor(maya: Expert) -> None:
    answers = [
        Client(headers={"user-agent": f"b{n}"})
        .post("/sign-in/", {"username": MAYA, "password": "x"}, headers={"x-forwarded-for": "::1"})
        .status_code
        for n in range(8)
    ]
    assert answers == [200] * 5 + [429] * 3


# --- the owner ---------------------------------------------------------------------------------


@pytest.fixture
def device(maya: Expert) -> Client:
    """Where Maya has signed in before, and is signed out now."""
    own = Client()
    assert sign_in(password=PASSWORD, ip="198.51.100.7", client=own) == 302
    own.post("/sign-out/")
    return own


def attack() -> None:
    """Until the account is closed to strangers."""
    assert [sign_in(ip=f"192.0.{n}.1") for n in range(30)][-1] == 429


def test_a_known_device_is_not_kept_out(device: Client) -> None:
    attack()
    assert sign_in(password=PASSWORD, ip="198.51.100.8") == 429, "a device nobody knows is"
    assert sign_in(password=PASSWORD, ip="198.51.100.8", client=device) == 302


def test_nor_one_that_shares_its_address_with_who_guesses(device: Client) -> None:
    for n in range(30):
        sign_in(f"user{n}@example.com", ip="198.51.100.7")
    assert sign_in(password=PASSWORD, ip="198.51.100.7", client=device) == 302


def test_a_known_device_has_few_tries_too(device: Client) -> None:
    answers = [sign_in(client=device) for _ in range(20)]
    few = limits.OF_DEVICE + limits.OF_BOTH - 1
    assert answers == [200] * few + [429] * (20 - few)


def test_it_is_known_for_its_own_accounts_only(device: Client) -> None:
    make_staff("staff@example.com")
    for n in range(30):
        sign_in("staff@example.com", ip=f"192.0.{n}.1")
    assert sign_in("staff@example.com", PASSWORD, client=device) == 429


@pytest.mark.parametrize("forged", ["x", "e30:1:x", '{"a":"b"}', "W10:1tXQ:abc"])
def test_a_forged_cookie_makes_no_device_known(maya: Expert, forged: str) -> None:
    attack()
    client = Client()
    client.cookies[in_force.DEVICE_COOKIE_NAME] = forged
    assert sign_in(password=PASSWORD, client=client) == 429


def test_a_device_may_be_known_for_a_few_accounts(maya: Expert) -> None:
    client = Client()
    for n in range(limits.MOST_ACCOUNTS + 2):
        make_user(f"user{n}@example.com")
        sign_in(f"user{n}@example.com", PASSWORD, client=client)
        client.post("/sign-out/")
    assert len(client.cookies[in_force.DEVICE_COOKIE_NAME].value) < 400
    for n in range(30):
        sign_in("user6@example.com", ip=f"192.0.{n}.1")
        sign_in("user0@example.com", ip=f"192.1.{n}.1")
    assert sign_in("user6@example.com", PASSWORD, client=client) == 302
    client.post("/sign-out/")
    assert sign_in("user0@example.com", PASSWORD, client=client) == 429


def test_the_cookie_does_not_say_whose_it_is(device: Client) -> None:
    cookie = device.cookies[in_force.DEVICE_COOKIE_NAME]
    assert "maya" not in cookie.value
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_a_new_password_from_the_mail_opens_the_door_in_the_middle_of_an_attack(
    maya: Expert,
) -> None:
    attack()
    client = Client()
    choose(client, reset_link(client, MAYA))
    attack()
    assert sign_in(password=NEW, ip="198.51.100.9", client=client) == 302


def test_it_opens_again_after_a_quarter_of_an_hour(maya: Expert, clock: Any) -> None:
    times(10)
    clock.shift(limits.WINDOW + timedelta(seconds=1))
    assert sign_in(password=PASSWORD) == 302


def test_going_on_does_not_keep_it_closed(maya: Expert, clock: Any) -> None:
    for _ in range(15):
        times(6)
        clock.shift(timedelta(minutes=1))
    clock.shift(timedelta(seconds=1))
    assert sign_in(password=PASSWORD) == 302


def test_who_mistypes_now_and_then_is_never_kept_out(maya: Expert, clock: Any) -> None:
    answers = []
    for _ in range(20):
        answers += times(2)
        clock.shift(timedelta(minutes=8))
    assert set(answers) == {200}


def test_what_is_kept_of_an_attempt_is_little(maya: Expert) -> None:
    sent = {"username": MAYA, "password": "hunter2-hunter2", "more": "x" * 10_000}
    Client().post("/sign-in/?next=/pick/secret/", sent)
    [row] = AccessAttempt.objects.values()
    assert "hunter2" not in str(row)
    assert "secret" not in str(row)
    assert len(str(row)) < 600


def test_the_page_says_for_how_long_and_what_helps(maya: Expert) -> None:
    times(5)
    page = Client().post("/sign-in/", {"username": MAYA, "password": "x"},
                         headers={"x-forwarded-for": "192.0.2.1"})  # fmt: skip
    assert page.status_code == 429
    assert page.headers["Retry-After"] == "900"
    assert "Reset your password" in page.content.decode()
    assert mail.outbox == []


# --- the log -----------------------------------------------------------------------------------


def test_a_sign_in_is_logged_with_who_and_from_where(
    maya: Expert, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sign_in(password=PASSWORD, ip="2001:db8::5")
    user = User.objects.get(email=MAYA)
    assert f"user {user.pk} ({MAYA}) signed in from 2001:db8::5" in caplog.text
    assert PASSWORD not in caplog.text


def test_so_is_a_closed_door_and_no_password_ever(
    maya: Expert, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    times(7, password="hunter2-hunter2")
    assert f"signing in as {MAYA} from 192.0.2.1 is closed" in caplog.text
    assert "hunter2" not in caplog.text
