"""Signing in and out, the password, settings and availability of an expert."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from typing import Any

import pytest
from axes.utils import reset as forget_attempts
from django.conf import settings as in_force
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bookings import emails
from bookings.forms.availability import problem_with
from bookings.models import DateOverride, Expert, OutboxEmail, User, WeeklyHours
from tests.builders import PASSWORD, make_expert, make_service, make_staff, make_user

pytestmark = pytest.mark.django_db
NEW = "seven quiet lanterns"


@pytest.fixture
def maya() -> Expert:
    return make_expert(email="maya@example.com")


@pytest.fixture
def desk(client: Client, maya: Expert) -> Client:
    client.force_login(maya.user)
    return client


def sign_in(client: Client, email: str, password: str = PASSWORD, **more: Any) -> Any:
    return client.post("/sign-in/", {"username": email, "password": password, **more})


def is_signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


# --- signing in and out ---------------------------------------------------------------------


def test_an_expert_signs_in_and_lands_on_need_action(client: Client, maya: Expert) -> None:
    response = sign_in(client, "maya@example.com")
    assert response.status_code == 302
    assert client.get(response.url).url == reverse("need_action")


def test_the_spelling_of_the_address_does_not_matter(client: Client, maya: Expert) -> None:
    assert sign_in(client, "  Maya@Example.COM ").status_code == 302


def test_staff_without_an_expert_lands_in_the_admin(client: Client) -> None:
    make_staff("staff@example.com")
    response = sign_in(client, "staff@example.com")
    assert client.get(response.url).url == reverse("admin:index")


def test_signing_in_goes_on_to_the_page_that_was_asked_for(client: Client, maya: Expert) -> None:
    asked = client.get("/upcoming/")
    assert asked.url == "/sign-in/?next=/upcoming/"
    assert sign_in(client, "maya@example.com", next="/upcoming/").url == "/upcoming/"


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"],
)
def test_signing_in_never_leads_to_another_site(
    client: Client, maya: Expert, elsewhere: str
) -> None:
    assert sign_in(client, "maya@example.com", next=elsewhere).url == "/"


def test_wrong_password_and_unknown_address_get_the_same_answer(
    client: Client, maya: Expert
) -> None:
    User.objects.create_user("gone@example.com", PASSWORD, is_active=False)
    answers = []
    for email in ("maya@example.com", "nobody@example.com", "gone@example.com"):
        response = sign_in(client, email, "wrong")
        text = response.content.decode().replace(email, "…")
        answers.append(re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", text))
    assert answers[0] == answers[1] == answers[2]
    assert "The e-mail address and the password do not match." in answers[0]
    assert not is_signed_in(client)


def test_a_session_gets_a_new_key_when_somebody_signs_in(client: Client, maya: Expert) -> None:
    session = client.session
    session["before"] = True
    session.save()
    planted = session.session_key
    sign_in(client, "maya@example.com")
    assert client.session.session_key != planted


def test_signing_out_needs_a_pressed_button(desk: Client) -> None:
    assert desk.get("/sign-out/").status_code == 405
    assert is_signed_in(desk)
    assert desk.post("/sign-out/").status_code == 302
    assert not is_signed_in(desk)


def test_too_many_wrong_passwords_lock_the_door_for_a_while(
    client: Client, maya: Expert, settings: Any
) -> None:
    settings.AXES_ENABLED = True
    for n in range(in_force.AXES_FAILURE_LIMIT):
        # another spelling is not another account
        email = "maya@example.com" if n % 2 else "MAYA@example.com"
        response = sign_in(client, email, "wrong")
    assert response.status_code == 429
    assert "Too many attempts to sign in" in response.content.decode()
    assert response.headers["Retry-After"] == "900"
    assert sign_in(client, "maya@example.com").status_code == 429

    make_user("lena@example.com")
    assert sign_in(client, "lena@example.com").status_code == 302, "others may still sign in"
    forget_attempts()


def test_a_password_from_the_mail_opens_the_locked_door(
    client: Client, maya: Expert, settings: Any
) -> None:
    settings.AXES_ENABLED = True
    for _ in range(in_force.AXES_FAILURE_LIMIT):
        sign_in(client, "maya@example.com", "wrong")
    assert sign_in(client, "maya@example.com").status_code == 429
    choose(client, reset_link(client, "maya@example.com"))
    assert sign_in(client, "maya@example.com", NEW).status_code == 302
    forget_attempts()


# --- a forgotten password -------------------------------------------------------------------


def reset_link(client: Client, email: str, **headers: Any) -> str:
    """The link that arrives in the mailbox."""
    client.post("/password/", {"email": email}, **headers)
    row = OutboxEmail.objects.get(kind="password_reset")
    assert emails.deliver(row.pk, now=timezone.now())
    found = re.search(r"https?://\S+/password/\S+/\S+/", str(mail.outbox[-1].body))
    assert found is not None
    return found[0]


def choose(client: Client, link: str, password: str = NEW) -> Any:
    path = link.removeprefix(in_force.SITE_URL)
    form = client.get(path, follow=True)
    return client.post(
        form.redirect_chain[-1][0] if form.redirect_chain else path,
        {"new_password1": password, "new_password2": password},
    )


def test_a_forgotten_password_is_replaced_by_a_link_in_the_mail(
    client: Client, maya: Expert
) -> None:
    link = reset_link(client, "Maya@example.com")
    assert "maya@example.com" in mail.outbox[-1].to[0]
    assert choose(client, link).url == reverse("password_reset_complete")
    assert sign_in(client, "maya@example.com", NEW).status_code == 302


def test_the_link_works_once(client: Client, maya: Expert) -> None:
    link = reset_link(client, "maya@example.com")
    choose(client, link)
    again = Client().get(link.removeprefix(in_force.SITE_URL), follow=True)
    assert "This link is no longer active" in again.content.decode()


def test_the_link_names_our_site_whatever_host_was_asked(
    client: Client, maya: Expert, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    link = reset_link(client, "maya@example.com", headers={"host": "evil.example"})
    assert link.startswith(f"{in_force.SITE_URL}/")
    assert "evil" not in mail.outbox[-1].body


def test_an_unknown_address_gets_the_same_answer_and_no_mail(client: Client, maya: Expert) -> None:
    known = client.post("/password/", {"email": "maya@example.com"})
    unknown = client.post("/password/", {"email": "nobody@example.com"})
    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
    assert OutboxEmail.objects.filter(kind="password_reset").count() == 1


def test_asking_again_at_once_sends_one_mail(client: Client, maya: Expert) -> None:
    for _ in range(3):
        client.post("/password/", {"email": "maya@example.com"})
    assert OutboxEmail.objects.filter(kind="password_reset").count() in (1, 2)  # a minute may turn


def test_an_invited_expert_without_a_password_can_choose_one(client: Client) -> None:
    make_user("new@example.com").set_unusable_password()
    User.objects.filter(email="new@example.com").update(password="!unusable")
    choose(client, reset_link(client, "new@example.com"))
    assert sign_in(client, "new@example.com", NEW).status_code == 302


def test_nobody_resets_the_password_of_a_closed_account(client: Client) -> None:
    make_user("gone@example.com", is_active=False)
    client.post("/password/", {"email": "gone@example.com"})
    assert not OutboxEmail.objects.exists()


def test_changing_the_password_ends_other_sessions_and_keeps_this_one(
    desk: Client, maya: Expert
) -> None:
    elsewhere = Client()
    elsewhere.force_login(maya.user)
    response = desk.post(
        "/account/password/",
        {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW},
    )
    assert response.status_code == 302
    assert is_signed_in(desk)
    assert not is_signed_in(elsewhere)


def test_a_weak_password_is_refused_with_a_sentence(desk: Client, maya: Expert) -> None:
    response = desk.post(
        "/account/password/",
        {"old_password": PASSWORD, "new_password1": "short", "new_password2": "short"},
    )
    assert "too short" in response.content.decode()
    assert User.objects.get(pk=maya.user_id).check_password(PASSWORD)


# --- settings -------------------------------------------------------------------------------


def settings_of(**changes: str) -> dict[str, str]:
    form = {"name": "Maya Fernandes", "time_zone": "Asia/Kolkata", "clock": "12", "theme": "system"}
    return {**form, **changes}


def test_an_expert_changes_name_zone_clock_and_shortcuts(desk: Client, maya: Expert) -> None:
    form = settings_of(name="Maya F.", time_zone="Europe/Berlin", clock="24", theme="dark")
    response = desk.post("/account/", form)
    assert response.status_code == 302
    assert response.cookies["theme"].value == "dark"
    maya.refresh_from_db()
    assert (maya.name, maya.time_zone, maya.clock) == ("Maya F.", "Europe/Berlin", "24")
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


def test_a_name_keeps_no_hidden_signs_and_stays_one_line(desk: Client, maya: Expert) -> None:
    desk.post("/account/", settings_of(name="Maya\r\nBcc: x@evil.example \u202e\u200bF\x00."))
    maya.refresh_from_db()
    assert maya.name == "Maya Bcc: x@evil.example F."


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
        ({"mon1": "12:00-09:00"}, "Monday: 12:00–09:00: the end must be after the start."),
        ({"tue1": "09:00-12:00", "tue2": "11:59-13:00"}, "Tuesday: 09:00–12:00 and 11:59–13:00"),
        ({"wed1": "09:00-"}, "Wednesday: Give both a start and an end, or leave both empty."),
        ({"thu1": "soon-later"}, "Thursday: Write a time as 09:30."),
        ({"fri1": "20:00-00:00", "fri2": "23:00-23:30"}, "Friday: 20:00–00:00 and 23:00–23:30"),
        ({"sat1": "25:00-26:00"}, "Saturday: Write a time as 09:30."),
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
    assert (problem_with(spells) == "") is is_fine


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


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"day": "2020-01-01"}, "Choose today or a later date."),
        ({"day": "9999-12-31"}, "Choose a date within the next two years."),
        ({"day": "2026-02-30"}, "Choose a date."),
        ({"day": ""}, "Choose a date."),
        ({"kind": "hours", "starts": "09:00", "ends": ""}, "Give both a start and an end."),
        ({"kind": "hours", "starts": "10:00", "ends": "09:00"}, "the end must be after the start"),
        ({"kind": "party"}, "Select a valid choice."),
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
    desk.post("/account/availability/week/", {})
    assert "No free times" in desk.get("/account/availability/").content.decode()


def test_the_availability_page_takes_the_same_queries_for_a_fuller_week(
    desk: Client, maya: Expert, django_assert_max_num_queries: Any
) -> None:
    make_service(maya)
    for n in range(20):
        DateOverride.objects.create(expert=maya, date=tomorrow() + timedelta(days=n))
    with django_assert_max_num_queries(12):
        desk.get("/account/availability/")
