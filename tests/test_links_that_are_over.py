"""A link that is over leads on: where the booking stands, and the newest link by e-mail."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bookings import lifecycle, links, slots
from bookings.models import Booking, OutboxEmail
from bookings.states import State
from tests.builders import (
    FOLLOWER,
    make_in_state,
)
from tests.follower_pages import address, in_state, read

pytestmark = pytest.mark.django_db


# --- links that are over ---------------------------------------------------------------------


def test_a_superseded_link_says_where_the_booking_stands_and_does_not_act(client: Client) -> None:
    booking = in_state(State.RESCHEDULE_OFFERED)
    old = address(booking, "pick")
    links.issue(booking, "pick", now=timezone.now())
    page = client.get(old)
    assert page.status_code == 410
    assert "This link is no longer active" in read(page)
    assert "would like to find a new time with you" in read(page)
    assert "E-mail me the link to pick a time" in read(page)
    start = slots.free_for(booking, now=timezone.now())[0]
    assert client.post(old, {"slot": f"{start:%Y-%m-%dT%H:%MZ}"}).status_code == 410
    booking.refresh_from_db()
    assert booking.state == State.RESCHEDULE_OFFERED


def test_a_link_that_is_over_names_nobody_but_the_expert(client: Client) -> None:
    booking = in_state(State.RESCHEDULE_OFFERED)
    old = address(booking, "pick")
    lifecycle.report_no_show(
        booking.pk, actor=FOLLOWER, now=timezone.now(), reason="other", text="My secret story"
    )
    text = read(client.get(old))
    for private in ("Priya", booking.follower.email, "4242", "My secret story", booking.code):
        assert private not in text


def test_an_expired_link_is_gone_too(client: Client) -> None:
    booking = in_state(State.SCHEDULED)
    path = address(booking, "status")
    booking.links.update(expires_at=timezone.now() - timedelta(seconds=1))
    page = client.get(path)
    assert page.status_code == 410
    assert "E-mail me" in read(page)


def test_a_used_link_shows_what_came_of_it(client: Client) -> None:
    booking = in_state(State.RESCHEDULE_OFFERED)
    path = address(booking, "pick")
    start = slots.free_for(booking, now=timezone.now())[0]
    lifecycle.pick_time(booking.pk, actor=FOLLOWER, now=timezone.now(), starts_at=start)
    page = client.get(path)
    assert page.status_code == 200
    assert "Your call with Maya is on" in read(page)


def test_a_link_that_lapsed_without_a_report_says_that_nothing_changed(client: Client) -> None:
    booking = in_state(State.RESCHEDULE_OFFERED)
    path = address(booking, "pick")
    later = timezone.now() + timedelta(days=15)
    lifecycle.run_deadline(booking.pk, state="reschedule_offered", now=later)
    with time_machine.travel(later):
        page = client.get(path)
    assert page.status_code == 200
    assert "This link to pick a new time has ended." in read(page)
    assert "Your call with Maya was on" in read(page)


def test_the_report_link_of_a_call_that_was_moved_is_over(client: Client) -> None:
    booking = in_state(State.RESCHEDULE_OFFERED)
    old = address(booking, "report")
    start = slots.free_for(booking, now=timezone.now())[0]
    lifecycle.pick_time(booking.pk, actor=FOLLOWER, now=timezone.now(), starts_at=start)
    page = client.post(old, {"reason": "expert_absent"})
    assert page.status_code == 410
    assert "You picked a new time on" in read(page)
    booking.refresh_from_db()
    assert booking.state == State.SCHEDULED


# --- the newest link by e-mail ---------------------------------------------------------------


def new_links() -> list[tuple[int, str]]:
    rows = OutboxEmail.objects.filter(kind="new_link").order_by("id")
    return [(row.booking_id or 0, row.facts["purpose"]) for row in rows]


def send_address(booking: Booking, purpose: str) -> str:
    token = links.token(links.ensure(booking, purpose, now=timezone.now()))
    return reverse("new_link", kwargs={"purpose": purpose, "token": token})


def test_an_old_link_can_have_the_newest_one_mailed_to_its_owner(client: Client) -> None:
    booking = in_state(State.RESCHEDULE_OFFERED)
    send = send_address(booking, "pick")
    links.issue(booking, "pick", now=timezone.now())
    response = client.post(send, follow=True)
    assert "We sent the newest link" in read(response)
    assert booking.follower.email not in read(response)
    assert new_links() == [(booking.pk, "pick")]


def test_asking_again_and_again_sends_one_mail_and_says_the_same(client: Client) -> None:
    booking = in_state(State.RESCHEDULE_OFFERED)
    send = send_address(booking, "pick")
    answers = {read(client.post(send, follow=True)) for _ in range(10)}
    assert len(answers) == 1
    assert len(new_links()) <= 2  # two only if the ten minutes turn over during the test


def test_what_is_mailed_is_what_is_of_use_now(client: Client) -> None:
    now = timezone.now()
    for state, purpose in [
        (State.SCHEDULED, "report"), (State.RESCHEDULE_OFFERED, "pick"),
        (State.COMPLETED, "contest"), (State.REFUNDED, "status"), (State.CONTESTED, "status"),
    ]:  # fmt: skip
        booking = make_in_state(state, now=now)
        client.post(send_address(booking, "status"))
        assert new_links()[-1] == (booking.pk, purpose)


def test_an_expired_newest_link_is_made_anew(client: Client) -> None:
    booking = in_state(State.REFUNDED)
    send = send_address(booking, "status")
    booking.links.update(expires_at=timezone.now() - timedelta(seconds=1))
    client.post(send)
    newest = links.current(booking, "status")
    assert newest is not None
    assert newest.expires_at > timezone.now()
