"""Badge, tabs, head and list of Need action tell one truth; the poll says what has changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from bookings import lifecycle, lists
from bookings.models import Booking, Expert
from bookings.states import State
from tests.builders import (
    DAY,
    FOLLOWER,
    HOUR,
    expert_of,
    make_booking,
    make_expert,
    make_follower,
    mark_held_on_zoom,
    offer,
    report,
)

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
NEED, WAITING = "/need-action/", "/need-action/waiting/"


@pytest.fixture(autouse=True)
def _standing_clock() -> Iterator[None]:
    with time_machine.travel(timezone.now(), tick=False):
        yield


def reported(expert: Expert, *, ago: timedelta = HOUR, **details: Any) -> Booking:
    at = timezone.now() - ago
    booking = make_booking(expert, now=at, starts_at=at - 2 * HOUR, minutes=15, **details)
    return report(booking, now=at)


def offered(expert: Expert, *, ago: timedelta = HOUR, **details: Any) -> Booking:
    """Offered without a report."""
    at = timezone.now() - ago
    booking = make_booking(expert, now=at, starts_at=at - 2 * HOUR, minutes=15, **details)
    return offer(booking, now=at)


def head(html: str) -> dict[str, str]:
    """The figures above the list, by their labels."""
    stats = html.split('id="stats"', 1)[1].split("</dl>")[0]
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", stats)
    return {label: re.sub(r"<[^>]+>", "", value) for label, value in found}


def tabs(html: str) -> tuple[str, str]:
    ids = ("turn-count", "waiting-count")
    yours, theirs = (re.findall(f'id="{name}"[^>]*>([^<]*)<', html)[0] for name in ids)
    return yours, theirs


def badge(html: str) -> str:
    found = re.search(r'id="need-count"[^>]*>(?:<span class="vh">, </span>([^<]+))?', html)
    assert found is not None
    return found[1] or ""


def poll(desk: Client, source: str = "need_action") -> tuple[str, dict[str, Any]]:
    answer = desk.get(f"/need-action/count/?from={source}", headers=HTMX)
    said = answer.headers.get("HX-Trigger")
    return answer.content.decode(), json.loads(said)["list:now"] if said else {}


def test_the_head_of_waiting_has_the_figures_of_waiting(desk: Client, maya: Expert) -> None:
    """The next link that ends, and only the money that goes back: after a report."""
    reported(maya, ago=71 * HOUR)
    offered(maya, ago=13 * DAY)
    offer(reported(maya, ago=3 * HOUR), now=timezone.now() - 2 * HOUR)
    assert head(desk.get(NEED).content.decode()) == {
        "Next deadline": "1 h",
        "Refunded if you do nothing": "₹2,400",
    }
    html = desk.get(WAITING).content.decode()
    assert head(html) == {"Next link ends in": "1 d", "Refunded if nobody picks": "₹2,400"}
    assert tabs(html) == ("1", "2")


def test_money_of_several_currencies_that_waits(desk: Client, maya: Expert) -> None:
    offer(reported(maya, ago=3 * HOUR), now=timezone.now() - HOUR)
    euros = reported(maya, ago=9 * HOUR, currency="EUR", price_minor=5950)
    offer(euros, now=timezone.now() - HOUR)
    offered(maya, ago=20 * HOUR)
    assert head(desk.get(WAITING).content.decode())["Refunded if nobody picks"] == "€59.50 + ₹2,400"


def test_where_nobody_waits_there_is_nothing_to_count(desk: Client, maya: Expert) -> None:
    reported(maya)
    html = desk.get(WAITING).content.decode()
    assert head(html) == {}
    assert badge(html) == "1"


def test_calls_whose_time_is_up_are_promised_no_choice(desk: Client, maya: Expert) -> None:
    """They stand in the list until they are closed, and are counted there, but nothing is asked."""
    reported(maya, ago=73 * HOUR)
    html = desk.get(NEED).content.decode()
    assert (tabs(html), badge(html), head(html)) == (("1", "0"), "1", {})
    assert "The time to answer has ended." in html
    assert "Offer a new time, or mark it" not in html
    reported(maya, ago=5 * HOUR)
    html = desk.get(NEED).content.decode()
    assert head(html)["Refunded if you do nothing"] == "₹2,400"
    assert "Offer a new time, or mark it as completed." in html


@pytest.mark.parametrize("source", ["need_action", "waiting"])
def test_the_poll_answers_with_all_that_counts_the_list(
    desk: Client, maya: Expert, source: str
) -> None:
    yours = [reported(maya, ago=hours * HOUR).code for hours in (9, 3)]
    theirs = [offered(maya, ago=hours * HOUR).code for hours in (30, 20, 15)]
    page = desk.get(NEED if source == "need_action" else WAITING).content.decode()
    assert f'hx-get="/need-action/count/?from={source}"' in page
    html, said = poll(desk, source)
    assert (tabs(html), badge(html)) == (("2", "3"), "2")
    assert head(html) == head(page)
    expected = (yours, "2") if source == "need_action" else (theirs, "3")
    assert (said["calls"], said["count"], said["areAll"]) == (*expected, True)
    assert ("<title>Need action (2) · " in html) == (source == "need_action")
    assert "<li" not in html, "the list itself is left alone"


def test_the_poll_of_other_pages_asks_only_for_the_badge(
    desk: Client, maya: Expert, django_assert_num_queries: Any
) -> None:
    reported(maya)
    assert 'hx-get="/need-action/count/"' in desk.get("/upcoming/").content.decode()
    desk.get("/need-action/count/", headers=HTMX)
    with django_assert_num_queries(3):
        answer = desk.get("/need-action/count/", headers=HTMX)
    assert "HX-Trigger" not in answer.headers
    assert "stats" not in answer.content.decode()


def test_the_poll_takes_four_queries_however_many_calls_there_are(
    desk: Client, maya: Expert, django_assert_num_queries: Any
) -> None:
    """Session, user with expert, the counters, the codes."""
    for hours in range(6):
        reported(maya, ago=(2 + 3 * hours) * HOUR)
    poll(desk)
    with django_assert_num_queries(4):
        poll(desk)


def test_the_poll_counts_no_further_than_the_page(
    desk: Client, maya: Expert, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "COUNTED_UP_TO", 2)
    for hours in (3, 9, 15):
        reported(maya, ago=hours * HOUR)
    _, said = poll(desk)
    assert (len(said["calls"]), said["areAll"]) == (2, False)


@pytest.mark.parametrize("source", ["", "completed_calls", "nonsense", "\x00"])
def test_a_poll_from_anywhere_is_answered(desk: Client, source: str) -> None:
    answer = desk.get("/need-action/count/", {"from": source}, headers=HTMX)
    assert answer.status_code == 200
    assert "HX-Trigger" not in answer.headers


def test_nobody_learns_the_codes_of_others(desk: Client) -> None:
    reported(make_expert("Somebody Else"))
    assert poll(desk)[1]["calls"] == []


# --- a row that has left its list ---------------------------------------------------------------


def completed(booking: Booking) -> None:
    mark_held_on_zoom(booking, now=timezone.now() - HOUR / 2)


def withdrawn(booking: Booking) -> None:
    lifecycle.withdraw_report(booking.pk, actor=FOLLOWER, now=timezone.now())


def offered_again(booking: Booking) -> None:
    offer(booking, now=timezone.now() - HOUR / 2)


def refunded(booking: Booking) -> None:
    actor = expert_of(booking)
    lifecycle.refund_now(booking.pk, actor=actor, now=timezone.now() - HOUR / 2)


@pytest.mark.parametrize("settle", [completed, withdrawn, offered_again, refunded])
def test_a_settled_row_of_your_turn_has_no_buttons(desk: Client, maya: Expert, settle: Any) -> None:
    booking = reported(maya, ago=2 * HOUR)
    url = f"/bookings/{booking.code}/row/?from=need_action"
    assert "call--settled" not in desk.get(url, headers=HTMX).content.decode()
    settle(booking)
    row = desk.get(url, headers=HTMX).content.decode().split("</li>")[0]
    assert "call--settled" in row
    assert "<div class=act></div>" in row.replace("\n", "").replace('"', "")
    assert "checkbox" not in row


def picked(booking: Booking) -> None:
    from bookings import slots

    now = timezone.now()
    start = slots.free_for(booking, now=now)[0]
    lifecycle.pick_time(booking.pk, actor=FOLLOWER, now=now, starts_at=start)


def taken_back(booking: Booking) -> None:
    lifecycle.withdraw_offer(booking.pk, actor=expert_of(booking), now=timezone.now() - HOUR / 4)


@pytest.mark.parametrize("settle", [completed, picked, taken_back])
def test_a_settled_row_of_waiting_has_no_buttons(desk: Client, maya: Expert, settle: Any) -> None:
    booking = offered(maya, ago=2 * HOUR)
    url = f"/bookings/{booking.code}/row/?from=waiting"
    assert "/withdraw-offer/" in desk.get(url, headers=HTMX).content.decode()
    settle(booking)
    row = desk.get(url, headers=HTMX).content.decode().split("</li>")[0]
    assert "call--settled" in row
    assert "/bookings/" not in row.split("</h3>")[1]


def test_what_one_did_a_moment_ago_can_still_be_taken_back_there(
    desk: Client, maya: Expert
) -> None:
    booking = reported(maya)
    mark_held_on_zoom(booking, now=timezone.now())
    row = desk.get(f"/bookings/{booking.code}/row/?from=need_action", headers=HTMX).content.decode()
    assert f"/bookings/{booking.code}/undo/" in row
    assert "/reschedule/" not in row


# --- Upcoming: a call whose follower is asked for another time -----------------------------------


def test_an_upcoming_call_that_waits_can_be_sent_again_and_withdrawn(
    desk: Client, maya: Expert
) -> None:
    now = timezone.now()
    booking = offer(make_booking(maya, now=now, starts_at=now + DAY), now=now - HOUR)
    html = desk.get("/upcoming/").content.decode()
    assert f"/bookings/{booking.code}/resend/?from=upcoming" in html
    assert f"/bookings/{booking.code}/withdraw-offer/?from=upcoming" in html
    assert f"/bookings/{booking.code}/cancel/" not in html
    sent = desk.post(f"/bookings/{booking.code}/resend/?from=upcoming", headers=HTMX)
    assert "gets the link again" in sent.content.decode()
    assert sent.headers["HX-Retarget"] == f"#call-{booking.code}"
    gone = desk.post(f"/bookings/{booking.code}/withdraw-offer/", {"from": "upcoming"})
    assert gone.url == "/upcoming/"
    booking.refresh_from_db()
    assert booking.state == State.SCHEDULED


def test_just_offered_it_can_only_be_undone(desk: Client, maya: Expert) -> None:
    now = timezone.now()
    offer(make_booking(maya, make_follower(), now=now, starts_at=now + DAY), now=now)
    html = desk.get("/upcoming/").content.decode()
    assert "/undo/?from=upcoming" in html
    assert "/resend/" not in html


def test_an_offer_that_must_stay_open_can_still_be_sent_again(desk: Client, maya: Expert) -> None:
    """While it was open the follower's time to report ended, so it cannot be withdrawn."""
    offered(maya, ago=4 * DAY)
    html = desk.get(WAITING).content.decode()
    assert "/resend/?from=waiting" in html
    assert "/withdraw-offer/" not in html
