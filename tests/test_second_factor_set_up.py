"""Two-step sign-in: who must have it, how it is set up, replaced and removed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from bookings import second_factor, sweeps
from bookings.models import AuthenticatorApp, Expert, OutboxEmail, RecoveryCode, User
from tests.builders import PASSWORD, make_staff, make_user
from tests.follower_pages import all_rows
from tests.signing_in import (
    codes_in,
    give_code,
    give_password,
    is_signed_in,
    offered,
    set_up,
)

pytestmark = pytest.mark.django_db
STEP = timedelta(seconds=30)
CODE_PAGE, SET_UP_PAGE = "/sign-in/code/", "/sign-in/set-up/"
NEW = "seven quiet lanterns"


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(timezone.now().replace(microsecond=0), tick=False) as traveller:
        yield traveller


def kinds() -> list[str]:
    return sorted(OutboxEmail.objects.values_list("kind", flat=True))


def full_form(app: Any, **more: Any) -> dict[str, Any]:
    return {"password": PASSWORD, "code": app.code(), **more}


# --- who must have it -----------------------------------------------------------------------------


@pytest.fixture
def public(settings: Any) -> None:
    settings.IS_PUBLIC = True


def test_staff_of_a_public_site_sets_it_up_before_anything_else(
    client: Client, public: None
) -> None:
    staff = make_staff()
    assert give_password(client, staff, next="/admin/").url == SET_UP_PAGE
    for address in ("/admin/", "/admin/bookings/booking/", "/account/", "/setup/"):
        assert client.get(address).status_code == 302, address
    app, sent = offered(client.get(SET_UP_PAGE))
    answer = client.post(SET_UP_PAGE, {"offered": sent, "new_code": app.code()})
    assert answer.status_code == 200
    assert len(codes_in(answer)) == 10
    assert 'href="/admin/"' in answer.content.decode()
    assert client.get("/admin/").status_code == 200


def test_the_admins_own_sign_in_is_the_same_door(client: Client, public: None) -> None:
    staff = make_staff()
    sent = {"username": staff.email, "password": PASSWORD, "next": "/admin/"}
    client.post("/admin/login/?next=/admin/", sent)
    assert client.get("/admin/").status_code == 302
    assert not is_signed_in(client)


def test_a_session_of_staff_without_a_code_ends_on_a_public_site(
    client: Client, settings: Any
) -> None:
    """It may have begun before the site was public, or before they were staff."""
    staff = make_staff()
    give_password(client, staff)
    assert client.get("/admin/").status_code == 200
    settings.IS_PUBLIC = True
    assert client.get("/admin/").status_code == 302
    settings.IS_PUBLIC = False
    assert client.get("/admin/").status_code == 302, "it is over for good"


def test_an_expert_of_a_public_site_may_go_without(
    client: Client, maya: Expert, public: None
) -> None:
    give_password(client, maya.user)
    assert is_signed_in(client)
    assert "Two-step sign-in is off" in client.get("/account/security/").content.decode()


def test_everyone_means_experts_too(client: Client, maya: Expert, settings: Any) -> None:
    settings.SECOND_FACTOR = "everyone"
    assert give_password(client, maya.user).url == SET_UP_PAGE
    assert not is_signed_in(client)


def test_the_owner_who_has_just_made_their_account_sets_it_up(client: Client, public: None) -> None:
    from bookings import setup

    link = setup.link().removeprefix("http://127.0.0.1:8000")
    made = client.post(link, {"email": "ana@example.com", "password": NEW})
    assert made.url == SET_UP_PAGE
    assert client.get("/setup/").status_code == 302
    app, sent = offered(client.get(SET_UP_PAGE))
    client.post(SET_UP_PAGE, {"offered": sent, "new_code": app.code()})
    assert client.get("/setup/").status_code == 200


def test_a_wrong_code_shows_the_same_key_again(client: Client, public: None) -> None:
    give_password(client, make_staff())
    app, sent = offered(client.get(SET_UP_PAGE))
    again = client.post(SET_UP_PAGE, {"offered": sent, "new_code": app.wrong()})
    assert again.status_code == 422
    assert offered(again)[0] == app
    assert not AuthenticatorApp.objects.exists()


def test_a_key_that_was_offered_to_somebody_else_is_not_taken(public: None) -> None:
    """Nor one that was offered long ago, or made up."""
    ann, ben = make_staff(), make_staff()
    first, second = Client(), Client()
    give_password(first, ann)
    give_password(second, ben)
    app, sent = offered(first.get(SET_UP_PAGE))
    for made_up in (sent, "x", sent[:-2], ""):
        answer = second.post(SET_UP_PAGE, {"offered": made_up, "new_code": app.code()})
        assert answer.status_code == 422
        assert offered(answer)[0] != app
    assert not AuthenticatorApp.objects.exists()


def test_an_old_offer_is_not_taken(client: Client, maya: Expert, clock: Any) -> None:
    client.force_login(maya.user)
    app, sent = offered(client.get("/account/security/set-up/"))
    clock.shift(timedelta(minutes=31))
    form = {"offered": sent, "new_code": app.code(), "password": PASSWORD}
    assert client.post("/account/security/set-up/", form).status_code == 422


def test_who_has_it_set_up_does_not_come_to_that_page_by_the_password_alone(
    client: Client, clock: Any, public: None
) -> None:
    """Otherwise a guessed password would be enough to replace the app."""
    staff = make_staff()
    app, _ = set_up(staff)
    give_password(client, staff)
    assert client.get(SET_UP_PAGE).status_code == 302
    new, sent = app, "x"
    assert client.post(SET_UP_PAGE, {"offered": sent, "new_code": new.code()}).status_code == 302
    assert AuthenticatorApp.objects.get().key == app.key


# --- setting up, replacing and removing -----------------------------------------------------------


def test_an_expert_sets_it_up(desk: Client, maya: Expert) -> None:
    other = Client()
    other.force_login(maya.user)
    app, sent = offered(desk.get("/account/security/set-up/"))
    form = {"offered": sent, "new_code": app.code(), "password": PASSWORD}
    answer = desk.post("/account/security/set-up/", form)
    assert answer.status_code == 200
    assert len(codes_in(answer)) == 10
    assert is_signed_in(desk)
    assert not is_signed_in(other), "other devices are signed out"
    assert "Two-step sign-in is on" in desk.get("/account/security/").content.decode()
    assert desk.post("/account/security/set-up/", form).status_code == 422, "sent again"
    assert kinds() == ["second_factor_set_up"]


@pytest.mark.parametrize("wrong", ["password", "new_code", "offered"])
def test_it_needs_all_of_the_form(desk: Client, wrong: str) -> None:
    app, sent = offered(desk.get("/account/security/set-up/"))
    form = {"offered": sent, "new_code": app.code(), "password": PASSWORD}
    spoiled = {**form, wrong: app.wrong()}
    assert desk.post("/account/security/set-up/", spoiled).status_code == 422
    assert not AuthenticatorApp.objects.exists()


def test_looking_at_the_page_writes_nothing(desk: Client) -> None:
    before = all_rows()
    desk.get("/account/security/set-up/")
    desk.get("/account/security/")
    assert all_rows() == before


def test_another_app_needs_the_password_and_a_code_of_the_one_before(
    client: Client, maya: Expert, clock: Any
) -> None:
    app, codes = set_up(maya.user)
    client.force_login(maya.user)
    clock.shift(STEP)
    page = "/account/security/set-up/"
    new, sent = offered(client.get(page))
    form = {"offered": sent, "new_code": new.code(), "password": PASSWORD}
    assert client.post(page, form).status_code == 422
    assert client.post(page, {**form, "code": new.code()}).status_code == 422
    clock.shift(timedelta(seconds=2))
    answer = client.post(page, {**form, "new_code": new.code(), "code": app.code()})
    assert answer.status_code == 200
    assert AuthenticatorApp.objects.get().key == new.key
    assert not second_factor.accepts(maya.user, codes[0], now=timezone.now())
    told = OutboxEmail.objects.filter(kind="second_factor_set_up").latest("pk")
    assert told.facts["is_new"] is False


def test_removing_needs_the_password_and_a_code(client: Client, maya: Expert, clock: Any) -> None:
    app, _ = set_up(maya.user)
    client.force_login(maya.user)
    other = Client()
    other.force_login(maya.user)
    clock.shift(STEP)
    page = "/account/security/remove/"
    for form in ({"password": PASSWORD}, {"code": app.code()}, full_form(app, password="wrong")):
        assert client.post(page, form).status_code == 422
    assert client.post(page, full_form(app)).status_code == 302
    assert not AuthenticatorApp.objects.exists()
    assert not RecoveryCode.objects.exists()
    assert is_signed_in(client)
    assert not is_signed_in(other)
    assert "second_factor_removed" in kinds()


def test_who_must_have_it_cannot_remove_it(client: Client, clock: Any, public: None) -> None:
    staff = make_staff()
    app, _ = set_up(staff)
    clock.shift(STEP)
    give_password(client, staff)
    give_code(client, app.code())
    clock.shift(STEP)
    client.post("/account/security/remove/", full_form(app))
    assert AuthenticatorApp.objects.exists()


def test_new_recovery_codes_replace_the_old(client: Client, maya: Expert, clock: Any) -> None:
    app, codes = set_up(maya.user)
    client.force_login(maya.user)
    clock.shift(STEP)
    answer = client.post("/account/security/recovery-codes/", full_form(app))
    new = codes_in(answer)
    assert len(new) == 10
    assert not set(new) & set(codes)
    assert not second_factor.accepts(maya.user, codes[0], now=timezone.now())
    assert second_factor.accepts(maya.user, new[0], now=timezone.now())
    assert is_signed_in(client)


def test_the_key_is_shown_nowhere_afterwards(client: Client, staff: User) -> None:
    app, _ = set_up(staff)
    client.force_login(staff)
    pages = ["/account/security/", "/admin/", f"/admin/bookings/user/{staff.pk}/change/"]
    for page in pages:
        html = client.get(page).content.decode()
        assert app.key not in html
        assert second_factor.spelled(app.key) not in html
    assert client.get("/admin/otp_totp/totpdevice/").status_code == 404


# --- somebody has lost everything -----------------------------------------------------------------


def test_staff_removes_it_with_a_reason(client: Client, maya: Expert, staff: User) -> None:
    set_up(maya.user)
    theirs = Client()
    theirs.force_login(maya.user)
    page = f"/admin/bookings/user/act/remove_factor/?ids={maya.user_id}"
    assert "lost their phone" in client.get(page).content.decode()
    form = {"ids": maya.user_id, "request_key": "k", "reason": "Maya showed me her passport."}
    assert client.post(page, {**form, "reason": ""}).status_code == 422
    assert AuthenticatorApp.objects.exists()
    assert client.post(page, form).status_code == 302
    assert not AuthenticatorApp.objects.exists()
    assert not is_signed_in(theirs)
    sweeps.run(now=timezone.now())
    [message] = [one for one in mail.outbox if "removed" in one.subject]
    assert message.to == ["Maya Fernandes <maya@example.com>"]
    assert "Maya showed me her passport." in message.body


def test_staff_does_not_remove_their_own_nor_that_of_people_with_more_rights(
    client: Client,
) -> None:
    from django.contrib.auth.models import Permission

    clerk, owner = make_user("clerk@example.com", is_staff=True), make_staff()
    clerk.user_permissions.set(Permission.objects.filter(codename__endswith="_user"))
    for user in (clerk, owner):
        set_up(user)
    client.force_login(clerk)
    for user in (clerk, owner):
        page = f"/admin/bookings/user/act/remove_factor/?ids={user.pk}"
        form = {"ids": user.pk, "request_key": "k", "reason": "Please."}
        client.post(page, form)
    assert AuthenticatorApp.objects.count() == 2


def test_the_owner_removes_it_on_the_command_line(maya: Expert, capsys: Any) -> None:
    set_up(maya.user)
    call_command("remove_second_factor", "MAYA@example.com")
    assert "maya@example.com signs in with the password alone" in capsys.readouterr().out
    assert "second_factor_removed" in kinds()
    with pytest.raises(CommandError, match="has no two-step sign-in"):
        call_command("remove_second_factor", "maya@example.com")
    with pytest.raises(CommandError, match="There is no account"):
        call_command("remove_second_factor", "nobody@example.com")
