"""What staff reads in the admin: both sides of a case, and words where data would stand."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from bookings.models import Booking, User
from bookings.states import State
from tests.builders import (
    DAY,
    NOW,
    contest,
    make_booking,
    make_in_state,
    mark_held_on_zoom,
    offer,
    report,
)
from tests.staff_pages import declined, url

pytestmark = pytest.mark.django_db


def test_a_call_whose_time_has_passed_is_not_called_scheduled(client: Client, staff: User) -> None:
    now = timezone.now()
    ended, coming = make_booking(now=now), make_booking(now=now, starts_at=now + DAY)
    assert '<span class="state">Ended</span>' in client.get(url(ended)).content.decode()
    assert '<span class="state state--info">Scheduled</span>' in (
        client.get(url(coming)).content.decode()
    )


@pytest.mark.usefixtures("at_now")
def test_a_contest_shows_what_both_sides_wrote(client: Client, staff: User) -> None:
    booking = contest(mark_held_on_zoom(report(make_booking())))
    html = client.get(url(booking.contests.get())).content.decode()
    assert "Nobody joined the call. I waited for 25 minutes." in html
    assert "Held elsewhere, Zoom, Meet or another video call, Mon 23 Nov, 04:00 UTC." in html
    assert "We never spoke." in html


@pytest.mark.usefixtures("at_now")
def test_a_history_reads_as_words(client: Client, staff: User) -> None:
    booking = offer(report(make_booking(now=NOW)))
    html = client.get(url(booking)).content.decode()
    history = html.split('id="events-h"')[1].split("</table>")[0]
    assert "method Visa ending 4242 · price ₹2,400 · starts Mon 23 Nov, 04:00" in history
    assert "reason expert absent" in history
    assert "mode availability" in history
    for raw in ("{", "&quot;", "_minor", "deadline_at", "+00:00"):
        assert raw not in history


def test_refunds_have_a_number_and_no_pk(client: Client, staff: User) -> None:
    refund = declined()
    html = client.get("/admin/bookings/refund/").content.decode()
    assert "<span>No.</span>" in " ".join(html.split()).replace("> <", "><")
    assert f'href="/admin/bookings/refund/{refund.pk}/change/' in html


def test_whether_the_sweep_runs_is_asked_only_when_something_is_late(
    client: Client, staff: User
) -> None:
    question = "Is it running?"
    assert question not in client.get("/admin/").content.decode()
    booking = make_in_state(State.NO_SHOW_REPORTED)
    Booking.objects.filter(pk=booking.pk).update(deadline_at=timezone.now() - DAY)
    assert question in client.get("/admin/").content.decode()
