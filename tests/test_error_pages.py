"""The front page, and what is shown when things go wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse

from bookings.demo import SIGN_INS
from bookings.models import Expert
from bookings.views import errors
from tests.builders import make_user

pytestmark = pytest.mark.django_db
HELP = "/help/no-shows/"


def words(response: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


# --- the front page and errors ---------------------------------------------------------------


def test_the_front_page_greets_visitors_and_sends_the_others_to_work(
    client: Client, maya: Expert
) -> None:
    assert "Nobody has to chase anyone" in words(client.get("/"))
    client.force_login(maya.user)
    assert client.get("/").url == reverse("need_action")


def test_demo_sign_ins_are_offered_only_in_the_demo(client: Client, settings: Any) -> None:
    settings.DEMO_INBOX = True
    assert SIGN_INS[0][1] not in client.get("/").content.decode(), "an account that is not there"
    make_user(SIGN_INS[0][0])
    assert SIGN_INS[0][0] in client.get("/").content.decode()
    settings.DEMO_INBOX = False
    assert SIGN_INS[0][0] not in client.get("/").content.decode()


def test_an_unknown_address_is_answered_kindly_and_with_all_headers(client: Client) -> None:
    response = client.get("/no/such/page/")
    assert response.status_code == 404
    assert "There is no page at this address" in words(response)
    assert response.headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert response.headers["X-Frame-Options"] == "DENY"


def test_a_form_without_its_token_is_refused_with_a_way_on(maya: Expert) -> None:
    strict = Client(enforce_csrf_checks=True)
    response = strict.post("/sign-in/", {"username": "maya@example.com", "password": "x"})
    assert response.status_code == 403
    assert "nothing was saved or sent" in words(response)
    assert response.headers["Content-Security-Policy"].startswith("default-src 'self'")


def test_a_request_that_cannot_be_read_is_a_400(client: Client) -> None:
    fields = {f"x{n}": "1" for n in range(2100)}
    response = client.post("/theme/", fields)
    assert response.status_code == 400
    assert "Nothing was changed" in words(response)


def test_a_host_that_is_not_ours_is_a_400(client: Client, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["topmate.example"]
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Client:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("bookings.views.pages.figures", fail)
    return Client(raise_request_exception=False)


def test_our_own_fault_is_told_in_plain_words_without_details(broken: Client) -> None:
    response = broken.get(HELP)
    assert response.status_code == 500
    text = words(response)
    assert "Sorry, something went wrong on our side" in text
    assert "Nothing you did was lost and no deadline has moved." in text
    assert "secret detail" not in response.content.decode()
    assert response.headers["Content-Security-Policy"].startswith("default-src 'self'")


def test_the_500_page_needs_neither_database_nor_session(
    django_assert_num_queries: Any,
) -> None:
    request = RequestFactory().get("/")
    with django_assert_num_queries(0):
        assert errors.server_error(request).status_code == 500


def test_the_500_page_survives_a_broken_template(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> str:
        raise ValueError("no such static file")

    monkeypatch.setattr("bookings.views.errors.render_to_string", fail)
    response = errors.server_error(RequestFactory().get("/"))
    assert response.status_code == 500
    assert b"no deadline has moved" in response.content
