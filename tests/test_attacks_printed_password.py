"""The demo's passwords are in the manual: outside of a demo they open nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.test import Client

from bookings import printed_passwords
from bookings.demo import SIGN_INS
from bookings.models import User
from tests.builders import make_expert, make_user

pytestmark = pytest.mark.django_db
(MAYA, PASSWORD, _), _, (STAFF, _, _) = SIGN_INS
OWN = "words nobody printed"


@pytest.fixture(autouse=True)
def cast() -> None:
    make_expert(email=MAYA)
    User.objects.create_user(STAFF, PASSWORD, is_staff=True, is_superuser=True)
    give(MAYA, PASSWORD)


def give(email: str, password: str) -> None:
    user = User.objects.get(email=email)
    user.set_password(password)
    user.save()


@pytest.fixture
def demo(settings: Any) -> None:
    settings.DEMO_INBOX, settings.IS_PUBLIC = True, False


@pytest.fixture(params=["real mail", "public", "public, with real mail"])
def real(settings: Any, request: pytest.FixtureRequest) -> None:
    settings.DEMO_INBOX = "mail" not in request.param
    settings.IS_PUBLIC = "public" in request.param


def sign_in(client: Client, email: str, password: str = PASSWORD) -> HttpResponse:
    return client.post("/sign-in/", {"username": email, "password": password})


@pytest.mark.parametrize("email", [account[0] for account in SIGN_INS])
def test_nobody_is_let_in_with_it(client: Client, real: None, email: str) -> None:
    answer = sign_in(client, email)
    assert answer.status_code == 200
    assert "This password is printed" in answer.content.decode()
    assert client.get("/need-action/").status_code == client.get("/admin/").status_code == 302


def test_nor_with_an_account_that_has_taken_it_over(client: Client, real: None) -> None:
    User.objects.create_user("new@example.com", PASSWORD)
    assert "This password is printed" in sign_in(client, "new@example.com").content.decode()


def test_the_answer_does_not_say_who_is_there(client: Client, real: None) -> None:
    assert "This password is printed" in sign_in(client, "nobody@example.com").content.decode()


def test_a_session_of_the_days_of_the_demo_is_over(
    client: Client, demo: None, settings: Any
) -> None:
    assert sign_in(client, MAYA).status_code == 302
    assert client.get("/need-action/").status_code == 200
    settings.DEMO_INBOX = False
    assert client.get("/need-action/").status_code == 302
    settings.DEMO_INBOX, settings.IS_PUBLIC = True, True
    assert client.get("/need-action/").status_code == 302


def test_nor_is_it_shown(client: Client, real: None) -> None:
    for page in ("/", "/sign-in/"):
        html = client.get(page).content.decode()
        assert MAYA not in html
        assert PASSWORD not in html


@pytest.mark.parametrize("email", [MAYA, STAFF])
def test_a_password_of_their_own_lets_them_in(
    client: Client, real: None, email: str, settings: Any
) -> None:
    settings.SECOND_FACTOR = "off"  # on a public site staff would set it up first
    give(email, OWN)
    assert sign_in(client, email, OWN).status_code == 302
    assert client.get("/account/").status_code == 200


def test_nobody_chooses_it_again(client: Client) -> None:
    with pytest.raises(ValidationError, match="printed in the manual"):
        validate_password(PASSWORD, make_user())


def test_the_slow_look_is_taken_once(real: None, monkeypatch: pytest.MonkeyPatch) -> None:
    user = User.objects.get(email=MAYA)
    printed_passwords.is_still_the_printed_one(user)

    def fail(*args: Any) -> bool:
        raise AssertionError("asked again")

    monkeypatch.setattr(printed_passwords, "check_password", fail)
    assert printed_passwords.is_still_the_printed_one(user)


def test_in_the_demo_it_works(client: Client, demo: None) -> None:
    assert STAFF in client.get("/sign-in/").content.decode()
    assert sign_in(client, STAFF).status_code == 302
    assert client.get("/admin/").status_code == 200
