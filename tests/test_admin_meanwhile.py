"""What people change while a page of staff is open is not taken back by it."""

from __future__ import annotations

from datetime import time

import pytest
from django.test import Client

from bookings import hours
from bookings.models import Expert, Follower
from tests.builders import make_follower, make_staff
from tests.staff_pages import shown

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(make_staff())
    return client


def test_an_experts_own_settings_stay(staff: Client, maya: Expert) -> None:
    address = f"/admin/bookings/expert/{maya.pk}/change/"
    form = shown(staff, address)
    Expert.objects.update(
        time_zone="Europe/Berlin", clock="24", has_shortcuts=False, min_notice_minutes=5
    )
    page = staff.post(address, {**form, "name": "Maya F."}, follow=True).content.decode()
    assert "was changed successfully" in page
    maya.refresh_from_db()
    assert (maya.name, maya.time_zone, maya.clock) == ("Maya F.", "Europe/Berlin", "24")
    assert (maya.has_shortcuts, maya.min_notice_minutes) == (False, 5)


def test_a_followers_zone_stays(staff: Client) -> None:
    follower = make_follower()
    address = f"/admin/bookings/follower/{follower.pk}/change/"
    form = shown(staff, address)
    Follower.objects.update(time_zone="Europe/Berlin", clock="12")
    staff.post(address, {**form, "name": "Priya N."})
    follower.refresh_from_db()
    assert (follower.name, follower.time_zone, follower.clock) == (
        "Priya N.", "Europe/Berlin", "12",
    )  # fmt: skip


def test_what_staff_change_is_written(staff: Client, maya: Expert) -> None:
    address = f"/admin/bookings/expert/{maya.pk}/change/"
    form = shown(staff, address)
    form |= {"time_zone": "Europe/Berlin", "min_notice_minutes": "90"}
    form.pop("has_shortcuts")
    staff.post(address, form)
    maya.refresh_from_db()
    assert (maya.time_zone, maya.min_notice_minutes) == ("Europe/Berlin", 90)
    assert not maya.has_shortcuts


def test_hours_that_are_other_ones_by_now_are_said(staff: Client, maya: Expert) -> None:
    hours.replace_week(maya, [(0, (time(9), time(12)))])
    address = f"/admin/bookings/expert/{maya.pk}/change/"
    form = shown(staff, address)
    hours.replace_week(maya, [(1, (time(10), time(12)))])
    page = staff.post(address, {**form, "name": "Maya F."}).content.decode()
    assert "The expert has changed these hours since you opened the page" in page
    assert list(maya.weekly_hours.values_list("weekday", flat=True)) == [1]
