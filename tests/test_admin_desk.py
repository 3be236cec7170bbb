"""Answers, feedback and people in the admin."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bookings.models import (
    DateOverride,
    HelpFeedback,
    OutboxEmail,
    SupportRequest,
    User,
    WeeklyHours,
)
from tests.builders import (
    make_expert,
    make_service,
    make_staff,
    make_user,
)
from tests.staff_pages import expert_form, fresh, url

pytestmark = pytest.mark.django_db


# --- support, help, people ------------------------------------------------------------------


def test_an_answer_is_mailed_once_and_stays(client: Client, staff: User) -> None:
    asked = SupportRequest.objects.create(expert=make_expert(), subject="Help", message="Please")
    assert client.post(url(asked), {"answer": " "}).status_code == 200
    assert not fresh(asked).answer
    client.post(url(asked), {"answer": "Done.", "subject": "changed", "answered_by": "99"})
    answered = fresh(asked)
    assert (answered.answer, answered.answered_by, answered.subject) == ("Done.", staff, "Help")
    assert OutboxEmail.objects.filter(kind="support_answer").count() == 1
    assert client.post(url(asked), {"answer": "Other."}).status_code == 403
    assert fresh(asked).answer == "Done."


def test_the_list_of_feedback_counts_yes_and_no(client: Client, staff: User) -> None:
    for is_helpful in (True, True, False):
        HelpFeedback.objects.create(article="no-shows", is_helpful=is_helpful, comment="c")
    html = client.get("/admin/bookings/helpfeedback/").content.decode()
    row = re.search(r'<th scope="row">no-shows</th>(.*?)</tr>', html)
    assert row is not None
    assert re.findall(r">(\d+)<", row[1]) == ["2", "1", "3"]


def test_staff_edits_hours_and_overlaps_are_refused(client: Client, staff: User) -> None:
    maya = make_expert()
    WeeklyHours.objects.all().delete()
    rows = {"weekly_hours-TOTAL_FORMS": "2"}
    for n, (starts, ends) in enumerate([("09:00", "12:00"), ("11:00", "13:00")]):
        rows |= {f"weekly_hours-{n}-weekday": "0", f"weekly_hours-{n}-expert": str(maya.pk)}
        rows |= {f"weekly_hours-{n}-starts_local": starts, f"weekly_hours-{n}-ends_local": ends}
    refused = client.post(url(maya), expert_form(maya, **rows))
    assert "Monday: 09:00–12:00 and 11:00–13:00 overlap." in refused.content.decode()
    assert not WeeklyHours.objects.exists()
    rows["weekly_hours-1-starts_local"] = "12:00"
    assert client.post(url(maya), expert_form(maya, **rows)).status_code == 302
    assert WeeklyHours.objects.count() == 2
    assert fresh(maya).time_zone == "Europe/Berlin"


def as_a_browser_sends_it(page: Any) -> dict[str, str]:
    """Every field of the page as it stands."""
    forms = [page.context["adminform"].form]
    for inline in page.context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    values = {field.html_name: field.value() for form in forms for field in form}
    return {name: str(v) for name, v in values.items() if v is not None and v is not False}


def test_an_expert_with_many_dates_and_services_can_be_saved(client: Client, staff: User) -> None:
    maya = make_expert()
    today = timezone.now().date()
    DateOverride.objects.bulk_create(
        DateOverride(expert=maya, date=today + timedelta(days=n)) for n in range(1, 301)
    )
    for _ in range(60):
        make_service(maya)
    form = as_a_browser_sends_it(client.get(url(maya))) | {"name": "Maya F."}
    assert client.post(url(maya), form).status_code == 302
    assert fresh(maya).name == "Maya F."
    assert (maya.services.count(), maya.date_overrides.count()) == (60, 300)


def test_dates_of_an_expert_are_there_to_read_from_today_on(client: Client, staff: User) -> None:
    maya = make_expert(time_zone="UTC")
    for day, starts in (
        (date(2020, 1, 6), None),
        (date(2099, 1, 6), None),
        (date(2099, 1, 7), time(9)),
    ):
        ends = starts and time(12)
        DateOverride.objects.create(expert=maya, date=day, starts_local=starts, ends_local=ends)
    html = client.get(url(maya)).content.decode()
    assert "Tue 6 Jan 2099: Day off" in html
    assert "Wed 7 Jan 2099: 09:00–12:00" in html
    assert "2020" not in html
    assert "date_overrides" not in html
    assert client.get(reverse("admin:bookings_expert_add")).status_code == 200


def test_staff_cannot_raise_their_own_rights(client: Client) -> None:
    clerk = make_user("clerk@example.com", is_staff=True)
    names = ["view_user", "change_user"]
    clerk.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(clerk)
    form = {"email": clerk.email, "is_active": "on", "is_superuser": "on", "user_permissions": "1"}
    client.post(url(clerk), form)
    clerk.refresh_from_db()
    assert not clerk.is_superuser
    assert {p.codename for p in clerk.user_permissions.all()} == set(names)
    chief = make_staff("chief@example.com")
    assert client.post(url(chief), {**form, "email": "x@example.com"}).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[chief.pk])
    new = {"password1": "a new pass phrase", "password2": "a new pass phrase"}
    assert client.post(password, new).status_code == 403
