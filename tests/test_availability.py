"""What an expert sets: name, zone, clock, appearance, and when they can be booked."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bookings.forms.availability import problem_with
from bookings.models import DateOverride, Expert, WeeklyHours
from tests.builders import make_expert, make_service

pytestmark = pytest.mark.django_db


# --- settings -------------------------------------------------------------------------------


def settings_of(**changes: str) -> dict[str, str]:
    form = {"name": "Maya Fernandes", "time_zone": "Asia/Kolkata", "clock": "12", "theme": "system"}
    return {**form, **changes}


def test_an_expert_changes_zone_clock_and_shortcuts(desk: Client, maya: Expert) -> None:
    form = settings_of(time_zone="Europe/Berlin", clock="24", theme="dark")
    response = desk.post("/account/", form)
    assert response.status_code == 302
    assert response.cookies["theme"].value == "dark"
    maya.refresh_from_db()
    assert (maya.time_zone, maya.clock) == ("Europe/Berlin", "24")
    assert maya.has_shortcuts is False, "an empty checkbox switches them off"
    assert 'data-theme="dark"' in desk.get("/account/").content.decode()


def test_the_settings_page_takes_nothing_but_its_own_fields(desk: Client, maya: Expert) -> None:
    lukas = make_expert("Lukas")
    desk.post("/account/", settings_of(user=str(lukas.user_id), slug="stolen", window_days="900"))
    before = (maya.user_id, maya.slug, maya.window_days)
    maya.refresh_from_db()
    assert (maya.user_id, maya.slug, maya.window_days) == before


@pytest.mark.parametrize("zone", ["Mars/Base", "../etc/passwd", "", "Europe/Berlin\x00"])
def test_an_unknown_zone_is_refused(desk: Client, maya: Expert, zone: str) -> None:
    response = desk.post("/account/", settings_of(time_zone=zone))
    assert response.status_code == 422
    maya.refresh_from_db()
    assert maya.time_zone == "Asia/Kolkata"


def test_the_theme_button_works_signed_out_and_leads_back_to_our_page_only(client: Client) -> None:
    response = client.post("/theme/", {"theme": "dark", "next": "/help/no-shows/"})
    assert (response.url, response.cookies["theme"].value) == ("/help/no-shows/", "dark")
    assert client.post("/theme/", {"theme": "light", "next": "//evil.example"}).url == "/"
    assert "theme" not in client.post("/theme/", {"theme": "purple"}).cookies
    assert client.get("/theme/").status_code == 405


# --- availability ---------------------------------------------------------------------------


def week(**times: str) -> dict[str, str]:
    """Fields as `mon1="09:00-12:00"`."""
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    form = {}
    for name, spell in times.items():
        starts, _, ends = spell.partition("-")
        key = f"{days.index(name[:3])}_{int(name[3:]) - 1}"
        form |= {f"from_{key}": starts, f"to_{key}": ends}
    return form


def hours(expert: Expert) -> list[str]:
    return [str(row) for row in WeeklyHours.objects.filter(expert=expert)]


def test_the_week_is_replaced_by_what_was_filled_in(desk: Client, maya: Expert) -> None:
    response = desk.post(
        "/account/availability/week/",
        week(mon1="09:00-12:00", mon2="13:00-17:30", sun3="20:00-00:00"),
    )
    assert response.status_code == 302
    assert hours(maya) == ["Monday 09:00-12:00", "Monday 13:00-17:30", "Sunday 20:00-00:00"]
    shown = desk.get("/account/availability/").content.decode()
    assert 'value="13:00"' in shown


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"mon1": "12:00-09:00"}, "Monday: 12:00 pm – 9:00 am: the end must be after the start."),
        (
            {"tue1": "09:00-12:00", "tue2": "11:59-13:00"},
            "9:00 am – 12:00 pm and 11:59 am – 1:00 pm",
        ),
        ({"wed1": "09:00-"}, "Wednesday: Give both a start and an end, or leave both empty."),
        ({"thu1": "soon-later"}, "Thursday, from, 1: write a time such as 09:30."),
        (
            {"fri1": "20:00-00:00", "fri2": "23:00-23:30"},
            "8:00 pm – 12:00 am and 11:00 pm – 11:30 pm",
        ),
        ({"sat1": "25:00-26:00"}, "Saturday, from, 1: write a time such as 09:30."),
    ],
)
def test_hours_that_cannot_be_are_refused_and_nothing_is_lost(
    desk: Client, maya: Expert, form: dict[str, str], sentence: str
) -> None:
    before = hours(maya)
    response = desk.post("/account/availability/week/", week(**form))
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert hours(maya) == before


@pytest.mark.parametrize(
    ("spells", "is_fine"),
    [
        ([(time(0), time(0))], True),  # the whole day
        ([(time(9), time(12)), (time(12), time(13))], True),  # back to back
        ([(time(12), time(13)), (time(9), time(12))], True),
        ([(time(9), time(9))], False),
        ([(time(0), time(0)), (time(9), time(10))], False),
        ([(time(9), time(12)), (time(9), time(12))], False),
        ([], True),
    ],
)
def test_spells_of_one_day_do_not_overlap(spells: list[Any], is_fine: bool) -> None:
    assert (problem_with(spells, "24") == "") is is_fine


@pytest.mark.parametrize("form", ["week", "rules", "dates"])
def test_the_address_of_a_refused_form_leads_back_to_the_page(desk: Client, form: str) -> None:
    assert desk.get(f"/account/availability/{form}/").url == "/account/availability/"


def tomorrow() -> date:
    return timezone.now().date() + timedelta(days=1)


def add_date(desk: Client, **form: str) -> Any:
    day = form.pop("day", tomorrow().isoformat())
    return desk.post("/account/availability/dates/", {"day": day, "kind": "off", **form})


def dates(expert: Expert) -> list[str]:
    return [str(row).split(" ", 1)[1] for row in DateOverride.objects.filter(expert=expert)]


def test_a_day_off_and_other_hours_replace_each_other(desk: Client, maya: Expert) -> None:
    assert add_date(desk).status_code == 302
    assert dates(maya) == ["off"]
    add_date(desk, kind="hours", starts="08:00", ends="10:00")
    add_date(desk, kind="hours", starts="10:00", ends="11:00")
    assert dates(maya) == ["08:00-10:00", "10:00-11:00"]
    add_date(desk)
    assert dates(maya) == ["off"]


@pytest.mark.parametrize(("clock", "hours"), [("12", "8:00 am – 1:30 pm"), ("24", "08:00–13:30")])
def test_other_hours_are_read_on_the_experts_own_clock(
    desk: Client, maya: Expert, clock: str, hours: str
) -> None:
    Expert.objects.filter(pk=maya.pk).update(clock=clock)
    add_date(desk, kind="hours", starts="08:00", ends="13:30")
    assert f'<span class="muted">{hours}</span>' in (
        desk.get("/account/availability/").content.decode()
    )
    again = add_date(desk, kind="hours", starts="09:00", ends="13:00").content.decode()
    assert f"{hours} and 9:00" in again.replace("09:00", "9:00")


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"day": "2020-01-01"}, "Choose today or a later date."),
        ({"day": "9999-12-31"}, "Choose one within the next two years."),
        ({"day": "2026-02-30"}, "Choose a date."),
        ({"day": ""}, "Choose a date."),
        ({"kind": "hours", "starts": "09:00", "ends": ""}, "Give both a start and an end."),
        ({"kind": "hours", "starts": "10:00", "ends": "09:00"}, "the end must be after the start"),
        ({"kind": "party"}, "Choose one of the options for “On that date”."),
    ],
)
def test_dates_that_cannot_be_are_refused(
    desk: Client, maya: Expert, form: dict[str, str], sentence: str
) -> None:
    response = add_date(desk, **form)
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert dates(maya) == []


def test_a_date_can_be_removed_by_its_owner_only(desk: Client, maya: Expert) -> None:
    other = DateOverride.objects.create(expert=make_expert("Lukas"), date=tomorrow())
    assert desk.post(reverse("remove_override", args=[other.pk])).status_code == 404
    own = DateOverride.objects.create(expert=maya, date=tomorrow())
    assert desk.get(reverse("remove_override", args=[own.pk])).status_code == 405
    assert desk.post(reverse("remove_override", args=[own.pk])).status_code == 302
    assert list(DateOverride.objects.all()) == [other]


def test_booking_rules_are_saved_and_nonsense_is_not(desk: Client, maya: Expert) -> None:
    form = {"step_minutes": "15", "buffer_minutes": "10", "min_notice_minutes": "1440"}
    url = "/account/availability/rules/"
    assert desk.post(url, {**form, "window_days": "60"}).status_code == 302
    for days in ("0", "-1", "366", "many", "1e309"):
        assert desk.post(url, {**form, "window_days": days}).status_code == 422
    assert desk.post(url, {**form, "step_minutes": "7", "window_days": "9"}).status_code == 422
    maya.refresh_from_db()
    assert (maya.step_minutes, maya.buffer_minutes, maya.min_notice_minutes) == (15, 10, 1440)
    assert maya.window_days == 60


def test_the_page_shows_the_next_times_followers_would_see(desk: Client, maya: Expert) -> None:
    assert "You have no service yet" in desk.get("/account/availability/").content.decode()
    make_service(maya, title="Career chat")
    assert "next free times for Career chat" in desk.get("/account/availability/").content.decode()
    desk.post("/account/availability/week/", {"from_0_0": "", "to_0_0": ""})
    assert "No free times" in desk.get("/account/availability/").content.decode()


def test_the_availability_page_takes_the_same_queries_for_a_fuller_week(
    desk: Client, maya: Expert, django_assert_max_num_queries: Any
) -> None:
    make_service(maya)
    for n in range(20):
        DateOverride.objects.create(expert=maya, date=tomorrow() + timedelta(days=n))
    with django_assert_max_num_queries(12):
        desk.get("/account/availability/")


def test_a_form_that_came_without_its_hours_wipes_nothing(desk: Client, maya: Expert) -> None:
    before = hours(maya)
    assert desk.post("/account/availability/week/", {}).status_code == 422
    assert hours(maya) == before
    assert before
