"""The follower says that what the expert marked is not right."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from bookings import lifecycle
from bookings.models import Booking
from bookings.states import State
from tests.builders import (
    NOW,
    contest,
    expert_of,
    mark_held_on_zoom,
    report,
)
from tests.follower_pages import address, ended, read, state_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_the_moment() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


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
    assert "Maya says your call took place. You told us that this is not right." in text
    assert "On another video call" in text
    assert "“We talked on Zoom, you shared your screen.” Maya" in text
    assert "“There was no call.” You" in text
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
        answer = client.post(path, {"reason": "no_access"})
    assert answer.status_code == 409
    assert "Refund approved" in read(answer)
