"""The same code from two browsers at the same moment: one of them gets in."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone

from bookings import second_factor, sign_ins
from bookings.models import AuthenticatorApp, Expert, RecoveryCode, SignIn
from tests.builders import PASSWORD, make_expert
from tests.racing import together
from tests.signing_in import App, give_code, give_password, is_signed_in, offered, set_up

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 4


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    """It stands still: half a minute later another code is right."""
    with time_machine.travel(timezone.now(), tick=False):
        yield


@pytest.fixture
def maya() -> Expert:
    return make_expert(email="maya@example.com")


def clients(maya: Expert) -> list[Client]:
    found = [Client(), Client()]
    for client in found:
        assert give_password(client, maya.user).url == "/sign-in/code/"
    return found


def test_the_same_code_of_an_app_at_once(maya: Expert) -> None:
    app, _ = set_up(maya.user)
    for _ in range(ROUNDS):
        AuthenticatorApp.objects.update(last_t=-1, throttling_failure_count=0)
        first, second = clients(maya)
        code = app.code()
        answers = together(partial(give_code, first, code), partial(give_code, second, code))
        assert sorted(answer.status_code for answer in answers) == [302, 422]
        assert sorted([is_signed_in(first), is_signed_in(second)]) == [False, True]


def test_the_same_recovery_code_at_once(maya: Expert) -> None:
    _, codes = set_up(maya.user)
    for code in codes[:ROUNDS]:
        first, second = clients(maya)
        answers = together(partial(give_code, first, code), partial(give_code, second, code))
        assert sorted(answer.status_code for answer in answers) == [302, 422]
    assert second_factor.codes_left(maya.user) == 10 - ROUNDS


def test_wrong_codes_at_once_are_each_counted(maya: Expert) -> None:
    """Or a pause after a wrong code would let many through that come together."""
    app, _ = set_up(maya.user)
    browsers = [*clients(maya), *clients(maya)]
    wrong = app.wrong()
    together(*[lambda client=client: give_code(client, wrong) for client in browsers])
    assert AuthenticatorApp.objects.get().throttling_failure_count == 1, "the others had to wait"


def test_two_apps_set_up_at_once(maya: Expert) -> None:
    browsers = [Client(), Client()]
    forms: list[dict[str, Any]] = []
    for client in browsers:
        client.force_login(maya.user)
        app, sent = offered(client.get("/account/security/set-up/"))
        forms.append({"offered": sent, "new_code": app.code(), "password": PASSWORD})
    together(*[
        lambda client=client, form=form: client.post("/account/security/set-up/", form)
        for client, form in zip(browsers, forms, strict=True)
    ])  # fmt: skip
    assert AuthenticatorApp.objects.count() == 1
    assert RecoveryCode.objects.count() == 10
    key = AuthenticatorApp.objects.get().key
    assert not second_factor.accepts(maya.user, App(key).code(), now=timezone.now()), "used"


def test_two_who_know_the_password_set_it_up_at_once(maya: Expert, settings: Any) -> None:
    """The first app stays: the password alone must not be enough to replace one."""
    settings.SECOND_FACTOR = "everyone"
    browsers, forms = [Client(), Client()], []
    for client in browsers:
        assert give_password(client, maya.user).url == "/sign-in/set-up/"
        app, sent = offered(client.get("/sign-in/set-up/"))
        forms.append({"offered": sent, "new_code": app.code()})
    answers = together(*[
        partial(client.post, "/sign-in/set-up/", form)
        for client, form in zip(browsers, forms, strict=True)
    ])  # fmt: skip
    assert sum(answer.status_code == 200 for answer in answers) == 1
    assert sum(is_signed_in(client) for client in browsers) == 1
    assert AuthenticatorApp.objects.count() == 1


def test_a_session_is_ended_while_it_opens_pages(maya: Expert) -> None:
    victim = Client()
    victim.force_login(maya.user)
    row = SignIn.objects.get()

    def pages() -> list[int]:
        return [victim.get("/account/").status_code for _ in range(8)]

    opened, ended = together(pages, lambda: sign_ins.end(maya.user, row.pk))
    assert ended is True
    assert set(opened) <= {200, 302}
    assert not is_signed_in(victim)
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM django_session")
        assert cursor.fetchone()[0] == 0
