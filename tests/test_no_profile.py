"""Signed in without an expert profile: a page that says so, and what to do next."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from bookings.models import Expert, User
from tests.builders import PASSWORD, make_booking, make_expert, make_user
from tests.follower_pages import read

pytestmark = pytest.mark.django_db
HEADING = "Your account has no expert profile"


@pytest.fixture
def nobody(client: Client) -> User:
    """Signed in, and neither an expert nor staff."""
    user = make_user("nora@example.com")
    client.force_login(user)
    return user


def test_signing_in_leads_to_a_page_that_says_so(client: Client) -> None:
    make_user("nora@example.com")
    answer = client.post(
        "/sign-in/", {"username": "nora@example.com", "password": PASSWORD}, follow=True
    )
    text = read(answer)
    assert answer.status_code == 200
    assert HEADING in text
    assert "You are signed in as nora@example.com." in text
    assert "Sign out" in text
    assert reverse("sign_in") not in answer.content.decode().replace("/sign-out/", "")


def test_who_asks_for_a_page_of_experts_reads_why_there_is_none(
    client: Client, nobody: User
) -> None:
    booking = make_booking()
    for path in ("/need-action/", "/account/availability/", f"/bookings/{booking.code}/"):
        answer = client.get(path)
        assert (answer.status_code, HEADING in read(answer)) == (404, True), path
        assert booking.follower.name not in read(answer)


def test_no_other_missing_page_says_that(client: Client, nobody: User) -> None:
    for path in ("/nothing-here/", "/with/nobody/", "/admin/"):
        answer = client.get(path)
        assert (answer.status_code, HEADING in read(answer)) == (404, False), path


def test_staff_is_written_to_where_their_address_is_known(
    client: Client, nobody: User, settings: Any
) -> None:
    settings.STAFF_EMAIL = []
    assert "mailto:" not in client.get("/").content.decode()
    assert "Ask the person who invited you" in read(client.get("/"))
    settings.STAFF_EMAIL = ["Ops <ops@example.com>", "boss@example.com"]
    html = client.get("/").content.decode()
    assert 'href="mailto:ops@example.com?subject=An%20expert%20profile%20for%20nora%40' in html
    assert "boss@" not in html


def test_the_profile_is_there_as_soon_as_staff_has_added_it(client: Client, nobody: User) -> None:
    Expert.objects.create(user=nobody, name="Nora Berg", slug="nora")
    assert client.get("/").headers["Location"] == reverse("need_action")


# --- staff -------------------------------------------------------------------------------------


def test_the_admin_leads_to_the_site_and_back(client: Client, staff: User) -> None:
    maya, away = make_expert("Maya Fernandes"), make_expert("Away")
    User.objects.filter(pk=away.user_id).update(is_active=False)
    assert f'<a href="{reverse("start")}">View site</a>' in client.get("/admin/").content.decode()
    answer = client.get(reverse("start"))
    html = answer.content.decode()
    assert answer.status_code == 200
    assert f'href="{reverse("admin:index")}"' in html
    assert f'href="{reverse("shop", args=[maya.slug])}"' in html
    assert away.slug not in html, "nobody may open that page"
    assert f'href="{reverse("admin:bookings_expert_add")}?user={staff.pk}"' in html


def test_staff_sees_no_more_there_than_in_the_admin(client: Client) -> None:
    maya = make_expert("Maya Fernandes")
    helper = make_user("helper@example.com", is_staff=True)
    client.force_login(helper)
    html = client.get(reverse("start")).content.decode()
    assert maya.slug not in html
    assert reverse("admin:bookings_expert_add") not in html
    helper.user_permissions.add(Permission.objects.get(codename="view_expert"))
    assert maya.slug in client.get(reverse("start")).content.decode()


def test_many_experts_are_not_all_named(client: Client, staff: User, monkeypatch: Any) -> None:
    monkeypatch.setattr("bookings.views.pages.SHOPS_SHOWN", 2)
    for name in ("Ann", "Bea"):
        make_expert(name)
    assert "These are the first" not in read(client.get(reverse("start")))
    make_expert("Cas")
    text = read(client.get(reverse("start")))
    assert "These are the first experts by name." in text
    assert ("Ann" in text, "Cas" in text) == (True, False)


def test_everybody_else_is_led_from_there_to_where_they_belong(
    client: Client, maya: Expert
) -> None:
    assert client.get(reverse("start"), follow=True).redirect_chain == [("/", 302)]
    client.force_login(maya.user)
    assert client.get(reverse("start"), follow=True).redirect_chain[-1][0] == reverse("need_action")
