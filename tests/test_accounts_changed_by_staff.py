"""An address or a password that staff changes: with a reason, which its owner reads at once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core import mail
from django.test import Client
from django.utils import timezone

from bookings import sweeps
from bookings.models import Expert, OutboxEmail, User
from tests.builders import PASSWORD, make_user

pytestmark = pytest.mark.django_db
NEW = "seven quiet lanterns"
WHY = "She asked for it by phone."


def page_of(user: User) -> str:
    return f"/admin/bookings/user/{user.pk}/"


def change(client: Client, user: User, **changes: Any) -> Any:
    sent = {"email": user.email, "is_active": "on", "first_name": "", "last_name": "", **changes}
    return client.post(f"{page_of(user)}change/", sent)


def set_password(client: Client, user: User, password: str = NEW, **more: Any) -> Any:
    sent = {"password1": password, "password2": password, "usable_password": "true",
            "set-password": "1", **more}  # fmt: skip
    return client.post(f"{page_of(user)}password/", sent)


def the_mail() -> Any:
    [message] = the_mails()
    return message


def the_mails() -> list[Any]:
    sweeps.run(now=timezone.now())
    return list(mail.outbox)


def words(message: Any) -> str:
    return " ".join(str(message.body).split())


@pytest.fixture
def anna(staff: User) -> User:
    return Expert.objects.create(user=make_user("anna@example.com"), name="Anna", slug="a").user


def test_a_new_address_needs_a_reason(client: Client, anna: User) -> None:
    answer = change(client, anna, email="other@example.com")
    assert answer.status_code == 200
    assert "Give the reason: we send it to the owner of the account." in answer.content.decode()
    assert User.objects.get(pk=anna.pk).email == "anna@example.com"
    assert not OutboxEmail.objects.exists()


def test_it_is_told_to_the_old_one_and_to_the_new_one(client: Client, anna: User) -> None:
    assert change(client, anna, email="Other@example.com", reason=WHY).status_code == 302
    assert User.objects.get(pk=anna.pk).email == "other@example.com"
    mails = {one.to[0]: one for one in the_mails()}
    assert set(mails) == {"Anna <anna@example.com>", "Anna <other@example.com>"}
    assert "from anna@example.com to this one" in words(mails["Anna <other@example.com>"])
    assert WHY in words(mails["Anna <other@example.com>"])
    message = mails["Anna <anna@example.com>"]
    assert "From now on you sign in with other@example.com" in words(message)
    assert WHY in words(message)
    assert "If you did not expect this, reply to this e-mail at once." in words(message)


def test_it_is_written_in_the_history(client: Client, anna: User) -> None:
    change(client, anna, email="other@example.com", reason=WHY)
    assert WHY in LogEntry.objects.latest("pk").get_change_message()
    assert WHY in client.get(f"{page_of(anna)}history/").content.decode()


@pytest.mark.parametrize("email", ["anna@example.com", "Anna@Example.com"])
def test_the_same_address_needs_none(client: Client, anna: User, email: str) -> None:
    assert change(client, anna, email=email, first_name="Anna").status_code == 302
    assert not OutboxEmail.objects.exists()


def test_a_new_password_needs_a_reason(client: Client, anna: User) -> None:
    answer = set_password(client, anna)
    assert "Give the reason: we send it to the owner of the account." in answer.content.decode()
    assert User.objects.get(pk=anna.pk).check_password(PASSWORD)


def test_it_is_told_to_its_owner(client: Client, anna: User) -> None:
    assert set_password(client, anna, reason=WHY).status_code == 302
    assert User.objects.get(pk=anna.pk).check_password(NEW)
    message = the_mail()
    assert message.to == ["Anna <anna@example.com>"]
    assert "set a new password for your account" in words(message)
    assert WHY in words(message)
    assert NEW not in words(message)
    assert LogEntry.objects.latest("pk").get_change_message() == f"Changed password: {WHY}"


def test_one_that_is_switched_off_is_told_too(client: Client, anna: User) -> None:
    more = {"usable_password": "false", "unset-password": "1"}
    answer = client.post(f"{page_of(anna)}password/", {"reason": WHY, **more})
    assert answer.status_code == 302
    assert not User.objects.get(pk=anna.pk).has_usable_password()
    assert "switched off the password of your account" in words(the_mail())


def test_the_page_asks_for_it(client: Client, anna: User) -> None:
    page = client.get(f"{page_of(anna)}password/").content.decode()
    assert re.search(r'<textarea name="reason"[^>]* required', page)
    assert 'name="reason"' in client.get(f"{page_of(anna)}change/").content.decode()


def test_a_new_person_needs_none(client: Client, staff: User) -> None:
    sent = {"email": "new@example.com", "usable_password": "true", "password1": NEW,
            "password2": NEW}  # fmt: skip
    assert client.post("/admin/bookings/user/add/", sent).status_code == 302
    assert not OutboxEmail.objects.exists()


def test_who_may_only_look_sees_the_page_and_changes_nothing(client: Client, anna: User) -> None:
    viewer = make_user("viewer@example.com", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_user"))
    client.force_login(viewer)
    page = client.get(f"{page_of(anna)}change/")
    assert page.status_code == 200
    assert "Reason for a new address" not in page.content.decode()
    assert anna.password not in page.content.decode()
    assert change(client, anna, email="x@example.com", reason=WHY).status_code == 403
    assert set_password(client, anna, reason=WHY).status_code == 403
    assert User.objects.get(pk=anna.pk).email == "anna@example.com"
