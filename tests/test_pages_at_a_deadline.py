"""At a deadline every page says the same, with and without scripts: the time is up, there is no
button beside it, and nobody is promised what is starting already. A click on its way still counts."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from bookings import clocks, formats, lifecycle, rules
from bookings.models import Booking, Expert
from bookings.states import State, Verb
from tests.builders import (
    DAY,
    FOLLOWER,
    HOUR,
    NOW,
    contest,
    expert_of,
    make_booking,
    make_expert,
    make_follower,
    mark_held_on_zoom,
    offer,
    report,
)
from tests.follower_pages import address, read

pytestmark = pytest.mark.django_db
MOMENT = timedelta(seconds=1)
IN_THE_GRACE = timedelta(seconds=30)
ACTIONS = ("reschedule", "mark-completed", "refund", "withdraw-offer", "resend", "cancel")


@pytest.fixture
def maya(db: None) -> Expert:
    with time_machine.travel(NOW, tick=False):
        return make_expert(email="maya@example.com")


def lena() -> Any:
    return make_follower("Lena Vogt", clock="12")


def reported(maya: Expert, **details: Any) -> Booking:
    return report(make_booking(maya, lena(), **details))


def offered(maya: Expert) -> Booking:
    return offer(make_booking(maya, lena()))


def offered_after_a_report(maya: Expert) -> Booking:
    return offer(reported(maya))


def contested(maya: Expert) -> Booking:
    return contest(mark_held_on_zoom(make_booking(maya, lena())))


WITH_A_CLOCK = {
    "reported": reported,
    "offered": offered,
    "offered after a report": offered_after_a_report,
    "contested": contested,
}


def actions_on(html: str, booking: Booking) -> list[str]:
    return [name for name in ACTIONS if f"/bookings/{booking.code}/{name}/" in html]


def pages_of_the_expert(desk: Client, booking: Booking) -> dict[str, str]:
    urls = (
        f"/bookings/{booking.code}/", "/need-action/", "/need-action/waiting/", "/completed-calls/",
        "/upcoming/", f"/bookings/{booking.code}/row/?from=need_action",
        f"/bookings/{booking.code}/row/?from=waiting",
    )  # fmt: skip
    return {
        url: desk.get(
            url, headers={"HX-Request": "true"} if "/row/" in url else {}
        ).content.decode()
        for url in urls
    }


@pytest.mark.parametrize("name", WITH_A_CLOCK)
@pytest.mark.parametrize("late", [timedelta(0), IN_THE_GRACE, HOUR])
def test_once_the_time_is_up_no_page_of_the_expert_has_a_button(
    client: Client, maya: Expert, name: str, late: timedelta
) -> None:
    booking = WITH_A_CLOCK[name](maya)
    assert booking.deadline_at is not None
    with time_machine.travel(booking.deadline_at - 10 * MOMENT, tick=False):
        client.force_login(maya.user)
        before = pages_of_the_expert(client, booking)
        assert name == "contested" or any(actions_on(html, booking) for html in before.values())
    with time_machine.travel(booking.deadline_at + late, tick=False):
        client.force_login(maya.user)
        for url, html in pages_of_the_expert(client, booking).items():
            assert actions_on(html, booking) == [], url
            assert "If you do nothing" not in html, url
            assert "picks no time, " not in html, url
            assert "if you do nothing" not in html, url
        page = client.get(f"/bookings/{booking.code}/").content.decode()
    assert "The time is up" in page


def test_without_the_grace_the_clock_of_a_page_is_the_deadline_itself(maya: Expert) -> None:
    booking = reported(maya)
    assert booking.deadline_at is not None
    expert = expert_of(booking)
    for verb in (Verb.OFFER_RESCHEDULE, Verb.MARK_COMPLETED, Verb.REFUND_NOW):
        assert rules.shows(booking, verb, expert, now=booking.deadline_at - MOMENT)
        assert not rules.shows(booking, verb, expert, now=booking.deadline_at)
        late = booking.deadline_at + booking.limits.grace
        assert rules.allows(booking, verb, expert, now=late - MOMENT)
        assert not rules.allows(booking, verb, expert, now=late)


@pytest.mark.parametrize("seconds", [0, 30, 59])
def test_a_click_on_its_way_at_the_deadline_still_counts(
    client: Client, maya: Expert, seconds: int
) -> None:
    booking = reported(maya)
    assert booking.deadline_at is not None
    with time_machine.travel(booking.deadline_at + timedelta(seconds=seconds), tick=False):
        client.force_login(maya.user)
        opened = client.get(f"/bookings/{booking.code}/reschedule/")
        sent = client.post(f"/bookings/{booking.code}/reschedule/", {"mode": "availability"})
    assert opened.status_code == 302, "the form is not shown any more"
    assert sent.status_code == 302
    booking.refresh_from_db()
    assert booking.state == State.RESCHEDULE_OFFERED


def test_a_row_says_that_its_time_is_up_and_looks_again_by_itself(
    client: Client, maya: Expert
) -> None:
    booking = offered_after_a_report(maya)
    assert booking.deadline_at is not None
    row = f"/bookings/{booking.code}/row/?from=waiting"
    with time_machine.travel(booking.deadline_at - HOUR, tick=False):
        client.force_login(maya.user)
        running = client.get(row, headers={"HX-Request": "true"}).content.decode()
        assert f"data-until={formats.utc_iso(booking.deadline_at)}" in running
        assert 'hx-trigger="every 30s"' not in running
        assert (
            'data-refresh="row/?from=waiting"'
            in client.get("/need-action/waiting/").content.decode()
        )
    with time_machine.travel(booking.deadline_at, tick=False):
        client.force_login(maya.user)
        over = client.get(row, headers={"HX-Request": "true"}).content.decode()
    assert "Link ending" in over
    assert "time is up" in over
    assert "Lena picked no time, so the refund starts now." in over
    assert "data-until" not in over
    assert 'hx-trigger="every 30s"' in over


# --- the follower's side ------------------------------------------------------------------------


@pytest.mark.parametrize("late", [timedelta(0), IN_THE_GRACE, HOUR])
def test_the_follower_is_not_promised_what_is_starting_already(
    client: Client, maya: Expert, late: timedelta
) -> None:
    booking = reported(maya)
    assert booking.deadline_at is not None
    with time_machine.travel(booking.deadline_at - MOMENT, tick=False):
        for purpose in ("report", "status"):
            assert "If there is no answer, you get ₹2,400 back" in read(
                client.get(address(booking, purpose))
            )
    with time_machine.travel(booking.deadline_at + late, tick=False):
        for purpose in ("report", "status"):
            page = read(client.get(address(booking, purpose)))
            assert "The time to answer is over." in page
            assert "Your refund of ₹2,400 is starting." in page
            assert "If there is no answer" not in page
            assert "Withdraw the report" not in page


@pytest.mark.parametrize(
    ("make", "after"),
    [
        (offered_after_a_report, "Your refund of ₹2,400 is starting."),
        (offered, "Nothing else changes."),
    ],
)
@pytest.mark.parametrize("late", [timedelta(0), IN_THE_GRACE])
def test_a_link_to_pick_a_time_ends_at_its_moment(
    client: Client, maya: Expert, make: Any, after: str, late: timedelta
) -> None:
    booking = make(maya)
    assert booking.deadline_at is not None
    with time_machine.travel(booking.deadline_at - MOMENT, tick=False):
        pick, status = address(booking, "pick"), address(booking, "status")
    with time_machine.travel(booking.deadline_at + late, tick=False):
        for url in (pick, status):
            page = read(client.get(url))
            assert "The time to choose one is over." in page
            assert after in page
            assert "Confirm new time" not in page
            assert "If you pick nothing" not in page
            assert "Waiting for you" not in page


def test_a_pick_on_its_way_still_counts_and_a_time_that_is_taken_ends_it(
    client: Client, maya: Expert
) -> None:
    booking = offered(maya)
    assert booking.deadline_at is not None
    with time_machine.travel(booking.deadline_at + IN_THE_GRACE, tick=False):
        url = address(booking, "pick")
        taken = client.post(url, {"slot": "2026-12-01T00:01Z"})
        assert taken.status_code == 409
        assert 'name="slot"' not in taken.content.decode(), "no time is shown to choose from"
        day = booking.deadline_at + 2 * DAY
        assert client.post(url, {"slot": f"{day:%Y-%m-%d}T05:00Z"}).status_code == 302
    booking.refresh_from_db()
    assert booking.state == State.SCHEDULED


def test_a_contested_call_whose_time_to_decide_is_over(client: Client, maya: Expert) -> None:
    booking = contested(maya)
    assert booking.deadline_at is not None
    with time_machine.travel(booking.deadline_at, tick=False):
        page = read(client.get(address(booking, "status")))
    assert "The time to decide is over." in page
    assert "Your refund of ₹2,400 is starting." in page
    assert "If nobody decides by then" not in page


@pytest.mark.parametrize("late", [timedelta(0), IN_THE_GRACE, HOUR])
def test_a_time_to_report_or_contest_that_is_over_has_no_form(
    client: Client, maya: Expert, late: timedelta
) -> None:
    ended, marked = (
        make_booking(maya, lena()),
        mark_held_on_zoom(make_booking(maya, lena(), starts_at=NOW - 5 * HOUR)),
    )
    contest_ends = clocks.contest_closes_at(marked)
    assert contest_ends is not None
    for booking, purpose, until in (
        (ended, "report", clocks.report_closes_at(ended)),
        (marked, "contest", contest_ends),
    ):
        with time_machine.travel(until - MOMENT, tick=False):
            url = address(booking, purpose)
            assert "request_key" in client.get(url).content.decode()
        with time_machine.travel(until + late, tick=False):
            page = client.get(url).content.decode()
            assert "request_key" not in page
            assert "You can tell us until" not in page


# --- until when a page is true ------------------------------------------------------------------


def until(html: str) -> list[str]:
    return re.findall(r'data-until="?([^" >]+)', html)


@pytest.mark.parametrize("name", WITH_A_CLOCK)
def test_every_page_of_a_booking_says_until_when_it_is_true(
    client: Client, maya: Expert, name: str
) -> None:
    booking = WITH_A_CLOCK[name](maya)
    deadline = booking.deadline_at
    assert deadline is not None
    with time_machine.travel(deadline - MOMENT, tick=False):
        client.force_login(maya.user)
        assert until(client.get(f"/bookings/{booking.code}/").content.decode()) == [
            formats.utc_iso(deadline)
        ]
        assert until(client.get(address(booking, "status")).content.decode()) == [
            formats.utc_iso(deadline)
        ]
    with time_machine.travel(deadline, tick=False):
        client.force_login(maya.user)
        for url in (f"/bookings/{booking.code}/", address(booking, "status")):
            for instant in until(client.get(url).content.decode()):
                assert instant > formats.utc_iso(deadline), "it would be loaded again at once"


@pytest.mark.parametrize(
    ("ago", "next_one"),
    [
        (-2 * HOUR, "starts_at"),
        (timedelta(0), "opens"),
        (HOUR / 4, "ends_at"),
        (HOUR, "closes"),
        (73 * HOUR, "offer"),
        (40 * DAY, ""),
    ],
)
def test_the_next_change_of_a_call_without_a_deadline(
    maya: Expert, ago: timedelta, next_one: str
) -> None:
    booking = make_booking(maya, now=NOW - 2 * HOUR, starts_at=NOW)
    expected: dict[str, datetime] = {
        "starts_at": NOW,
        "opens": NOW + timedelta(minutes=15),
        "ends_at": NOW + HOUR,
        "closes": NOW + 73 * HOUR,
        "offer": NOW + HOUR + 30 * DAY,
    }
    assert clocks.next_change_at(booking, NOW + ago) == expected.get(next_one)


def test_what_has_ended_never_changes_by_itself(maya: Expert) -> None:
    booking = make_booking(maya)
    lifecycle.refund_now(booking.pk, actor=expert_of(booking), now=NOW)
    booking.refresh_from_db()
    assert clocks.next_change_at(booking, NOW) is None


def test_lists_of_calls_without_a_deadline_say_it_too(client: Client, maya: Expert) -> None:
    coming = make_booking(maya, lena(), starts_at=NOW + DAY)
    make_booking(maya, lena(), starts_at=NOW + 2 * DAY)
    past = make_booking(maya, lena(), starts_at=NOW - 70 * HOUR)
    with time_machine.travel(NOW, tick=False):
        client.force_login(maya.user)
        upcoming = client.get("/upcoming/").content.decode()
        completed = client.get("/completed-calls/").content.decode()
    assert until(upcoming)[0] == formats.utc_iso(coming.starts_at)
    assert until(completed) == [formats.utc_iso(clocks.report_closes_at(past))]


def test_an_old_link_says_it_too(client: Client, maya: Expert) -> None:
    booking = reported(maya)
    with time_machine.travel(NOW, tick=False):
        old = address(booking, "report")
        lifecycle.withdraw_report(booking.pk, actor=FOLLOWER, now=NOW)
        offer(Booking.objects.get(pk=booking.pk))
        booking.links.filter(purpose="report").update(superseded_at=NOW)
        page = client.get(old)
    assert page.status_code == 410
    assert until(page.content.decode()) != []
