"""Completed calls: every past call with an honest label, found again by outcome, date and name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from bookings import lifecycle
from bookings.models import Booking, Expert, Refund
from bookings.states import State
from tests.builders import (
    DAY,
    HOUR,
    contest,
    expert_of,
    make_booking,
    make_follower,
    make_in_state,
    mark_held_on_zoom,
    offer,
    report,
)

pytestmark = pytest.mark.django_db
URL = "/completed-calls/"
MONDAY = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def row_of(desk: Client, code: str, **query: str) -> str:
    """The text of one row."""
    html = desk.get(URL, query).content.decode()
    assert f"id=call-{code}" in html
    return html.split(f"id=call-{code} ")[1].split("</li>")[0]


def past_call(expert: Expert, *, ended: timedelta, name: str = "Priya Nair") -> Booking:
    now = timezone.now()
    return make_booking(
        expert, make_follower(name), now=now, starts_at=now - ended - 15 * HOUR / 60, minutes=15
    )


def test_a_call_nobody_spoke_about_is_not_confirmed(desk: Client, maya: Expert) -> None:
    row = row_of(desk, past_call(maya, ended=HOUR).code)
    assert "Not confirmed" in row
    assert "Mark as completed" in row
    assert "Reschedule" in row


def test_after_the_time_to_report_it_counts_as_completed(desk: Client, maya: Expert) -> None:
    row = row_of(desk, past_call(maya, ended=73 * HOUR).code)
    assert "Completed" in row
    assert "no report in 72 hours" in row
    assert "Mark as completed" not in row
    assert "Reschedule" in row


def test_a_reported_call_stands_here_too(desk: Client, maya: Expert) -> None:
    booking = report(make_booking(maya, now=timezone.now()), now=timezone.now())
    assert "No-show reported" in row_of(desk, booking.code)


def test_a_call_held_elsewhere_says_where(desk: Client, maya: Expert) -> None:
    now = timezone.now()
    booking = mark_held_on_zoom(make_booking(maya, now=now), now=now)
    row = row_of(desk, booking.code)
    assert "Completed" in row
    assert "on another video call, by you" in row


def test_an_offer_says_for_whom_it_waits(desk: Client, maya: Expert) -> None:
    booking = offer(make_booking(maya, now=timezone.now()), now=timezone.now())
    assert "Waiting for Priya" in row_of(desk, booking.code)


def test_a_contested_mark_says_so(desk: Client, maya: Expert) -> None:
    now = timezone.now()
    booking = contest(mark_held_on_zoom(make_booking(maya, now=now), now=now), now=now)
    assert "Contested" in row_of(desk, booking.code)


@pytest.mark.parametrize(
    ("state", "hold", "label", "detail"),
    [
        ("due", "", "Refund on its way", "decided by you"),
        ("accepted", "", "Refund on its way", "decided by you"),
        ("unknown", "", "Refund on its way", "decided by you"),
        ("succeeded", "", "Refunded", "by you"),
        ("declined", "", "Refund failed", "our team takes care of it"),
        ("reversed", "", "Refund failed", "our team takes care of it"),
        ("due", "Far more than usual", "Refund on hold", "our team checks the payment"),
    ],
)
def test_a_refund_says_how_far_the_money_is_and_blames_nobody(
    desk: Client, maya: Expert, state: str, hold: str, label: str, detail: str
) -> None:
    booking = make_in_state(State.REFUNDED, now=timezone.now(), expert=maya)
    Refund.objects.update(state=state, hold_reason=hold)
    row = row_of(desk, booking.code)
    assert f">{label}</span><span>{detail}</span>" in row


def test_a_cancelled_call_is_not_hidden(desk: Client, maya: Expert) -> None:
    now = timezone.now()
    booking = make_booking(maya, now=now - 2 * DAY, starts_at=now - DAY)
    lifecycle.cancel(booking.pk, actor=expert_of(booking), now=now - 2 * DAY, reason="I am ill.")
    assert "Cancelled" in row_of(desk, booking.code)


def test_future_calls_are_not_here(desk: Client, maya: Expert) -> None:
    booking = make_booking(maya, now=timezone.now(), starts_at=timezone.now() + DAY)
    assert booking.code not in desk.get(URL).content.decode()


OUTCOMES = {
    "not_confirmed": State.SCHEDULED,
    "completed": State.COMPLETED,
    "no_show_reported": State.NO_SHOW_REPORTED,
    "waiting": State.RESCHEDULE_OFFERED,
    "contested": State.CONTESTED,
    "refunded": State.REFUNDED,
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_each_filter_shows_its_outcome_only(desk: Client, maya: Expert, outcome: str) -> None:
    now = timezone.now()
    codes = {
        name: make_in_state(state, now=now - 5 * number * HOUR, expert=maya).code
        for number, (name, state) in enumerate(OUTCOMES.items())
    }
    html = desk.get(URL, {"outcome": outcome}).content.decode()
    assert [name for name, code in codes.items() if f"call-{code}" in html] == [outcome]
    everything = desk.get(URL).content.decode()
    assert all(f"call-{code}" in everything for code in codes.values())


def test_dates_are_whole_days_of_the_expert(desk: Client, maya: Expert) -> None:
    """20:00 UTC on the 20th is half past one on the 21st in Kolkata."""
    starts_at = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
    with time_machine.travel(MONDAY, tick=False):
        booking = make_booking(maya, now=MONDAY, starts_at=starts_at)
        day = {"date_from": "2026-11-21", "date_to": "2026-11-21"}
        assert f"call-{booking.code}" in desk.get(URL, day).content.decode()
        day = {"date_from": "2026-11-20", "date_to": "2026-11-20"}
        assert f"call-{booking.code}" not in desk.get(URL, day).content.decode()


@pytest.mark.parametrize(
    "query",
    [
        {"outcome": "nonsense"},
        {"date_from": "0001-01-01"},
        {"date_to": "9999-12-31"},
        {"date_from": "soon"},
        {"q": "\x00"},
        {"after": "9" * 40 + ".1", "shown": "x"},
    ],
)
def test_what_nobody_can_mean_narrows_nothing(
    desk: Client, maya: Expert, query: dict[str, str]
) -> None:
    booking = past_call(maya, ended=HOUR)
    assert "Not confirmed" in row_of(desk, booking.code, **query)


def test_calls_are_grouped_by_week(desk: Client, maya: Expert) -> None:
    with time_machine.travel(MONDAY + 2 * DAY, tick=False):
        now = timezone.now()
        for days in (1, 5, 12):
            make_booking(maya, now=now, starts_at=now - days * DAY)
        titles = [group.title for group in desk.get(URL).context["groups"]]
    assert titles == ["This week", "Last week", "Week of 9 Nov"]


def test_show_more_walks_through_all_calls_once(desk: Client, maya: Expert) -> None:
    codes = {past_call(maya, ended=number * HOUR).code for number in range(1, 61)}
    seen: list[str] = []
    url = URL
    while url:
        response = desk.get(url, headers={"HX-Request": "true"})
        seen += [row.code for group in response.context["groups"] for row in group.rows]
        url = URL + response.context["more_url"] if response.context["more_url"] else ""
    assert len(seen) == 60
    assert set(seen) == codes


def test_a_new_call_does_not_shift_the_next_page(desk: Client, maya: Expert) -> None:
    for number in range(2, 32):
        past_call(maya, ended=number * HOUR)
    first = desk.get(URL)
    past_call(maya, ended=HOUR)
    second = desk.get(URL + first.context["more_url"])
    shown = {row.code for group in first.context["groups"] for row in group.rows}
    further = {row.code for group in second.context["groups"] for row in group.rows}
    assert len(further) == 5
    assert not shown & further


def test_queries_do_not_grow_with_rows(
    desk: Client, maya: Expert, django_assert_max_num_queries: object
) -> None:
    now = timezone.now()
    for number, state in enumerate([*OUTCOMES.values()] * 3):
        make_in_state(state, now=now - 5 * number * HOUR, expert=maya)
    with django_assert_max_num_queries(6):  # type: ignore[operator]
        response = desk.get(URL)
    assert response.content.decode().count("<li id=call-") == 18
