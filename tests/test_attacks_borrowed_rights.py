"""Staff with few rights cannot borrow those of others, nor hand their own cases on."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from bookings.models import User
from tests.builders import make_expert, make_user
from tests.staff_pages import fresh, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk(client: Client) -> User:
    """Looks after people, may not touch money."""
    user = make_user("clerk@example.com", is_staff=True)
    names = ["view_user", "change_user", "view_expert", "change_expert"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)
    return user


def test_the_password_of_other_staff_is_not_theirs_to_set(client: Client, clerk: User) -> None:
    treasurer = make_user("treasurer@example.com", is_staff=True)
    new = "correct horse battery staple"
    sent = {"password1": new, "password2": new, "usable_password": "true"}
    assert client.post(f"/admin/bookings/user/{treasurer.pk}/password/", sent).status_code == 403
    assert client.post(url(treasurer), {"email": "clerk2@example.com"}).status_code == 403
    assert not fresh(treasurer).check_password(new)


def test_an_experts_password_still_is(client: Client, clerk: User) -> None:
    maya = make_expert().user
    assert client.get(f"/admin/bookings/user/{maya.pk}/password/").status_code == 200
    assert client.get(url(clerk)).status_code == 200


def test_an_expert_stays_whose_it_is(client: Client, clerk: User) -> None:
    maya, other = make_expert(), make_user()
    html = client.get(url(maya)).content.decode()
    assert 'name="name"' in html
    assert 'name="user"' not in html
    client.post(url(maya), {"user": other.pk, "name": maya.name})
    assert fresh(maya).user_id == maya.user_id
