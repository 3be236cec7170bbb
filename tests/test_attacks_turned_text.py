"""Signs that turn the direction of text are not kept in what an expert writes to a follower."""

from __future__ import annotations

import unicodedata

import pytest
from django.test import Client
from django.utils import timezone

from bookings.imports import lines
from bookings.models import TimelineEvent
from bookings.states import State
from tests.builders import make_in_state

pytestmark = pytest.mark.django_db
TURNED = "paid \u202e001\u202c \u2066euros\u2069\u200b\r\nA\u030a yes"
PLAIN = "paid 001 euros\n\u00c5 yes"


@pytest.mark.parametrize(
    ("state", "address", "sent"),
    [
        (State.NO_SHOW_REPORTED, "reschedule", {"mode": "availability", "note": TURNED}),
        (State.SCHEDULED, "mark-completed", {"outcome": "held_here", "note": TURNED}),
        (State.NO_SHOW_REPORTED, "refund", {"reason": TURNED}),
    ],
)
def test_a_note_is_stored_without_them(
    client: Client, state: State, address: str, sent: dict[str, str]
) -> None:
    booking = make_in_state(state, now=timezone.now())
    client.force_login(booking.expert.user)
    response = client.post(f"/bookings/{booking.code}/{address}/", sent)
    assert response.status_code == 302, response.content.decode()[:2000]
    assert TimelineEvent.objects.filter(booking=booking).latest("id").note == PLAIN


@pytest.mark.parametrize("name", ["\u202eriyaP", "Priya\u2066", "\u202aPriya"])
def test_an_import_refuses_them(name: str) -> None:
    line = lines._Reader(2, {"follower_name": name})
    line.take("follower_name", str, default="")
    assert "turns the direction" in line.problems[0].reason


@pytest.mark.parametrize("name", ["\u05e0\u05d5\u05e2\u05d4", "\u0645\u0646\u0649", "Zoe\u0301"])
def test_an_import_takes_names_of_every_script(name: str) -> None:
    line = lines._Reader(2, {"follower_name": name})
    assert line.take("follower_name", str, default="") == unicodedata.normalize("NFC", name)
