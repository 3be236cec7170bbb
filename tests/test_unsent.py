"""Signed out in another tab, then sent: what was typed is there again after signing in, or it is
said that it is lost. Nothing of it is stored on the server."""

from __future__ import annotations

import random
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.core import signing
from django.test import Client
from django.utils import timezone

from bookings import lifecycle, unsent
from bookings.models import Booking, Expert, Offer, SupportRequest
from bookings.states import State
from tests.builders import (
    DAY,
    HOUR,
    PASSWORD,
    expert_of,
    make_booking,
    make_expert,
    make_follower,
    offer,
    report,
)
from tests.follower_pages import read

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/need-action/?q=priya"}
KEPT = "You were signed out, so this was not sent. What you typed is still here: send it again."
LOST = "What you typed is lost."


@pytest.fixture
def reported(maya: Expert) -> Booking:
    at = timezone.now() - HOUR
    return report(make_booking(maya, now=at), now=at)


def sign_in(client: Client, next_url: str, email: str = "maya@example.com") -> Any:
    form = {"username": email, "password": PASSWORD, "next": next_url}
    return client.post("/sign-in/", form)


def next_of(answer: Any) -> str:
    """Where signing in leads, from a redirect of either kind."""
    to = answer.headers.get("HX-Redirect") or answer.headers["Location"]
    assert to.startswith("/sign-in/")
    return parse_qs(urlsplit(to).query)["next"][0]


def sent_signed_out(client: Client, url: str, form: dict[str, Any], **headers: str) -> Any:
    """The page was open in a tab; the session has ended since."""
    before = Session.objects.count()
    answer = client.post(url, form, headers=headers)
    assert Session.objects.count() == before, "a stranger must not fill the database"
    return answer


def back(client: Client, answer: Any) -> Any:
    """Sign in, and follow."""
    response = sign_in(client, next_of(answer))
    assert response.status_code == 302
    return client.get(response.url, follow=True)


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_note_is_there_again_after_signing_in(
    client: Client, maya: Expert, reported: Booking, headers: dict[str, str]
) -> None:
    note = "So sorry, Priya.\nMy train had no signal & “evenings” work <too>."
    url = f"/bookings/{reported.code}/reschedule/"
    form = {"mode": "listed", "slot_1": "2027-01-05T10:00", "note": note, "from": "need_action"}
    answer = sent_signed_out(client, url, form, **headers)
    assert next_of(answer) == url
    assert "you will find what you typed again" in read(client.get(f"/sign-in/?next={url}"))
    page = back(client, answer)
    assert KEPT in read(page)
    assert page.context["form"]["note"].value() == note
    html = page.content.decode()
    assert 'value="2027-01-05T10:00"' in html
    assert re.search(r'value="listed"[^>]* checked', html)
    assert 'name="from" value="need_action"' in html
    assert Offer.objects.count() == 0
    assert unsent.COOKIE not in {k for k, v in client.cookies.items() if v.value}
    again = client.get(url)
    assert "So sorry" not in again.content.decode(), "it is shown once"


DIALOGS: dict[str, dict[str, str]] = {
    "mark-completed": {
        "outcome": "held_elsewhere", "channel": "phone", "minutes": "40", "note": "By phone.",
        "held_at": "2026-11-20T10:00",
    },
    "refund": {"reason": "I was ill."},
    "cancel": {"reason": "I am ill."},
}  # fmt: skip


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize("action", DIALOGS)
def test_every_dialog_keeps_what_was_typed(
    client: Client, maya: Expert, action: str, headers: dict[str, str]
) -> None:
    now = timezone.now()
    starts_at = now + DAY if action == "cancel" else now - 2 * HOUR
    booking = make_booking(maya, now=now, starts_at=starts_at)
    url = f"/bookings/{booking.code}/{action}/"
    page = back(client, sent_signed_out(client, url, DIALOGS[action], **headers))
    assert KEPT in read(page)
    form = page.context["form"]
    assert {name: form[name].value() for name in DIALOGS[action]} == DIALOGS[action]


def test_it_can_be_sent_then(client: Client, maya: Expert, reported: Booking) -> None:
    url = f"/bookings/{reported.code}/refund/"
    page = back(client, sent_signed_out(client, url, {"reason": "I was ill."}))
    key = re.search(r'name="request_key" value="([^"]+)"', page.content.decode())
    assert key is not None
    sent = client.post(
        url, {"reason": page.context["form"]["reason"].value(), "request_key": key[1]}
    )
    assert sent.status_code == 302
    reported.refresh_from_db()
    assert reported.state == State.REFUNDED


def test_a_wrong_password_in_between_loses_nothing(
    client: Client, maya: Expert, reported: Booking
) -> None:
    url = f"/bookings/{reported.code}/refund/"
    answer = sent_signed_out(client, url, {"reason": "I was ill."})
    wrong = {"username": "maya@example.com", "password": "no", "next": next_of(answer)}
    assert client.post("/sign-in/", wrong).status_code == 200
    assert "I was ill." in back(client, answer).content.decode()


def test_a_note_for_several_is_there_with_its_calls(client: Client, maya: Expert) -> None:
    now = timezone.now()
    calls = [
        report(make_booking(maya, make_follower(name), now=now - ago * HOUR), now=now - ago * HOUR)
        for name, ago in (("Priya Nair", 3), ("Tom Okafor", 9))
    ]
    codes = [booking.code for booking in calls]
    form = {"call": codes, "note": "Sorry, both of you."}
    page = back(client, sent_signed_out(client, "/need-action/reschedule/", form))
    assert KEPT in read(page)
    assert "Sorry, both of you." in page.content.decode()
    assert set(re.findall(r'name="call" value="([^"]+)"', page.content.decode())) == set(codes)


def test_a_request_to_support_is_there_again(client: Client, maya: Expert) -> None:
    form = {"subject": "A question", "message": "Why is the refund on hold?", "code": ""}
    page = back(client, sent_signed_out(client, "/support/", form))
    assert KEPT in read(page)
    assert "Why is the refund on hold?" in page.content.decode()
    assert SupportRequest.objects.count() == 0


def test_a_code_of_others_is_not_repeated_by_it(client: Client, maya: Expert) -> None:
    other = make_booking(make_expert("Somebody Else"))
    form = {"subject": "s", "message": "m", "code": other.code}
    page = back(client, sent_signed_out(client, "/support/", form))
    assert other.code not in page.content.decode()


def test_what_is_too_long_for_a_browser_is_said_to_be_lost(client: Client, maya: Expert) -> None:
    words = "".join(random.Random(7).choices("abcdefghijklmnopqrstuvwxyz0123456789 ", k=5000))
    form = {"subject": "A question", "message": words}
    answer = sent_signed_out(client, "/support/", form)
    assert len(answer.cookies[unsent.COOKIE].value) < unsent.AT_MOST
    assert "is there again" not in read(client.get("/sign-in/?next=/support/"))
    page = back(client, answer)
    assert LOST in read(page)


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("/account/", {"name": "Maya F.", "time_zone": "UTC", "clock": "24", "theme": "dark"}),
        ("/account/availability/rules/", {"step_minutes": "15", "buffer_minutes": "0"}),
        ("/account/availability/dates/", {"day": "2027-01-01", "kind": "off"}),
    ],
)
def test_where_it_is_not_filled_in_again_the_page_says_that_it_is_lost(
    client: Client, maya: Expert, url: str, form: dict[str, str]
) -> None:
    page = back(client, sent_signed_out(client, url, form))
    assert LOST in read(page)
    assert LOST not in read(client.get("/account/")), "it is said once"


def test_a_password_is_never_kept(client: Client, maya: Expert) -> None:
    form = {"old_password": PASSWORD, "new_password1": "a new one 12", "new_password2": "x"}
    answer = sent_signed_out(client, "/account/password/", form)
    kept = signing.loads(answer.cookies[unsent.COOKIE].value, salt=unsent.COOKIE)
    assert kept["fields"] == {}
    assert "You were signed out, so nothing was done." in read(back(client, answer))


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize("action", ["undo", "resend"])
def test_a_button_without_a_form_was_not_pressed(
    client: Client, maya: Expert, action: str, headers: dict[str, str]
) -> None:
    booking = offer(make_booking(maya, now=timezone.now()), now=timezone.now())
    url = f"/bookings/{booking.code}/{action}/?from=need_action"
    answer = sent_signed_out(client, url, {}, **headers)
    assert next_of(answer) == ("/need-action/?q=priya" if headers else url)
    assert "You were signed out, so nothing was done." in read(back(client, answer))
    booking.refresh_from_db()
    assert booking.state == State.RESCHEDULE_OFFERED


def test_a_booking_that_has_moved_on_says_both(
    client: Client, maya: Expert, reported: Booking
) -> None:
    url = f"/bookings/{reported.code}/reschedule/"
    answer = sent_signed_out(client, url, {"mode": "availability", "note": "Sorry."})
    lifecycle.refund_now(reported.pk, actor=expert_of(reported), now=timezone.now())
    page = read(back(client, answer))
    assert LOST in page
    assert "This booking has changed while you were here" in page


# --- whose it is, and for how long --------------------------------------------------------------


def test_another_expert_in_the_same_browser_does_not_see_it(
    client: Client, maya: Expert, reported: Booking
) -> None:
    lukas = make_expert("Lukas Brandt", email="lukas@example.com")
    url = f"/bookings/{reported.code}/refund/"
    sent_signed_out(client, url, {"reason": "I was ill."})
    client.force_login(lukas.user)
    assert client.get(url).status_code == 404
    assert "I was ill." not in client.get("/need-action/").content.decode()


def test_what_somebody_made_up_is_not_shown(desk: Client, reported: Booking) -> None:
    for value in ("x", "eyJhIjoxfQ:1:2", "\x00"):
        desk.cookies[unsent.COOKIE] = value
        page = desk.get(f"/bookings/{reported.code}/refund/")
        assert page.status_code == 200
        assert "signed out" not in read(page)


def test_half_an_hour_later_it_is_gone(client: Client, maya: Expert, reported: Booking) -> None:
    url = f"/bookings/{reported.code}/refund/"
    answer = sent_signed_out(client, url, {"reason": "I was ill."})
    assert int(answer.cookies[unsent.COOKIE]["max-age"]) == 1800
    assert answer.cookies[unsent.COOKIE]["httponly"]
    with time_machine.travel(timezone.now() + HOUR, tick=False):
        client.force_login(maya.user)
        assert "I was ill." not in client.get(url).content.decode()


def test_it_waits_for_its_own_page(client: Client, maya: Expert, reported: Booking) -> None:
    now = timezone.now()
    other = report(make_booking(maya, now=now - 9 * HOUR), now=now - 9 * HOUR)
    answer = sent_signed_out(client, f"/bookings/{reported.code}/refund/", {"reason": "I was ill."})
    sign_in(client, "/")
    assert "I was ill." not in client.get(f"/bookings/{other.code}/refund/").content.decode()
    assert "I was ill." in client.get(next_of(answer)).content.decode()


def test_who_only_looked_has_lost_nothing(client: Client, maya: Expert, reported: Booking) -> None:
    answer = client.get(f"/bookings/{reported.code}/refund/")
    assert unsent.COOKIE not in answer.cookies
    assert "signed out" not in read(back(client, answer))


# --- signed in again in another tab: the form is of the session before ---------------------------


def strict(maya: Expert) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(maya.user)
    return client


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_an_outdated_form_is_kept_and_can_be_opened_again(
    maya: Expert, reported: Booking, headers: dict[str, str]
) -> None:
    client, url = strict(maya), f"/bookings/{reported.code}/refund/"
    client.get(url)
    form = {"reason": "I was ill.", "csrfmiddlewaretoken": "x" * 64}
    ours = {"Origin": "http://testserver", **headers}
    answer = client.post(url, form, headers=ours)
    assert answer.status_code == 403
    assert answer.headers["X-Form-Again"] == url
    assert "We have kept what you typed" in read(answer)
    assert f'href="{url}"' in answer.content.decode()
    assert "I was ill." in client.get(url).content.decode()
    reported.refresh_from_db()
    assert reported.state == State.NO_SHOW_REPORTED


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
def test_another_site_puts_no_words_into_a_form(
    maya: Expert, reported: Booking, origin: str
) -> None:
    client, url = strict(maya), f"/bookings/{reported.code}/refund/"
    headers = {"Origin": origin} if origin else {}
    answer = client.post(url, {"reason": "Send it to me."}, headers=headers)
    assert answer.status_code == 403
    assert unsent.COOKIE not in answer.cookies
    assert "X-Form-Again" not in answer.headers
    assert "may be lost" in read(answer)
    assert "Send it to me." not in client.get(url).content.decode()
