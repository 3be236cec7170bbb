"""The demo's passwords are in the manual: on a public site they must not open the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from bookings.demo import SIGN_INS
from bookings.models import User
from tests.builders import make_expert

pytestmark = pytest.mark.django_db
(MAYA, PASSWORD, _), _, (STAFF, _, _) = SIGN_INS


@pytest.fixture(autouse=True)
def cast() -> None:
    make_expert(email=MAYA)
    User.objects.create_user(STAFF, PASSWORD, is_staff=True, is_superuser=True)
    maya = User.objects.get(email=MAYA)
    maya.set_password(PASSWORD)
    maya.save()


@pytest.fixture
def public(settings: Any) -> None:
    settings.SITE_URL = "http://calls.example.org"


def sign_in(client: Client, email: str, password: str = PASSWORD) -> HttpResponse:
    return client.post("/sign-in/", {"username": email, "password": password})


@pytest.mark.parametrize("has_inbox", [True, False])
def test_staff_is_not_let_in_with_it(
    client: Client, public: None, settings: Any, has_inbox: bool
) -> None:
    settings.DEMO_INBOX = has_inbox
    answer = sign_in(client, STAFF)
    assert answer.status_code == 200
    assert "Everybody can read this password" in answer.content.decode()
    assert client.get("/admin/").status_code == 302


def test_nor_is_it_shown_to_everybody(client: Client, public: None, settings: Any) -> None:
    settings.DEMO_INBOX = True
    for page in ("/", "/sign-in/"):
        html = client.get(page).content.decode()
        assert MAYA in html
        assert STAFF not in html


def test_a_password_of_their_own_lets_staff_in(client: Client, public: None) -> None:
    staff = User.objects.get(email=STAFF)
    staff.set_password("words nobody printed")
    staff.save()
    assert sign_in(client, STAFF, "words nobody printed").status_code == 302


def test_on_this_machine_it_works(client: Client, settings: Any) -> None:
    settings.DEMO_INBOX = True
    settings.SITE_URL = "http://127.0.0.1:8000"
    assert STAFF in client.get("/sign-in/").content.decode()
    assert sign_in(client, STAFF).status_code == 302
