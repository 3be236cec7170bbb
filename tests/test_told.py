"""Nobody reads that a follower was told before they were: the result, the message, the history and
the booking page say of an e-mail what is true of it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client

from bookings import emails, lifecycle
from bookings.models import Booking, Expert, OutboxEmail, OutboxState
from tests.builders import (
    DAY,
    HOUR,
    NOW,
    expert_of,
    make_booking,
    make_expert,
    make_follower,
    report,
    staff,
)
from tests.follower_pages import MOMENT, address, offered, read, values_on

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
HELD = "after 30 seconds we tell Tom by e-mail, unless you undo this"
SENT = "we told Tom by e-mail"


@pytest.fixture
def maya(db: None) -> Expert:
    return make_expert(email="maya@example.com")


def past(maya: Expert) -> Booking:
    return report(make_booking(maya, make_follower("Tom Okafor"), now=NOW), now=NOW)


def upcoming(maya: Expert) -> Booking:
    return make_booking(maya, make_follower("Tom Okafor"), now=NOW, starts_at=NOW + DAY)


ACTIONS: dict[str, tuple[Any, dict[str, str]]] = {
    "reschedule": (past, {"mode": "availability"}),
    "mark-completed": (past, {"outcome": "follower_absent"}),
    "refund": (past, {}),
    "cancel": (upcoming, {"reason": "I am ill."}),
}
CLAIMS = re.compile(r"\b(?:we told|we sent|link sent|was sent|has been told)\b", re.IGNORECASE)


def act(client: Client, maya: Expert, action: str, **headers: str) -> tuple[Booking, Any]:
    make, form = ACTIONS[action]
    booking = make(maya)
    client.force_login(maya.user)
    answer = client.post(
        f"/bookings/{booking.code}/{action}/", {"from": "booking", **form}, headers=headers
    )
    return booking, answer


@pytest.mark.parametrize("action", ACTIONS)
def test_before_it_is_sent_nothing_says_that_it_was(
    client: Client, maya: Expert, action: str
) -> None:
    with time_machine.travel(NOW, tick=False):
        booking, answer = act(client, maya, action, **HTMX)
        fragment = read(answer)
        page = read(client.get(f"/bookings/{booking.code}/"))
    assert answer.status_code == 200
    assert "After 30 seconds" in fragment
    for text in (fragment, page):
        assert not CLAIMS.search(text), text
        assert HELD in text
    assert "Tom has not been told yet." in page
    assert not mail.outbox


@pytest.mark.parametrize("action", ACTIONS)
def test_without_scripts_the_message_says_the_same(
    client: Client, maya: Expert, action: str
) -> None:
    with time_machine.travel(NOW, tick=False):
        _, answer = act(client, maya, action)
        page = read(client.get(answer.url))
    assert "After 30 seconds" in page
    assert not CLAIMS.search(page), page


@pytest.mark.parametrize("action", ACTIONS)
def test_the_history_follows_the_e_mail(client: Client, maya: Expert, action: str) -> None:
    with time_machine.travel(NOW, tick=False):
        booking, _ = act(client, maya, action)
    url = f"/bookings/{booking.code}/"
    due = NOW + timedelta(seconds=31)
    with time_machine.travel(due, tick=False):
        client.force_login(maya.user)
        waiting = client.get(url).content.decode()
        assert "the e-mail to Tom is on its way" in waiting
        assert 'hx-trigger="every 30s"' in waiting, "the page looks again by itself"
        event = booking.events.latest("id")
        row = OutboxEmail.objects.get(event=event, audience="follower")
        assert emails.deliver_all([row.pk], now=due)
        sent = client.get(url).content.decode()
    assert SENT in sent
    assert "the e-mail to Tom" not in sent
    assert 'hx-trigger="every 30s"' not in sent


def test_a_mail_that_could_not_be_delivered_is_no_telling(client: Client, maya: Expert) -> None:
    with time_machine.travel(NOW, tick=False):
        booking, _ = act(client, maya, "mark-completed")
    OutboxEmail.objects.filter(booking=booking, audience="follower").update(
        state=OutboxState.FAILED
    )
    with time_machine.travel(NOW + HOUR, tick=False):
        client.force_login(maya.user)
        page = read(client.get(f"/bookings/{booking.code}/"))
    assert "the e-mail to Tom could not be delivered" in page
    assert SENT not in page


def test_what_was_undone_told_nobody(client: Client, maya: Expert) -> None:
    with time_machine.travel(NOW, tick=False):
        booking, _ = act(client, maya, "mark-completed")
        client.post(f"/bookings/{booking.code}/undo/")
        page = read(client.get(f"/bookings/{booking.code}/"))
    assert "Mark taken back. Tom did not get an e-mail" in page
    assert HELD not in page
    assert SENT not in page


def test_a_link_that_is_sent_again_is_told_of_too(client: Client, maya: Expert) -> None:
    with time_machine.travel(NOW, tick=False):
        booking, _ = act(client, maya, "reschedule")
    later = NOW + HOUR
    with time_machine.travel(later, tick=False):
        client.force_login(maya.user)
        answer = read(client.post(f"/bookings/{booking.code}/resend/", headers=HTMX))
        assert "Tom Okafor gets the link again" in answer
        assert not CLAIMS.search(answer.replace("You sent the link again", ""))
        row = OutboxEmail.objects.get(event__verb="link_resent")
        emails.deliver_all([row.pk], now=later)
        page = read(client.get(f"/bookings/{booking.code}/"))
    assert SENT in page


def test_what_staff_did_is_told_at_once(client: Client, maya: Expert) -> None:
    booking = upcoming(maya)
    lifecycle.cancel(booking.pk, actor=staff(), now=NOW, reason="The expert is ill.")
    with time_machine.travel(NOW, tick=False):
        client.force_login(maya.user)
        page = read(client.get(f"/bookings/{booking.code}/"))
    assert "the e-mail to Tom is on its way" in page
    assert "unless you undo" not in page


def test_other_limits_are_said_in_their_own_words(
    client: Client, maya: Expert, settings: Any
) -> None:
    settings.POLICY = {**settings.POLICY, "undo_window": timedelta(minutes=2)}
    with time_machine.travel(NOW, tick=False):
        _, answer = act(client, maya, "mark-completed", **HTMX)
    assert "After 2 minutes we tell Tom" in read(answer)


def test_a_calendar_file_is_not_said_to_be_sent_before_it_is(client: Client) -> None:
    with time_machine.travel(MOMENT, tick=False):
        url = address(offered(), "pick")
        slot = values_on(client.get(url))[0]
        page = read(client.post(url, {"slot": slot}, follow=True))
    assert "You will get a calendar file by e-mail." in page
    assert not CLAIMS.search(page)


# --- several at once ----------------------------------------------------------------------------


def several(maya: Expert) -> list[Booking]:
    found = []
    for hours, name in ((3, "Priya Nair"), (9, "Tom Okafor")):
        at = NOW - hours * HOUR
        found.append(report(make_booking(maya, make_follower(name), now=at), now=at))
    return found


def offer_all(client: Client, maya: Expert, calls: list[Booking]) -> str:
    client.force_login(maya.user)
    codes = [booking.code for booking in calls]
    answer = client.post("/need-action/reschedule/", {"call": codes, "note": "Sorry."})
    return client.get(answer.url).content.decode()


def undo_all(client: Client, page: str) -> Any:
    """Press the button of the message."""
    form = re.search(r'action="(/need-action/reschedule/undo/[^"]+)" data-gone-at="([^"]+)"', page)
    assert form is not None
    return client.post(form[1].replace("&amp;", "&"))


def test_all_that_was_offered_at_once_is_taken_back_at_once(client: Client, maya: Expert) -> None:
    calls = several(maya)
    with time_machine.travel(NOW, tick=False):
        page = offer_all(client, maya, calls)
        assert "New times offered to Tom Okafor and Priya Nair." in page
        assert "After 30 seconds they get their links, unless you undo this." in page
        assert ">Undo all</button>" in page
        back = undo_all(client, page)
        shown = read(client.get(back.url))
    assert "Links cancelled. Tom Okafor and Priya Nair did not get an e-mail." in shown
    assert [b.state for b in Booking.objects.all()] == ["no_show_reported"] * 2
    assert set(OutboxEmail.objects.filter(kind="offer").values_list("state", flat=True)) == {
        "cancelled"
    }


def test_one_that_was_offered_alone_has_its_own_words(client: Client, maya: Expert) -> None:
    with time_machine.travel(NOW, tick=False):
        page = offer_all(client, maya, several(maya)[:1])
        assert "New time offered to Priya Nair. After 30 seconds Priya gets the link" in page
        assert ">Undo all</button>" not in page
        shown = read(client.get(undo_all(client, page).url))
    assert "Link cancelled. Priya Nair did not get an e-mail." in shown


def test_after_its_time_each_refusal_is_told(client: Client, maya: Expert) -> None:
    with time_machine.travel(NOW, tick=False):
        page = offer_all(client, maya, several(maya))
    with time_machine.travel(NOW + timedelta(seconds=31), tick=False):
        client.force_login(maya.user)
        answer = undo_all(client, page)
        shown = read(client.get(answer.url))
    assert answer.url == "/need-action/waiting/"
    assert "Tom Okafor: The time to undo is over." in shown
    assert "Priya Nair: The time to undo is over." in shown
    assert "cancelled" not in shown


def test_what_was_done_since_is_not_undone_with_it(client: Client, maya: Expert) -> None:
    priya, tom = several(maya)
    with time_machine.travel(NOW, tick=False):
        page = offer_all(client, maya, [priya, tom])
        lifecycle.mark_completed(
            tom.pk, actor=expert_of(tom), now=NOW + timedelta(seconds=5), outcome="follower_absent"
        )
        shown = read(client.get(undo_all(client, page).url))
    assert "Link cancelled. Priya Nair did not get an e-mail." in shown
    assert "Tom Okafor: This booking has changed while you were here." in shown
    tom.refresh_from_db()
    assert tom.state == "completed"


def test_nobody_takes_back_what_others_offered(client: Client, maya: Expert) -> None:
    theirs = several(make_expert("Somebody Else"))
    with time_machine.travel(NOW, tick=False):
        for booking in theirs:
            lifecycle.offer_reschedule(booking.pk, actor=expert_of(booking), now=NOW)
        client.force_login(maya.user)
        codes = "&".join(f"call={booking.code}" for booking in theirs)
        answer = client.post(f"/need-action/reschedule/undo/?{codes}&call=%00&call=TM-0000000")
    assert answer.url == "/need-action/waiting/"
    assert {b.state for b in Booking.objects.all()} == {"reschedule_offered"}


def test_who_comes_back_from_signing_in_undoes_nothing(client: Client, maya: Expert) -> None:
    calls = several(maya)
    with time_machine.travel(NOW, tick=False):
        offer_all(client, maya, calls)
        answer = client.get(f"/need-action/reschedule/undo/?call={calls[0].code}")
    assert answer.url == "/need-action/waiting/"
    assert {b.state for b in Booking.objects.all()} == {"reschedule_offered"}
