"""The follower says that a call did not happen, looks at the case, or takes the report back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from bookings import lifecycle, slots
from bookings.models import Booking, NoShowReport
from bookings.states import State
from tests.builders import (
    FOLLOWER,
    NOW,
    make_booking,
    offer,
    report,
)
from tests.follower_pages import address, all_rows, ended, read, state_of
from tests.outbox_rows import rendered

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _at_the_moment() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


# --- before, while and after it may be reported ----------------------------------------------


def test_before_the_window_opens_the_page_says_from_when(client: Client) -> None:
    booking = ended(starts_at=NOW + HOUR)
    text = read(client.get(address(booking, "report")))
    assert "You can report this call from Mon 23 Nov, 12:45 pm" in text
    assert "Report the no-show" not in text
    answer = client.post(address(booking, "report"), {"reason": "expert_absent"})
    assert answer.status_code == 409
    assert "from 15 minutes after the start" in read(answer)
    assert state_of(booking) == State.SCHEDULED


def test_the_form_names_the_clock_and_the_money_and_chooses_nothing(client: Client) -> None:
    page = client.get(address(ended(), "report"))
    text = read(page)
    assert "Did your call with Maya not happen?" in text
    assert "Mon 23 Nov, 9:30 am (Kolkata)" in text
    assert "Maya has 72 hours to offer a new time or answer." in text
    assert (
        "If Maya does not answer by Thu 26 Nov, 11:30 am, you get ₹2,400 back automatically."
        in text
    )
    assert "checked" not in page.content.decode()


def test_a_report_without_a_reason_is_asked_for_one_and_keeps_the_text(client: Client) -> None:
    booking = ended()
    answer = client.post(address(booking, "report"), {"text": "I waited."})
    assert answer.status_code == 422
    assert "Choose what went wrong." in read(answer)
    assert "I waited." in read(answer)
    assert "<title>Error: " in answer.content.decode()
    assert state_of(booking) == State.SCHEDULED


@pytest.mark.parametrize("reason", ["", "expert", "EXPERT_ABSENT", "0", "other\x00"])
def test_only_our_reasons_count(reason: str, client: Client) -> None:
    booking = ended()
    answer = client.post(address(booking, "report"), {"reason": reason})
    assert answer.status_code == 422
    assert state_of(booking) == State.SCHEDULED


def test_a_text_that_is_too_long_is_refused_in_words(client: Client) -> None:
    booking = ended()
    data = {"reason": "other", "text": "x" * 1001}
    answer = client.post(address(booking, "report"), data)
    assert answer.status_code == 422
    assert "at most 1000 characters" in read(answer)
    assert client.post(address(booking, "report"), {**data, "text": "x" * 1000}).status_code == 302


@pytest.mark.parametrize("reason", ["expert_absent", "no_access", "cut_short", "other"])
def test_no_reason_needs_words(reason: str, client: Client) -> None:
    booking = ended()
    assert client.post(address(booking, "report"), {"reason": reason}).status_code == 302
    assert state_of(booking) == State.NO_SHOW_REPORTED


def test_a_report_opens_the_case_and_says_what_comes(client: Client) -> None:
    booking = ended()
    data = {"reason": "expert_absent", "text": "I waited\x00 for 25 minutes."}
    text = read(client.post(address(booking, "report"), data, follow=True))
    assert (
        "Thank you. Maya has until Thu 26 Nov, 11:30 am to answer. "
        "If there is no answer, you get ₹2,400 back automatically." in text
    )
    assert "You reported this call on Mon 23 Nov" in text
    assert "This is its current status." in text
    assert "I waited for 25 minutes." in text
    row = NoShowReport.objects.get(booking=booking)
    assert (row.reason, row.text) == ("expert_absent", "I waited for 25 minutes.")
    assert state_of(booking) == State.NO_SHOW_REPORTED


def test_reporting_again_shows_the_open_case(client: Client) -> None:
    booking = ended()
    path = address(booking, "report")
    data = {"reason": "expert_absent", "request_key": "the-very-same-form-1"}
    client.post(path, data)
    assert client.post(path, data)["Location"] == path
    assert client.post(path, {**data, "request_key": "another-form-entirely"})["Location"] == path
    assert NoShowReport.objects.filter(booking=booking).count() == 1


def test_it_did_happen_changes_nothing(client: Client) -> None:
    booking = ended()
    path = address(booking, "report")
    before = all_rows()
    answer = client.post(path, {"happened": "1"})
    assert "Good to hear that the call took place" in read(answer)
    assert all_rows() == before


def test_after_the_window_the_page_says_where_it_stands(client: Client) -> None:
    booking = ended()
    path = address(booking, "report")
    with time_machine.travel(NOW + timedelta(hours=72), tick=False):
        text = read(client.get(path))
        assert "Your call with Maya was on Mon 23 Nov, 9:30 am" in text
        assert "Nobody told us that it did not happen." in text
        assert client.post(path, {"reason": "no_access"}).status_code == 409
    assert state_of(booking) == State.SCHEDULED


def test_a_free_call_promises_no_money(client: Client) -> None:
    booking = ended(price_minor=0)
    text = read(client.get(address(booking, "report")))
    assert "the booking is closed." in text
    assert "₹" not in text
    text = read(client.post(address(booking, "report"), {"reason": "no_access"}, follow=True))
    assert "If there is no answer, the booking is closed." in text


def test_a_report_is_possible_while_an_offer_is_open(client: Client) -> None:
    booking = offer(ended())
    client.post(address(booking, "report"), {"reason": "no_access"})
    assert state_of(booking) == State.NO_SHOW_REPORTED


# --- the open case ---------------------------------------------------------------------------


def test_withdrawing_is_asked_for_once_more(client: Client) -> None:
    booking = report(ended())
    path = address(booking, "report", "withdraw_report")
    text = read(client.get(path))
    assert "Withdraw your report?" in text
    assert "You no longer get ₹2,400 back automatically." in text
    assert state_of(booking) == State.NO_SHOW_REPORTED
    text = read(client.post(path, follow=True))
    assert "Your report has been withdrawn." in text
    assert state_of(booking) == State.SCHEDULED


def test_a_withdrawn_report_can_be_made_again(client: Client) -> None:
    booking = report(ended())
    client.post(address(booking, "report", "withdraw_report"))
    client.post(address(booking, "report"), {"reason": "no_access"})
    assert state_of(booking) == State.NO_SHOW_REPORTED


@pytest.mark.parametrize(("times", "may_again"), [(2, True), (3, False)])
def test_what_can_be_reported_no_more_is_not_offered(
    client: Client, times: int, may_again: bool
) -> None:
    """Page and e-mail ask the rule that would refuse the report."""
    booking = ended()
    for _ in range(times):
        report(booking)
        client.post(address(booking, "report", "withdraw_report"))
    booking.refresh_from_db()
    letter = " ".join(rendered("withdrawal_received", booking, now=NOW).text.split())
    text = read(client.get(address(booking, "status")))
    assert ("Report it again" in letter) == may_again
    assert ("You can report the call until" in letter) == may_again
    assert ("Reply to this e-mail." in letter) != may_again
    assert ("You can tell us until" in text) == may_again
    assert ("reply to any of our e-mails." in text) != may_again
    answer = client.post(address(booking, "report"), {"reason": "no_access"})
    assert (answer.status_code == 302) == may_again


def test_nothing_is_withdrawn_after_the_deadline(client: Client) -> None:
    booking = report(ended())
    path = address(booking, "report", "withdraw_report")
    with time_machine.travel(NOW + timedelta(hours=72, minutes=2), tick=False):
        assert client.post(path).status_code == 409
        text = read(client.get(address(booking, "report")))
        assert "The time to answer is over. Your refund of ₹2,400 is starting." in text
        assert "Withdraw the report" not in text
    assert state_of(booking) == State.NO_SHOW_REPORTED


def test_after_a_first_report_only_the_expert_can_offer(client: Client) -> None:
    booking = report(ended())
    assert "Pick a new time instead" not in read(client.get(address(booking, "report")))
    answer = client.post(address(booking, "report", "move_instead"))
    assert answer.status_code == 409
    assert "The expert can still offer a new time" in read(answer)
    assert not booking.links.filter(purpose="pick").exists()


def test_an_offer_after_the_report_is_told_on_the_report_page(client: Client) -> None:
    booking = offer(report(ended()))
    text = read(client.get(address(booking, "report")))
    assert "Maya would like to find a new time with you" in text
    assert "E-mail me the link to pick a time" in text


def test_a_second_report_after_an_offer_leads_to_a_new_time_of_ones_own(client: Client) -> None:
    now = NOW
    booking = offer(report(make_booking(now=now), now=now), now=now)
    start = slots.free_for(booking, now=now)[0]
    lifecycle.pick_time(booking.pk, actor=FOLLOWER, now=now, starts_at=start)
    Booking.objects.filter(pk=booking.pk).update(
        starts_at=now - timedelta(hours=2), ends_at=now - timedelta(hours=1),
        busy_until=now - timedelta(hours=1),
    )  # fmt: skip
    booking.refresh_from_db()
    report(booking, now=now)
    page = client.get(address(booking, "report"))
    assert "Pick a new time instead" in read(page)
    response = client.post(address(booking, "report", "move_instead"))
    assert response.status_code == 302
    calendar = client.get(response["Location"])
    assert "Pick a new time with Maya" in read(calendar)
    assert "Get a refund instead" not in read(calendar)
    free = slots.free_for(booking, now=now)[3]
    picked = client.post(response["Location"], {"slot": f"{free:%Y-%m-%dT%H:%MZ}"})
    assert picked.status_code == 302
    booking.refresh_from_db()
    assert (booking.state, booking.starts_at) == (State.SCHEDULED, free)
