"""The follower says that a call did not happen, looks at the case, or takes the report back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from bookings import lifecycle
from bookings.models import Booking, NoShowReport
from bookings.states import State
from tests.builders import (
    NOW,
    contest,
    expert_of,
    make_booking,
    make_follower,
    mark_held_on_zoom,
    offer,
    report,
)
from tests.follower_pages import address, all_rows, read

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _at_the_moment() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def ended(**details: Any) -> Booking:
    """A call of an hour that ended an hour ago, at 10:30 in Kolkata."""
    follower = make_follower(clock="12")
    return make_booking(follower=follower, **details)


def state_of(booking: Booking) -> str:
    booking.refresh_from_db()
    return booking.state


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
    assert "No answer by Thu 26 Nov, 11:30 am ? You get ₹2,400 back automatically." in text
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


def test_a_report_opens_the_case_and_says_what_comes(client: Client) -> None:
    booking = ended()
    data = {"reason": "expert_absent", "text": "I waited\x00 for 25 minutes."}
    text = read(client.post(address(booking, "report"), data, follow=True))
    assert (
        "Thank you. Maya has until Thu 26 Nov, 11:30 am. "
        "If there is no answer, you get ₹2,400 back automatically." in text
    )
    assert "You reported this call on Mon 23 Nov" in text
    assert "Here is where it stands." in text
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
    assert "Good to hear that it happened" in read(answer)
    assert all_rows() == before


def test_after_the_window_the_page_says_where_it_stands(client: Client) -> None:
    booking = ended()
    path = address(booking, "report")
    with time_machine.travel(NOW + timedelta(hours=72), tick=False):
        text = read(client.get(path))
        assert "Your call with Maya was on Mon 23 Nov, 9:30 am" in text
        assert "Nobody told us that it did not happen." in text
        assert client.post(path, {"reason": "other"}).status_code == 409
    assert state_of(booking) == State.SCHEDULED


def test_a_free_call_promises_no_money(client: Client) -> None:
    booking = ended(price_minor=0)
    text = read(client.get(address(booking, "report")))
    assert "The booking is closed; the call was free." in text
    assert "₹" not in text
    text = read(client.post(address(booking, "report"), {"reason": "other"}, follow=True))
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
    assert "You do not get ₹2,400 back by itself any more." in text
    assert state_of(booking) == State.NO_SHOW_REPORTED
    text = read(client.post(path, follow=True))
    assert "Your report is withdrawn." in text
    assert state_of(booking) == State.SCHEDULED


def test_a_withdrawn_report_can_be_made_again(client: Client) -> None:
    booking = report(ended())
    client.post(address(booking, "report", "withdraw_report"))
    client.post(address(booking, "report"), {"reason": "other"})
    assert state_of(booking) == State.NO_SHOW_REPORTED


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


# --- contesting a mark -----------------------------------------------------------------------


def marked(note: str = "We talked on Zoom, you shared your screen.") -> Booking:
    booking = report(ended())
    return lifecycle.mark_completed(
        booking.pk, actor=expert_of(booking), now=NOW, outcome="held_elsewhere",
        channel="video", held_at=booking.starts_at, minutes=45, note=note,
    )  # fmt: skip


def test_the_follower_sees_what_the_expert_wrote(client: Client) -> None:
    text = read(client.get(address(marked(), "contest")))
    assert "Maya says your call took place" in text
    assert "On another video call" in text
    assert "45 min" in text
    assert "We talked on Zoom, you shared your screen." in text
    assert "You can tell us until Thu 26 Nov, 11:30 am ." in text
    assert "decides within 7 days" in text


def test_a_contest_needs_a_reason(client: Client) -> None:
    booking = marked()
    for reason in ("", "   ", "\x00\n"):
        answer = client.post(address(booking, "contest"), {"reason": reason})
        assert answer.status_code == 422
        assert "Say what happened, in a sentence or two." in read(answer)
    assert client.post(address(booking, "contest"), {"reason": "x" * 2001}).status_code == 422
    assert state_of(booking) == State.COMPLETED


def test_a_contest_goes_to_our_team(client: Client) -> None:
    booking = marked()
    path = address(booking, "contest")
    text = read(client.post(path, {"reason": "There was no call."}, follow=True))
    assert "Our team is looking at it" in text
    assert "If nobody decides by then, you get ₹2,400 back." in text
    assert state_of(booking) == State.CONTESTED
    again = client.post(path, {"reason": "There was no call."})
    assert again.status_code == 409
    assert "Our team is looking at it" in read(client.get(path))


def test_the_same_contest_form_twice_shows_the_result(client: Client) -> None:
    booking = marked()
    data = {"reason": "There was no call.", "request_key": "one-and-the-same-form"}
    first = client.post(address(booking, "contest"), data)
    second = client.post(address(booking, "contest"), data)
    assert first["Location"] == second["Location"]


def test_a_mark_cannot_be_contested_after_its_window(client: Client) -> None:
    booking = marked()
    path = address(booking, "contest")
    with time_machine.travel(NOW + timedelta(hours=72, minutes=2), tick=False):
        text = read(client.get(path))
        assert "Maya says your call took place" in text
        assert "Tell us it is not right" not in text
        assert client.post(path, {"reason": "No."}).status_code == 409
    assert state_of(booking) == State.COMPLETED


def test_a_follower_who_is_said_to_have_been_absent_reads_that(client: Client) -> None:
    booking = ended()
    lifecycle.mark_completed(
        booking.pk, actor=expert_of(booking), now=NOW, outcome="follower_absent"
    )
    text = read(client.get(address(booking, "contest")))
    assert "Maya says you did not come to your call" in text


def test_a_decision_ends_the_case_in_words(client: Client) -> None:
    from tests.builders import staff

    booking = contest(mark_held_on_zoom(ended()))
    lifecycle.decide(
        booking.pk, actor=staff(), now=NOW, decision="completed", reason="The log shows 45 minutes."
    )
    text = read(client.get(address(booking, "contest")))
    assert "Our team decided that your call took place" in text
    assert "The log shows 45 minutes." in text
    assert "Tell us it is not right" not in text


@pytest.mark.parametrize("name", ["report", "contest", "withdraw_report", "move_instead"])
def test_a_case_the_sweep_has_ended_answers_with_its_end(name: str, client: Client) -> None:
    booking = report(ended())
    purpose = "contest" if name == "contest" else "report"
    path = address(booking, purpose, name)
    later = NOW + timedelta(hours=73)
    lifecycle.run_deadline(booking.pk, state="no_show_reported", now=later)
    with time_machine.travel(later, tick=False):
        answer = client.post(path, {"reason": "other"})
    assert answer.status_code == 409
    assert "Refund approved" in read(answer)
