"""Need action: your turn and waiting for the follower, by time left, in few queries."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from bookings import lifecycle
from bookings.models import Booking, Expert, Payment
from bookings.states import State
from tests.builders import (
    DAY,
    HOUR,
    contest,
    make_booking,
    make_expert,
    make_follower,
    make_in_state,
    mark_held_on_zoom,
    offer,
    report,
)

pytestmark = pytest.mark.django_db
URL = "/need-action/"


def reported(expert: Expert, name: str = "Priya Nair", *, ago: timedelta = HOUR) -> Booking:
    """Reported `ago`; the call was two hours before that."""
    at = timezone.now() - ago
    booking = make_booking(expert, make_follower(name), now=at, starts_at=at - 2 * HOUR, minutes=15)
    return report(booking, now=at)


def test_a_reported_call_shows_the_words_the_time_left_and_the_money(
    desk: Client, maya: Expert
) -> None:
    reported(maya, ago=69 * HOUR)
    html = desk.get(URL).content.decode()
    assert "I waited for 25 minutes." in html
    assert "2 h 59 min left" in html
    assert "data-urgency=now" in html
    assert "₹2,400" in html
    assert "Mark as completed" in html
    assert "Reschedule" in html


def test_the_next_deadline_comes_first(desk: Client, maya: Expert) -> None:
    reported(maya, "Rahul Deshmukh", ago=2 * HOUR)
    reported(maya, "Tom Okafor", ago=60 * HOUR)
    html = desk.get(URL).content.decode()
    assert html.index("Tom Okafor") < html.index("Rahul Deshmukh")


def test_the_badge_counts_what_needs_action(desk: Client, maya: Expert) -> None:
    reported(maya, "Rahul Deshmukh", ago=3 * HOUR)
    reported(maya, "Tom Okafor", ago=9 * HOUR)
    response = desk.get(URL)
    assert response.context["counters"]["need"] == "2"
    assert response.context["counters"]["money"] == "₹4,800"
    badge = desk.get("/need-action/count/").content.decode()
    assert ">2<" in badge.replace("\n", "")


def test_calls_of_other_experts_are_not_there(desk: Client) -> None:
    reported(make_expert("Somebody Else"), "Nobody Here")
    assert "Nobody Here" not in desk.get(URL).content.decode()


def test_nothing_to_do_says_so_with_the_time_to_answer(desk: Client) -> None:
    html = desk.get(URL).content.decode()
    assert "Nothing needs you right now" in html
    assert "You then have 72 hours" in html


def test_search_by_name_and_by_code(desk: Client, maya: Expert) -> None:
    tom = reported(maya, "Tom Okafor", ago=9 * HOUR)
    reported(maya, "Rahul Deshmukh", ago=3 * HOUR)
    for search in ("okaf", tom.code.lower()):
        html = desk.get(URL, {"q": search}).content.decode()
        assert "Tom Okafor" in html
        assert "Rahul Deshmukh" not in html


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL folds by its own locale")
@pytest.mark.parametrize("search", ["élodie", "ÉLOD", "Élodie", "жанна"])
def test_a_search_knows_the_case_of_every_alphabet(desk: Client, maya: Expert, search: str) -> None:
    reported(maya, "Élodie Жанна")
    assert "Élodie Жанна" in desk.get(URL, {"q": search}).content.decode()


def test_a_search_without_a_match_offers_to_clear_it(desk: Client, maya: Expert) -> None:
    reported(maya)
    html = desk.get(URL, {"q": "zzz"}).content.decode()
    assert "No calls match “zzz”" in html
    assert "Clear search" in html


@pytest.mark.parametrize("bad", ["\x00", "x" * 500, "%", "'; --"])
def test_a_strange_search_is_no_error(desk: Client, bad: str) -> None:
    assert desk.get(URL, {"q": bad}).status_code == 200


@pytest.mark.parametrize("cursor", ["x", "1.2.3", "9" * 400, "-1.-1", "1." + "9" * 30])
def test_a_made_up_cursor_is_no_error(desk: Client, cursor: str) -> None:
    assert desk.get(URL, {"after": cursor}).status_code == 200


def test_a_waiting_row_can_be_sent_again_and_withdrawn(desk: Client, maya: Expert) -> None:
    now = timezone.now()
    booking = make_booking(maya, now=now)
    offer(booking, now=now - timedelta(minutes=1))
    html = desk.get("/need-action/waiting/").content.decode()
    assert "Waiting for Priya" in html
    assert "If Priya picks no time, nothing changes." in html
    assert f"/bookings/{booking.code}/resend/" in html
    assert f"/bookings/{booking.code}/withdraw-offer/" in html


def test_who_waits_for_nobody_is_not_told_of_these_followers(desk: Client, maya: Expert) -> None:
    lead = "You offered these followers a new time."
    assert lead not in desk.get("/need-action/waiting/").content.decode()
    now = timezone.now()
    offer(make_booking(maya, now=now), now=now)
    assert lead in desk.get("/need-action/waiting/").content.decode()


def test_a_second_report_offers_no_reschedule(desk: Client, maya: Expert) -> None:
    now = timezone.now()
    booking = reported(maya, ago=5 * HOUR)
    offer(booking, now=now - 4 * HOUR)
    Booking.objects.filter(pk=booking.pk).update(
        state=State.NO_SHOW_REPORTED, deadline_at=now + DAY
    )
    html = desk.get(URL).content.decode()
    assert f"/bookings/{booking.code}/mark-completed/" in html
    assert f"/bookings/{booking.code}/reschedule/" not in html


def test_queries_do_not_grow_with_rows(
    desk: Client, maya: Expert, django_assert_max_num_queries: object
) -> None:
    for hours in range(12):
        reported(maya, f"Follower {hours}", ago=(3 + 3 * hours) * HOUR)
    with django_assert_max_num_queries(6):  # type: ignore[operator]
        response = desk.get(URL)
    assert response.content.decode().count("<li id=call-") == 12


def test_waiting_needs_as_few_queries(
    desk: Client, maya: Expert, django_assert_max_num_queries: object
) -> None:
    now = timezone.now()
    for hours in range(8):
        at = now - (3 + 3 * hours) * HOUR
        offer(make_booking(maya, now=at, minutes=15), now=at)
    with django_assert_max_num_queries(6):  # type: ignore[operator]
        desk.get("/need-action/waiting/")


def test_further_rows_come_on_a_page_of_their_own(desk: Client, maya: Expert) -> None:
    for quarter in range(27):
        reported(maya, f"Follower {quarter}", ago=(1 + 2 * quarter) * HOUR)
    first = desk.get(URL)
    assert first.content.decode().count("<li id=call-") == 25
    more = desk.get(URL + first.context["more_url"], headers={"HX-Request": "true"})
    assert more.content.decode().count("<li id=call-") == 2
    assert "<html" not in more.content.decode()
    assert "HX-Request" in more.headers["Vary"]


def test_going_back_in_the_browser_gets_the_whole_page(desk: Client, maya: Expert) -> None:
    reported(maya)
    headers = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    assert "<html" in desk.get(URL, headers=headers).content.decode()


@pytest.mark.parametrize("state", [s for s in State if s != State.NO_SHOW_REPORTED])
def test_other_states_are_not_your_turn(desk: Client, maya: Expert, state: State) -> None:
    make_in_state(state, now=timezone.now(), expert=maya)
    assert desk.get(URL).context["counters"]["need_count"] == 0


def test_a_contested_mark_leaves_the_list(desk: Client, maya: Expert) -> None:
    now = timezone.now()
    contest(mark_held_on_zoom(reported(maya), now=now), now=now)
    assert desk.get(URL).context["counters"]["need_count"] == 0


def test_a_free_call_whose_time_ran_out_promises_no_money(desk: Client, maya: Expert) -> None:
    booking = reported(maya, ago=73 * HOUR)
    Payment.objects.filter(booking=booking).update(captured_minor=0)
    for path in (f"/bookings/{booking.code}/row/?from=need_action", f"/bookings/{booking.code}/"):
        page = desk.get(path, headers={"HX-Request": "true"}).content.decode()
        assert "Closing" in page
        assert "Refund starting" not in page


def test_a_row_whose_time_ran_out_tells_where_the_money_is(desk: Client, maya: Expert) -> None:
    booking = reported(maya, ago=73 * HOUR)
    row = f"/bookings/{booking.code}/row/?from=need_action"
    waiting = desk.get(row, headers={"HX-Request": "true"}).content.decode()
    assert "Refund starting" in waiting
    assert 'hx-trigger="every 30s"' in waiting
    assert "Mark as completed" not in waiting
    lifecycle.run_deadline(booking.pk, state=State.NO_SHOW_REPORTED, now=timezone.now())
    refunded = desk.get(row, headers={"HX-Request": "true"}).content.decode()
    assert "Refund on its way" in refunded
    assert "72 hours ended" in refunded
    assert "every 30s" not in refunded
    assert '<span class="count" id="turn-count" hx-swap-oob="true">0</span>' in refunded
    assert "Refunded if you do nothing" not in refunded
    assert "<title>Need action · " in refunded


def test_what_is_counted_above_the_list_is_not_counted_below(desk: Client, maya: Expert) -> None:
    """It would be wrong after the first action."""
    booking = reported(maya)
    assert "1 call<" not in desk.get(URL).content.decode()
    assert "1 call<" in desk.get(URL, {"q": booking.code}).content.decode()


def test_polling_never_takes_the_page_away_when_the_session_has_ended(client: Client) -> None:
    assert client.get("/need-action/count/", headers={"HX-Request": "true"}).status_code == 204
    assert client.get("/need-action/count/").status_code == 302


@pytest.mark.parametrize("url", [URL, "/need-action/waiting/", "/completed-calls/", "/upcoming/"])
def test_a_stranger_is_sent_to_the_sign_in_page(client: Client, url: str) -> None:
    response = client.get(url)
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/sign-in/")
    here = f"http://testserver{url}?q=tom"
    fragment = client.get(url, headers={"HX-Request": "true", "HX-Current-URL": here})
    assert fragment.headers["HX-Redirect"] == f"/sign-in/?next={url}%3Fq%3Dtom"
