"""The admin's lists: finding things, and what a page costs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from bookings import lifecycle, sweeps, timeline
from bookings.models import (
    Booking,
    SupportRequest,
    User,
)
from bookings.states import Actor, ActorKind, State
from tests.builders import (
    DAY,
    HOUR,
    NOW,
    expert_of,
    make_booking,
    make_expert,
    make_follower,
    make_in_state,
)
from tests.staff_pages import url

pytestmark = pytest.mark.django_db


# --- finding things, and how much it costs ---------------------------------------------------


def test_bookings_are_found_by_code_name_and_address(client: Client, staff: User) -> None:
    maya = make_expert("Maya Fernandes", email="maya@example.com")
    wanted = make_booking(maya, make_follower("Lena Hartmann", email="lena@example.com"))
    other = make_booking(make_expert("Lukas"), make_follower("Tom"))
    for term in (wanted.code.lower(), "hartmann", "Lena@Example.com", "maya@example.com", "Maya"):
        html = client.get("/admin/bookings/booking/", {"q": term}).content.decode()
        assert wanted.code in html, term
        assert other.code not in html, term
    nothing = client.get("/admin/bookings/booking/", {"q": "'; DROP TABLE --"})
    assert wanted.code not in nothing.content.decode()


def test_a_name_that_is_too_common_says_so(
    client: Client, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bookings.admin.bookings.PEOPLE_FOUND", 2)
    for _ in range(3):
        make_booking(follower=make_follower("Lena Hartmann"))
    html = client.get("/admin/bookings/booking/", {"q": "Lena"}).content.decode()
    assert "Only bookings of the first 2 people found." in html


def test_bookings_are_filtered_by_state_date_and_deadline(client: Client, staff: User) -> None:
    now = timezone.now()
    reported = make_in_state(State.NO_SHOW_REPORTED, now=now)
    coming = make_booking(now=now, starts_at=now + 3 * DAY)

    def listed(**query: str) -> set[str]:
        html = client.get("/admin/bookings/booking/", query).content.decode()
        return {b.code for b in (reported, coming) if b.code in html}

    assert listed(state="no_show_reported") == {reported.code}
    assert listed(call="week") == {coming.code}
    assert listed(call="past_week") == {reported.code}
    assert listed(late="yes") == set()
    Booking.objects.filter(pk=reported.pk).update(deadline_at=now - HOUR)
    assert listed(late="yes") == {reported.code}
    assert listed(state="nonsense", call="x", late="x") == {reported.code, coming.code}


def test_a_case_that_staff_did_not_decide_says_how_it_ended(client: Client, staff: User) -> None:
    by_expert, by_staff, by_nobody, undone = (make_in_state(State.CONTESTED) for _ in range(4))
    for booking in (by_expert, undone):
        lifecycle.refund_now(booking.pk, actor=expert_of(booking), now=NOW)
    lifecycle.undo(undone.pk, actor=expert_of(undone), now=NOW)
    us = Actor(ActorKind.STAFF, staff.pk)
    lifecycle.refund_now(by_staff.pk, actor=us, now=NOW, reason="They agreed.")
    sweeps.run(now=NOW + 8 * DAY)
    page = client.get("/admin/bookings/contest/")
    words = {row.booking: strip_tags(page.context["cl"].model_admin.decided(row))
             for row in page.context["cl"].result_list}  # fmt: skip
    assert words == {
        by_expert: "Refunded by the expert, not decided",
        by_staff: "Refunded by staff, not decided",
        by_nobody: "Nobody decided",
        undone: "Nobody decided",
    }
    html = client.get(url(by_expert.contests.get())).content.decode()
    assert "Refunded by the expert, not decided" in html


def queries_of(client: Client, path: str, **query: str) -> int:
    client.get(path, query)  # what is kept for all requests is read by the first one
    with CaptureQueriesContext(connection) as seen:
        assert client.get(path, query).status_code == 200
    return len(seen)


@pytest.mark.parametrize(
    "name", ["booking", "refund", "payment", "contest", "outboxemail", "supportrequest", "expert"]
)
def test_a_longer_list_takes_no_more_queries(client: Client, staff: User, name: str) -> None:
    path = reverse(f"admin:bookings_{name}_changelist")

    def add_some() -> None:
        for _ in range(3):
            make_in_state(State.CONTESTED)
            make_in_state(State.REFUNDED)
            SupportRequest.objects.create(
                expert=make_expert(), subject="s", message="m", booking=make_booking()
            )

    add_some()
    few = queries_of(client, path)
    add_some()
    assert queries_of(client, path) == few
    assert few <= 14


def test_a_long_history_takes_no_more_queries(client: Client, staff: User) -> None:
    booking = make_in_state(State.NO_SHOW_REPORTED)
    few = queries_of(client, url(booking))
    by_staff = Actor(ActorKind.STAFF, staff.pk)
    for n in range(30):
        at = timezone.now() + timedelta(seconds=n)
        timeline.append(booking, "reminder", actor=by_staff, at=at)
    assert queries_of(client, url(booking)) == few


def test_lists_count_no_further_than_they_show(client: Client, staff: User) -> None:
    make_booking()
    for query in ({}, {"_facets": "True"}, {"q": "Priya"}, {"p": "1"}):
        with CaptureQueriesContext(connection) as seen:
            client.get("/admin/bookings/booking/", query)
        counts = [q["sql"] for q in seen if "COUNT(" in q["sql"]]
        assert counts
        assert all("LIMIT 5000" in sql for sql in counts), query
