"""What an expert does with a booking: as a page, as a fragment, twice, too late, with mistakes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from bookings import lifecycle, links, slots
from bookings.models import Booking, CompletionMark, Expert, Offer
from bookings.states import State
from tests.builders import (
    DAY,
    FOLLOWER,
    HOUR,
    expert_of,
    make_booking,
    make_expert,
    make_follower,
    offer,
    report,
)

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
MINUTE = timedelta(minutes=1)


@pytest.fixture
def reported(maya: Expert) -> Booking:
    """Reported an hour ago."""
    at = timezone.now() - HOUR
    return report(make_booking(maya, now=at), now=at)


def send(desk: Client, booking: Booking, action: str, *, htmx: bool = False, **data: Any) -> Any:
    form = {"request_key": "key-1", "from": "need_action", **data}
    headers = HTMX if htmx else {}
    return desk.post(f"/bookings/{booking.code}/{action}/", form, headers=headers)


def text(response: HttpResponse) -> str:
    return response.content.decode()


def in_india(instant: datetime) -> str:
    return (instant + timedelta(hours=5, minutes=30)).strftime("%Y-%m-%dT%H:%M")


# --- reschedule ---------------------------------------------------------------------------------


def test_reschedule_leaves_a_result_with_undo_in_place_of_the_row(
    desk: Client, reported: Booking
) -> None:
    response = send(desk, reported, "reschedule", htmx=True, mode="availability", note="Sorry.")
    html = text(response)
    reported.refresh_from_db()
    assert reported.state == State.RESCHEDULE_OFFERED
    assert html.lstrip().startswith(f'<li id="call-{reported.code}">')
    assert "New time offered to Priya Nair" in html
    assert "Your 72-hour clock has stopped." in html
    assert f"/bookings/{reported.code}/undo/" in html
    assert 'id="need-count" hx-swap-oob="true"' in html
    assert "dialog:close" in response.headers["HX-Trigger"]
    assert response.headers["HX-Retarget"] == f"#call-{reported.code}"


def test_a_result_names_its_call_and_leads_there_when_undo_is_over(
    desk: Client, reported: Booking
) -> None:
    data = {"outcome": "follower_absent"}
    html = text(send(desk, reported, "mark-completed", htmx=True, **data))
    assert "Marked as completed: Priya Nair" in html
    link = f'<a class="btn btn--quiet" href="/bookings/{reported.code}/" aria-describedby'
    assert link in html
    gone = html.split("data-gone-at")[1].split("</form>")[0]
    assert "Undo" in gone
    assert "View the call" not in gone


def test_without_scripts_the_list_comes_back_with_a_message_and_undo(
    desk: Client, reported: Booking
) -> None:
    response = send(desk, reported, "reschedule", mode="availability")
    assert response.status_code == 302
    html = text(desk.get(response.headers["Location"]))
    assert "New time offered to Priya Nair." in html
    assert f'action="/bookings/{reported.code}/undo/' in html


def test_from_the_booking_page_its_contents_come_back(desk: Client, reported: Booking) -> None:
    response = send(
        desk, reported, "reschedule", htmx=True, mode="availability", **{"from": "booking"}
    )
    html = text(response)
    assert '<div id="booking">' in html
    assert "<html" not in html
    assert "Waiting for Priya" in html


def test_the_dialog_is_a_page_without_scripts_and_a_dialog_with_them(
    desk: Client, reported: Booking
) -> None:
    url = f"/bookings/{reported.code}/reschedule/?from=need_action"
    assert "<html" in text(desk.get(url))
    fragment = desk.get(url, headers=HTMX)
    assert text(fragment).lstrip().startswith("<dialog")
    assert "HX-Request" in fragment.headers["Vary"]
    assert "Pick a new time with Maya" in text(fragment)
    assert "Priya gets ₹2,400 back automatically" in text(fragment)


def test_opening_a_dialog_changes_nothing(desk: Client, reported: Booking) -> None:
    for action in ("reschedule", "mark-completed", "refund"):
        desk.get(f"/bookings/{reported.code}/{action}/")
        desk.head(f"/bookings/{reported.code}/{action}/")
    before = reported.version
    reported.refresh_from_db()
    assert reported.version == before


def test_the_same_form_sent_twice_acts_once(desk: Client, reported: Booking) -> None:
    first = send(desk, reported, "reschedule", htmx=True, mode="availability")
    second = send(desk, reported, "reschedule", htmx=True, mode="availability")
    assert (first.status_code, second.status_code) == (200, 200)
    assert "New time offered" in text(second)
    assert Offer.objects.count() == 1


def test_listed_times_are_local_times_of_the_expert(desk: Client, reported: Booking) -> None:
    day = timezone.now().date() + 2 * DAY
    slots = {"slot_1": f"{day}T10:00", "slot_2": f"{day}T15:30"}
    send(desk, reported, "reschedule", mode="listed", **slots)
    starts = [slot.starts_at for slot in Offer.objects.get().slots.all()]
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    assert starts == [midnight + timedelta(hours=4, minutes=30), midnight + 10 * HOUR]


def test_seconds_are_cut_or_the_follower_could_not_pick_the_time(
    desk: Client, reported: Booking
) -> None:
    day = timezone.now().date() + 2 * DAY
    slots = {"slot_1": f"{day}T10:00:30", "slot_2": f"{day}T15:30:59"}
    send(desk, reported, "reschedule", mode="listed", **slots)
    starts = [slot.starts_at for slot in Offer.objects.get().slots.all()]
    assert [start.second for start in starts] == [0, 0]
    link = links.ensure(reported, "pick", now=timezone.now())
    data = {"slot": f"{starts[1]:%Y-%m-%dT%H:%MZ}"}
    assert Client().post(f"/pick/{links.token(link)}/", data).status_code == 302
    reported.refresh_from_db()
    assert reported.starts_at == starts[1]


def mistakes(**slots: str) -> dict[str, str]:
    return {"mode": "listed", **slots}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "Choose which times to offer."),
        (mistakes(), "Add at least 2 free times before you send the link."),
        (mistakes(slot_1="2001-01-01T10:00"), "Time 1 is in the past."),
        (mistakes(slot_3="tomorrow"), "Write a date and a time"),
        (mistakes(slot_1="0001-01-01T00:00"), "in the past"),
        (mistakes(slot_1="9999-12-31T23:59"), "too far ahead"),
        ({"mode": "availability", "note": "x" * 501}, "Shorten the note to 500 characters."),
    ],
)
def test_a_mistake_keeps_the_dialog_open_and_says_what_to_do(
    desk: Client, reported: Booking, data: dict[str, str], sentence: str
) -> None:
    response = send(desk, reported, "reschedule", htmx=True, **data)
    assert response.status_code == 422
    assert response.headers["HX-Retarget"] == "#dialog-slot form"
    assert text(response).lstrip().startswith("<form")
    assert sentence in text(response)
    page_response = send(desk, reported, "reschedule", **data)
    assert page_response.status_code == 422
    assert "<title>Error:" in text(page_response)
    assert Offer.objects.count() == 0


def test_a_time_the_clocks_skip_is_refused() -> None:
    lukas = make_expert("Lukas Brandt", time_zone="Europe/Berlin")
    with time_machine.travel(datetime(2027, 3, 20, 9, 0, tzinfo=UTC), tick=False):
        client = Client()
        client.force_login(lukas.user)
        booking = make_booking(lukas, now=timezone.now())
        data = mistakes(slot_1="2027-03-28T02:30", slot_2="2027-03-29T10:00")
        response = send(client, booking, "reschedule", **data)
    assert "02:30 does not exist on that day" in text(response)


def test_too_little_availability_is_a_mistake_to_mend(desk: Client, reported: Booking) -> None:
    reported.expert.weekly_hours.all().delete()
    dialog = text(desk.get(f"/bookings/{reported.code}/reschedule/"))
    assert "Only 0 free in the next 14 days" in dialog
    response = send(desk, reported, "reschedule", htmx=True, mode="availability")
    assert response.status_code == 422
    assert "Add at least 2 free times" in text(response)


# --- mark as completed --------------------------------------------------------------------------


def test_a_call_held_elsewhere_is_recorded(desk: Client, reported: Booking) -> None:
    send(
        desk,
        reported,
        "mark-completed",
        outcome="held_elsewhere",
        channel="phone",
        held_at=in_india(reported.starts_at),
        minutes="40",
        note="We spoke on the phone.",
    )
    mark = CompletionMark.objects.get()
    assert (mark.channel, mark.minutes, mark.note) == ("phone", 40, "We spoke on the phone.")
    assert mark.held_at == reported.starts_at.replace(second=0, microsecond=0)
    reported.refresh_from_db()
    assert reported.state == State.COMPLETED


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "Choose how the call went."),
        ({"outcome": "held_elsewhere"}, "Choose where the call took place."),
        ({"outcome": "held_elsewhere", "channel": "phone"}, "Say when the call took place."),
        (
            {"outcome": "held_here", "held_at": "2150-01-01T10:00"},
            "cannot have taken place in the future",
        ),
        (
            {"outcome": "held_here", "held_at": "1971-01-01T00:00"},
            "have taken place before it was booked",
        ),
        ({"outcome": "held_here", "minutes": "0"}, "at least one minute"),
        ({"outcome": "held_here", "minutes": "many"}, "whole minutes"),
    ],
)
def test_a_reported_call_needs_where_and_when(
    desk: Client, reported: Booking, data: dict[str, str], sentence: str
) -> None:
    response = send(desk, reported, "mark-completed", htmx=True, **data)
    assert response.status_code == 422
    assert sentence in text(response)


def test_the_planned_time_of_a_reported_call_is_filled_in(desk: Client, reported: Booking) -> None:
    planned = in_india(reported.starts_at)
    html = text(desk.get(f"/bookings/{reported.code}/mark-completed/"))
    assert f'name="held_at" value="{planned}"' in html
    assert "checked" not in html.split('name="outcome"', 1)[1].split("</fieldset>")[0]


def test_held_as_planned_means_the_planned_time(desk: Client, reported: Booking) -> None:
    """Also where the field was emptied: that is what the choice says."""
    answer = send(desk, reported, "mark-completed", htmx=True, outcome="held_here")
    assert answer.status_code == 200
    mark = CompletionMark.objects.get()
    assert mark.held_at == reported.starts_at.replace(second=0, microsecond=0)
    assert mark.channel == "planned"


def test_another_time_than_planned_counts_where_it_was_written(
    desk: Client, reported: Booking
) -> None:
    later = in_india(reported.starts_at + 20 * MINUTE)
    send(desk, reported, "mark-completed", htmx=True, outcome="held_here", held_at=later)
    assert in_india(CompletionMark.objects.get().held_at or timezone.now()) == later


@pytest.mark.parametrize("hour", [0, 1])
@pytest.mark.parametrize("outcome", ["held_here", "held_elsewhere"])
def test_of_a_time_that_comes_twice_the_planned_one_is_meant(hour: int, outcome: str) -> None:
    """Half past two in Berlin on the night the clocks go back."""
    planned = datetime(2027, 10, 31, hour, 30, tzinfo=UTC)
    lukas = make_expert("Lukas Brandt", time_zone="Europe/Berlin")
    at = planned + 2 * HOUR
    booking = report(make_booking(lukas, now=at, starts_at=planned), now=at)
    with time_machine.travel(at + HOUR, tick=False):
        client = Client()
        client.force_login(lukas.user)
        html = text(client.get(f"/bookings/{booking.code}/mark-completed/"))
        assert 'value="2027-10-31T02:30"' in html
        form = {"outcome": outcome, "channel": "phone", "held_at": "2027-10-31T02:30"}
        send(client, booking, "mark-completed", **form)
    assert CompletionMark.objects.get().held_at == planned


def test_an_unreported_call_needs_only_how_it_went(desk: Client, maya: Expert) -> None:
    booking = make_booking(maya, now=timezone.now())
    send(desk, booking, "mark-completed", outcome="held_here")
    booking.refresh_from_db()
    assert booking.state == State.COMPLETED


def test_the_follower_did_not_come_needs_no_place(desk: Client, reported: Booking) -> None:
    send(desk, reported, "mark-completed", outcome="follower_absent", channel="phone", minutes="x")
    assert CompletionMark.objects.get().channel == ""


def test_no_outcome_is_chosen_for_the_expert(desk: Client, reported: Booking) -> None:
    html = text(desk.get(f"/bookings/{reported.code}/mark-completed/"))
    assert 'name="outcome"' in html
    assert "checked" not in html.split('name="outcome"', 1)[1].split("</fieldset>")[0]


# --- refund, cancel, withdraw -------------------------------------------------------------------


def test_refund_now_gives_everything_back(desk: Client, reported: Booking) -> None:
    assert "Refund ₹2,400 to Priya now?" in text(desk.get(f"/bookings/{reported.code}/refund/"))
    response = send(desk, reported, "refund", htmx=True)
    assert "Refund of ₹2,400 to Priya Nair has started" in text(response)
    assert reported.refunds.get().amount_minor == 240000


def test_cancel_needs_a_reason(desk: Client, maya: Expert) -> None:
    booking = make_booking(maya, now=timezone.now(), starts_at=timezone.now() + DAY)
    missing = send(desk, booking, "cancel", htmx=True, reason="  ")
    assert missing.status_code == 422
    assert "Say why you cancel." in text(missing)
    done = send(desk, booking, "cancel", htmx=True, reason="I am ill.", **{"from": "upcoming"})
    assert "Priya gets ₹2,400 back" in text(done)


def test_withdrawing_after_the_first_deadline_warns_of_the_refund(
    desk: Client, maya: Expert
) -> None:
    at = timezone.now() - 4 * DAY
    booking = report(make_booking(maya, now=at), now=at)
    offer(booking, now=at + HOUR)
    html = text(desk.get(f"/bookings/{booking.code}/withdraw-offer/"))
    assert "so the refund of ₹2,400 starts at once" in html
    done = send(desk, booking, "withdraw-offer", htmx=True)
    assert "so the refund starts now" in text(done)


def test_resending_says_so_and_not_too_often(desk: Client, maya: Expert) -> None:
    booking = offer(make_booking(maya, now=timezone.now()), now=timezone.now() - HOUR)
    first = send(desk, booking, "resend", htmx=True, **{"from": "waiting"})
    assert "Priya Nair gets the link again" in text(first)
    second = send(desk, booking, "resend", htmx=True, **{"from": "waiting"})
    assert second.status_code == 409
    assert "Try again in ten minutes" in text(second)
    assert f"/bookings/{booking.code}/withdraw-offer/" in text(second)


# --- undo ---------------------------------------------------------------------------------------


def test_undo_brings_the_row_back(desk: Client, reported: Booking) -> None:
    send(desk, reported, "reschedule", htmx=True, mode="availability")
    response = send(desk, reported, "undo", htmx=True, request_key="key-2")
    html = text(response)
    assert "Link cancelled. Priya did not get an e-mail" in html
    assert "left to decide" in html
    assert f"/bookings/{reported.code}/mark-completed/" in html
    reported.refresh_from_db()
    assert reported.state == State.NO_SHOW_REPORTED


def test_a_second_undo_says_nothing_about_a_deadline_that_has_not_come(
    desk: Client, reported: Booking
) -> None:
    send(desk, reported, "mark-completed", outcome="follower_absent")
    send(desk, reported, "undo", htmx=True, request_key="key-2")
    again = send(desk, reported, "undo", htmx=True, request_key="key-3")
    assert again.status_code == 409
    assert "have ended" not in text(again)
    assert "If you do nothing" in text(again)


def test_after_the_deadline_it_is_not_said_what_happens_if_one_does_nothing(
    desk: Client, maya: Expert
) -> None:
    at = timezone.now() - 73 * HOUR
    late = report(make_booking(maya, now=at), now=at)
    for action in ("cancel", "mark-completed"):
        answer = send(desk, late, action, htmx=True, outcome="follower_absent", reason="x")
        assert "The 72 hours have ended, so the refund starts now" in text(answer)
        assert "If you do nothing" not in text(answer)
        assert "has changed" not in text(answer)


def test_only_a_move_is_called_one(desk: Client, maya: Expert) -> None:
    """The call was moved long ago; what happened meanwhile is the expert's own withdrawal."""
    now = timezone.now()
    booking = offer(make_booking(maya, now=now - DAY), now=now - 2 * HOUR)
    slot = slots.free_for(booking, now=now - HOUR)[0]
    lifecycle.pick_time(booking.pk, actor=FOLLOWER, now=now - HOUR, starts_at=slot)
    offer(booking, now=now - 5 * MINUTE)
    lifecycle.withdraw_offer(booking.pk, actor=expert_of(booking), now=now - MINUTE)
    answer = send(desk, booking, "withdraw-offer", htmx=True)
    assert answer.status_code == 409
    assert "picked a new time" not in text(answer)
    assert "This booking has changed while you were here" in text(answer)


def test_undo_after_its_time_is_refused_with_a_sentence(desk: Client, maya: Expert) -> None:
    booking = offer(make_booking(maya, now=timezone.now()), now=timezone.now() - MINUTE)
    response = send(desk, booking, "undo", htmx=True)
    assert response.status_code == 409
    assert "The time to undo is over" in text(response)


# --- somebody or the clock was faster -----------------------------------------------------------


def test_a_booking_that_moved_meanwhile_is_shown_as_it_is(desk: Client, maya: Expert) -> None:
    now = timezone.now()
    booking = offer(make_booking(maya, now=now), now=now - MINUTE)
    from bookings import slots

    start = slots.free_for(booking, now=now)[0]
    lifecycle.pick_time(booking.pk, actor=FOLLOWER, now=now, starts_at=start)
    response = send(desk, booking, "withdraw-offer", htmx=True, **{"from": "waiting"})
    assert response.status_code == 409
    assert "Priya picked a new time while you were here" in text(response)
    assert "The call is on" in text(response)
    assert "dialog:close" in response.headers["HX-Trigger"]


def test_after_the_deadline_nothing_can_be_offered(desk: Client, maya: Expert) -> None:
    at = timezone.now() - 73 * HOUR
    booking = report(make_booking(maya, now=at), now=at)
    response = send(desk, booking, "reschedule", htmx=True, mode="availability")
    assert response.status_code == 409
    assert "The 72 hours have ended" in text(response)
    plain = send(desk, booking, "reschedule", mode="availability")
    assert "The 72 hours have ended" in text(desk.get(plain.headers["Location"]))


@pytest.mark.parametrize(
    "action",
    ["reschedule", "mark-completed", "refund", "cancel", "withdraw-offer", "undo", "resend"],
)
def test_nobody_acts_on_another_experts_booking(desk: Client, action: str) -> None:
    now = timezone.now()
    booking = report(make_booking(make_expert("Somebody Else"), now=now), now=now)
    before = booking.version
    assert send(desk, booking, action, mode="availability").status_code == 404
    booking.refresh_from_db()
    assert booking.version == before


@pytest.mark.parametrize("action", ["undo", "resend"])
def test_what_acts_at_once_needs_a_pressed_button(
    desk: Client, reported: Booking, action: str
) -> None:
    assert desk.get(f"/bookings/{reported.code}/{action}/").status_code == 302


@pytest.mark.parametrize("key", ["\x00", "x" * 500, "ключ", "<b>"])
def test_a_strange_key_is_no_error(desk: Client, reported: Booking, key: str) -> None:
    response = send(desk, reported, "reschedule", mode="availability", request_key=key)
    assert response.status_code == 302
    assert Offer.objects.count() == 1


def test_a_form_without_the_csrf_token_is_refused(maya: Expert, reported: Booking) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(maya.user)
    assert send(strict, reported, "reschedule", mode="availability").status_code == 403


# --- several at once ----------------------------------------------------------------------------


def test_several_followers_get_links_after_a_page_that_names_them(
    desk: Client, maya: Expert
) -> None:
    calls = []
    for hours, name in ((3, "Priya Nair"), (9, "Tom Okafor")):
        at = timezone.now() - hours * HOUR
        calls.append(report(make_booking(maya, make_follower(name), now=at), now=at))
    codes = [booking.code for booking in calls]
    html = text(desk.get("/need-action/reschedule/", {"call": codes}))
    assert "Priya Nair" in html
    assert "Tom Okafor" in html
    assert Offer.objects.count() == 0
    response = desk.post(
        "/need-action/reschedule/", {"call": codes, "note": "Sorry.", "request_key": "k"}
    )
    assert response.headers["Location"] == "/need-action/waiting/"
    shown = text(desk.get("/need-action/waiting/"))
    assert "New times offered to Tom Okafor and Priya Nair" in shown
    assert shown.count("/undo/") >= 2
    assert Offer.objects.filter(note="Sorry.", mode="availability").count() == 2


def test_selecting_nothing_or_what_is_not_yours_sends_nothing(desk: Client) -> None:
    now = timezone.now()
    other = report(make_booking(make_expert("Somebody Else"), now=now), now=now)
    response = desk.post("/need-action/reschedule/", {"call": [other.code, "\x00"]})
    assert response.headers["Location"] == "/need-action/"
    assert Offer.objects.count() == 0
