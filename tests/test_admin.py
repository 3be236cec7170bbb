"""The admin: who may come in, and what nobody may do there."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bookings import staff_acts, sweeps
from bookings.models import (
    Heartbeat,
    HelpFeedback,
    OutboxEmail,
    User,
)
from bookings.states import State
from tests.builders import (
    HOUR,
    make_booking,
    make_expert,
    make_follower,
    make_in_state,
)
from tests.shoppers import make_checkout, make_event
from tests.staff_pages import declined, url

pytestmark = pytest.mark.django_db
OURS: list[type[Model]] = [
    model for model in admin.site._registry if model._meta.app_label == "bookings"
]
EDITABLE = {"service", "expert", "follower", "user", "supportrequest", "invitation"}


# --- who may come in ------------------------------------------------------------------------


def test_visitors_are_sent_to_our_sign_in_and_experts_find_nothing(client: Client) -> None:
    assert client.get("/admin/", follow=True).redirect_chain[-1][0] == "/sign-in/?next=/admin/"
    client.force_login(make_expert().user)
    for path in ("/admin/", "/admin/bookings/refund/", "/admin/policy/", "/admin/login/"):
        assert client.get(path).status_code == 404


def test_every_list_and_every_row_opens(client: Client, staff: User) -> None:
    for state in State:
        make_in_state(state)
    for model in OURS:
        page = client.get(reverse(f"admin:bookings_{model._meta.model_name}_changelist"))
        assert page.status_code == 200, model
        for row in model._default_manager.all()[:3]:
            assert client.get(url(row)).status_code == 200, row
    assert client.get("/admin/").status_code == 200


# --- what may not be done -------------------------------------------------------------------


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.model_name)
def test_nothing_can_be_deleted_even_by_a_superuser(
    client: Client, staff: User, model: type[Model]
) -> None:
    make_in_state(State.CONTESTED)
    make_in_state(State.REFUNDED)
    HelpFeedback.objects.create(article="no-shows", is_helpful=True)
    rows = model._default_manager.all()
    before = rows.count()
    name = model._meta.model_name
    for row in rows[:1]:
        assert client.post(url(row, "delete"), {"post": "yes"}).status_code == 403
        assert url(row, "delete") not in client.get(url(row)).content.decode()
    ids = [row.pk for row in rows]
    client.post(
        reverse(f"admin:bookings_{name}_changelist"),
        {"action": "delete_selected", "_selected_action": ids, "post": "yes", "index": "0"},
    )
    assert rows.count() == before


@pytest.mark.parametrize(
    "model",
    [model for model in OURS if model._meta.model_name not in EDITABLE],
    ids=lambda model: model._meta.model_name,
)
def test_rows_that_only_the_verbs_write_cannot_be_edited_or_added(
    client: Client, staff: User, model: type[Model]
) -> None:
    make_in_state(State.CONTESTED)
    make_in_state(State.REFUNDED)
    Heartbeat.objects.get_or_create(name="sweep", defaults={"finished_at": timezone.now()})
    HelpFeedback.objects.create(article="no-shows", is_helpful=True)
    make_checkout()
    make_event()
    sweeps.set_aside(make_booking().pk, "deadline_at", ValueError("?"), now=timezone.now())
    staff_acts.note("Something", by=staff.pk, at=timezone.now())
    row = model._default_manager.first()
    assert row is not None
    before = list(model._default_manager.values_list())
    every_field = {field.name: "1" for field in model._meta.concrete_fields}
    assert client.post(url(row), {**every_field, "state": "refunded"}).status_code == 403
    assert client.get(reverse(f"admin:bookings_{model._meta.model_name}_add")).status_code == 403
    assert list(model._default_manager.values_list()) == before


def test_a_booking_shows_its_history_but_never_the_key_of_a_private_link(
    client: Client, staff: User
) -> None:
    booking = make_in_state(State.CONTESTED)
    html = client.get(url(booking)).content.decode()
    assert "No-show reported" not in html
    assert "We never spoke." in html
    assert "marked the call as completed" in html
    links = list(booking.links.all())
    assert links
    for link in links:
        assert link.key not in html


def test_there_is_no_page_for_stored_messages_or_private_links() -> None:
    names = {model.__name__ for model in admin.site._registry}
    assert not names & {"StoredMessage", "PrivateLink", "TimelineEvent", "SandboxRefund"}


# --- the first page, the alarm and the policy -------------------------------------------------


@pytest.mark.usefixtures("at_now")
def test_the_first_page_says_what_waits(client: Client, staff: User) -> None:
    make_in_state(State.CONTESTED)
    declined()
    html = client.get("/admin/").content.decode()
    assert {name: n for n, name in re.findall(r"<strong>(\d+)</strong> <span>([^<]+)<", html)} == {
        "Contested calls": "1",
        "Refunds that need staff": "1",
        "E-mails given up": "0",
        "Support requests": "0",
        "Past their deadline": "0",
    }


def test_an_old_heartbeat_raises_the_alarm_on_every_page(client: Client, staff: User) -> None:
    alarm = "Deadlines are not being watched."
    assert alarm in client.get("/admin/").content.decode()
    beat = Heartbeat.objects.create(name="sweep", finished_at=timezone.now())
    assert alarm not in client.get("/admin/").content.decode()
    Heartbeat.objects.filter(pk=beat.pk).update(finished_at=timezone.now() - HOUR)
    html = client.get("/admin/bookings/booking/").content.decode()
    assert alarm in html
    assert "60 minutes ago" in html


def test_the_policy_is_there_to_read(client: Client, staff: User) -> None:
    response = client.get("/admin/policy/")
    html = response.content.decode()
    assert "72 hours" in html
    assert "POLICY_NO_SHOW_WINDOW" in html
    assert "<input" not in html.split('id="content-main"')[1]


def test_text_of_strangers_is_never_markup(client: Client, staff: User) -> None:
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'
    maya = make_expert(evil[:80])
    booking = make_booking(maya, make_follower(evil[:80]))
    OutboxEmail.objects.update(last_error=evil)
    for path in ("/admin/bookings/booking/", url(booking), url(maya), "/admin/bookings/expert/"):
        html = client.get(path).content.decode()
        assert "<script>alert" not in html
        assert "<img src=x" not in html
