"""Staff adds an expert: with what is usual filled in, and hours in the expert's own zone."""

from __future__ import annotations

import re
from datetime import time
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from bookings.models import Expert, Service, User, WeeklyHours
from tests.builders import make_expert, make_service, make_user
from tests.follower_pages import read
from tests.staff_pages import url

pytestmark = pytest.mark.django_db
ADD = "/admin/bookings/expert/add/"


def fields_of(html: str) -> dict[str, str]:
    """What the form would send as it stands."""
    main = html.split('id="expert_form"')[1]
    found = {}
    for tag in re.findall(r"<input[^>]*>", main):
        name, value = (re.search(rf' {key}="([^"]*)"', tag) for key in ("name", "value"))
        is_off = 'type="checkbox"' in tag and "checked" not in tag
        if name and 'type="submit"' not in tag and not is_off:
            found[name[1]] = value[1] if value else ("on" if "checkbox" in tag else "")
    for name, options in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', main, re.S):
        chosen = re.search(r'<option value="([^"]*)"[^>]* selected', options)
        found[name] = chosen[1] if chosen else ""
    return found


def test_what_is_usual_is_filled_in(client: Client, staff: User) -> None:
    usual = Expert()
    form = fields_of(client.get(ADD).content.decode())
    for name in ("step_minutes", "buffer_minutes", "min_notice_minutes", "window_days", "clock"):
        assert form[name] == str(getattr(usual, name)), name
    assert form["time_zone"] == usual.time_zone
    assert form["has_shortcuts"] == "on"


def test_an_expert_is_added_with_nothing_but_a_user_a_name_and_an_address(
    client: Client, staff: User
) -> None:
    user = make_user("nora@example.com")
    form = fields_of(client.get(ADD, {"user": user.pk}).content.decode())
    assert form["user"] == str(user.pk)
    answer = client.post(ADD, {**form, "name": "Nora Berg", "slug": "nora"})
    assert answer.status_code == 302, read(answer)
    nora = Expert.objects.get()
    assert (nora.user, nora.window_days, nora.min_notice_minutes) == (user, 21, 240)
    assert not Service.objects.exists()
    assert not WeeklyHours.objects.exists()


def test_who_may_only_look_reads_prices_and_questions(client: Client) -> None:
    maya = make_expert()
    question = {"text": "Your goal?", "is_required": True}
    service = make_service(maya, price_minor=240000, questions=[question])
    user = make_user(is_staff=True)
    rights = Permission.objects.filter(codename__in=["view_service", "view_expert"])
    user.user_permissions.set(rights)
    client.force_login(user)
    for path in (f"service/{service.pk}", f"expert/{maya.pk}"):
        page = read(client.get(f"/admin/bookings/{path}/change/"))
        assert "₹2,400" in page, path
        assert "Reason" not in page, path
    assert "Your goal? (must be answered)" in read(
        client.get(f"/admin/bookings/service/{service.pk}/change/")
    )


def test_who_may_change_the_expert_but_only_see_what_they_sell_can_save(client: Client) -> None:
    maya = make_expert()
    service = make_service(maya, title="Review")
    rights = ["change_expert", "view_service", "view_weeklyhours"]
    user = make_user(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    page = f"/admin/bookings/expert/{maya.pk}/change/"
    form = fields_of(client.get(page).content.decode())
    sent = {"name": "Maya New", "services-0-id": service.pk, "services-0-title": "Not theirs"}
    assert client.post(page, {**form, **sent}).status_code == 302
    maya.refresh_from_db()
    service.refresh_from_db()
    assert (maya.name, service.title) == ("Maya New", "Review")
    assert maya.weekly_hours.count() == 7


def test_an_address_has_one_spelling(client: Client, staff: User) -> None:
    form = fields_of(client.get(ADD).content.decode())
    sent = {**form, "user": str(make_user().pk), "name": "Nora Berg", "slug": "Nora-Berg"}
    assert client.post(ADD, sent).status_code == 302
    assert Expert.objects.get().slug == "nora-berg"


def test_whoever_is_an_expert_already_is_not_offered(client: Client, staff: User) -> None:
    maya, gone = make_expert(), make_user("gone@example.com", is_active=False)
    html = client.get(ADD).content.decode()
    offered = re.search(r'<select name="user"[^>]*>(.*?)</select>', html, re.S)
    assert offered
    assert re.findall(r'value="(\d+)"', offered[1]) == [str(staff.pk)]
    form = fields_of(html) | {"name": "Nora Berg", "slug": "nora"}
    for user in (maya.user, gone):
        refused = client.post(ADD, {**form, "user": str(user.pk)})
        assert "Select a valid choice." in read(refused)
    assert Expert.objects.get() == maya


def test_hours_are_the_experts_own_and_nothing_is_said_of_a_server(
    client: Client, staff: User
) -> None:
    maya = make_expert(time_zone="Asia/Kolkata")
    for page, zone in ((ADD, "the time zone chosen above"), (url(maya), "Asia/Kolkata")):
        html = client.get(page).content.decode()
        assert zone in read(client.get(page)).split("Weekly hours")[1]
        assert "DateTimeShortcuts" not in html, "the script that counts hours from the server's"
        assert "vTimeField" not in html
        assert html.count('type="time" name="weekly_hours-0-') == 2
    assert 'value="09:00"' in client.get(url(maya)).content.decode()


def test_hours_are_kept_as_they_are_written(client: Client, staff: User) -> None:
    maya = make_expert(time_zone="Asia/Kolkata")
    form = fields_of(client.get(url(maya)).content.decode())
    form |= {"weekly_hours-7-weekday": "6", "weekly_hours-7-starts_local": "20:00",
             "weekly_hours-7-ends_local": "00:00"}  # fmt: skip
    assert client.post(url(maya), form).status_code == 302
    added = maya.weekly_hours.get(starts_local=time(20))
    assert (added.weekday, added.ends_local) == (6, time(0))
    assert maya.weekly_hours.count() == 8


@pytest.mark.parametrize("written", ["25:00", "9", "noon", "09:00 UTC", "-1:00"])
def test_an_hour_that_is_none_is_told(client: Client, staff: User, written: str) -> None:
    maya = make_expert()
    form = fields_of(client.get(url(maya)).content.decode())
    form |= {"weekly_hours-7-weekday": "6", "weekly_hours-7-starts_local": written,
             "weekly_hours-7-ends_local": "23:00"}  # fmt: skip
    answer = client.post(url(maya), form)
    assert (answer.status_code, "Enter a valid time." in read(answer)) == (200, True)


def test_lists_to_choose_several_from_work_without_scripts(client: Client, staff: User) -> None:
    pages: dict[str, Any] = {
        url(staff): "user_permissions",
        "/admin/auth/group/add/": "permissions",
    }
    for page, name in pages.items():
        html = client.get(page).content.decode()
        assert re.search(rf'<select name="{name}"[^>]* multiple', html), page
        assert "SelectFilter2" not in html
