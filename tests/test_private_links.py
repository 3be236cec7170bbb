"""Private links: opening one changes nothing, a wrong one does not exist, an old one leads on."""

from __future__ import annotations

import random
import string
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from bookings import lifecycle, links, slots
from bookings.models import Booking, OutboxEmail, PrivateLink
from bookings.states import State
from tests.builders import (
    FOLLOWER,
    expert_of,
    make_booking,
    make_in_state,
    offer,
    report,
    staff,
)
from tests.follower_pages import address, all_rows, read

pytestmark = pytest.mark.django_db

PURPOSES = list(PrivateLink.Purpose.values)
PAGES = [
    ("pick", "pick"), ("pick", "refund_instead"), ("report", "report"),
    ("report", "withdraw_report"), ("report", "move_instead"), ("contest", "contest"),
    ("status", "status"), ("status", "status_calendar"),
]  # fmt: skip
NOW_STATES = [
    State.SCHEDULED, State.NO_SHOW_REPORTED, State.RESCHEDULE_OFFERED, State.COMPLETED,
    State.CONTESTED, State.REFUNDED, State.CANCELLED,
]  # fmt: skip


def in_state(state: State) -> Booking:
    return make_in_state(state, now=timezone.now())


# --- opening changes nothing -----------------------------------------------------------------


@pytest.mark.parametrize("state", NOW_STATES)
def test_opening_a_link_changes_nothing_however_often(state: State, client: Client) -> None:
    booking = in_state(state)
    addresses = [address(booking, purpose, name) for purpose, name in PAGES]
    before = all_rows()
    for path in addresses:
        for method in (client.get, client.head, client.options):
            for _ in range(17):
                assert method(path).status_code < 500
    assert all_rows() == before


def test_opening_an_old_link_changes_nothing(client: Client) -> None:
    booking = in_state(State.RESCHEDULE_OFFERED)
    old = address(booking, "pick")
    links.issue(booking, "pick", now=timezone.now())
    before = all_rows()
    for method in (client.get, client.head, client.options):
        for _ in range(50):
            method(old)
    assert all_rows() == before


def test_a_scanner_that_presses_the_first_button_reports_nothing(client: Client) -> None:
    booking = make_booking(now=timezone.now())
    response = client.post(address(booking, "report"), {"request_key": "k" * 20})
    assert response.status_code == 422
    booking.refresh_from_db()
    assert booking.state == State.SCHEDULED


@pytest.mark.parametrize(("purpose", "name"), PAGES)
def test_no_cache_keeps_a_private_page(purpose: str, name: str, client: Client) -> None:
    booking = in_state(State.RESCHEDULE_OFFERED)
    response = client.get(address(booking, purpose, name))
    assert response["Cache-Control"] == "no-store"
    assert response["Referrer-Policy"] == "same-origin"
    assert "default-src 'self'" in response["Content-Security-Policy"]


# --- tokens that are not ours ----------------------------------------------------------------


def mutations(token: str, count: int) -> set[str]:
    """Tokens that differ from a genuine one: changed, shortened, doubled, moved around."""
    chance = random.Random(20251126)
    letters = string.ascii_letters + string.digits + "-_."
    found: set[str] = {token[:-1], token + "A", token.upper(), token[::-1], token.split(".")[0]}
    found |= {token[:n] for n in range(1, len(token), 3)}
    while len(found) < count:
        at = chance.randrange(len(token))
        found.add(token[:at] + chance.choice(letters) + token[at + chance.randrange(2) :])
    return found - {token}


def test_a_thousand_mutations_get_the_same_page_byte_by_byte(client: Client) -> None:
    booking = in_state(State.RESCHEDULE_OFFERED)
    for purpose in PURPOSES:
        token = links.token(links.ensure(booking, purpose, now=timezone.now()))
        unknown = client.get(reverse(purpose, kwargs={"token": "nonsense"}))
        assert unknown.status_code == 404
        answers = {
            (response.status_code, response.content)
            for wrong in mutations(token, 250)
            for response in [client.get(reverse(purpose, kwargs={"token": wrong}))]
        }
        assert answers == {(404, unknown.content)}


@pytest.mark.parametrize(("purpose", "name"), PAGES)
def test_a_link_opens_the_pages_of_its_own_purpose_only(
    purpose: str, name: str, client: Client
) -> None:
    booking = in_state(State.RESCHEDULE_OFFERED)
    unknown = client.get(reverse(name, kwargs={"token": "nonsense"}))
    for other in PURPOSES:
        if other == purpose:
            continue
        token = links.token(links.ensure(booking, other, now=timezone.now()))
        path = reverse(name, kwargs={"token": token})
        for response in (client.get(path), client.post(path, {"reason": "other"})):
            assert response.status_code in (404, 405)
        if client.get(path).status_code == 404:
            assert client.get(path).content == unknown.content


def test_a_wrong_token_is_as_unknown_to_a_button_as_to_an_eye(client: Client) -> None:
    before = all_rows()
    for _, name in PAGES:
        response = client.post(reverse(name, kwargs={"token": "nonsense"}))
        assert response.status_code in (404, 405)
    for purpose in [*PURPOSES, "payout", "../pick"]:
        path = f"/link/{purpose}/nonsense/send/"
        assert client.post(path).status_code == 404
    assert all_rows() == before


def test_a_key_signed_for_one_booking_opens_no_other(client: Client) -> None:
    """The booking is never named in a request: there is nothing to swap."""
    mine, other = in_state(State.RESCHEDULE_OFFERED), in_state(State.RESCHEDULE_OFFERED)
    path = address(mine, "pick")
    start = slots.free_for(other, now=timezone.now())[0]
    client.post(path, {"slot": f"{start:%Y-%m-%dT%H:%MZ}", "booking": other.pk, "id": other.pk})
    mine.refresh_from_db()
    other.refresh_from_db()
    assert (mine.state, other.state) == (State.SCHEDULED, State.RESCHEDULE_OFFERED)


def test_no_follower_link_opens_an_experts_page(client: Client) -> None:
    booking = in_state(State.RESCHEDULE_OFFERED)
    client.get(address(booking, "pick"))
    for name in ("need_action", "completed_calls", "upcoming"):
        assert client.get(reverse(name)).status_code == 302
    assert client.get(reverse("booking", kwargs={"code": booking.code})).status_code == 302


def test_a_post_without_its_csrf_token_does_nothing() -> None:
    strict = Client(enforce_csrf_checks=True)
    booking = make_booking(now=timezone.now())
    response = strict.post(address(booking, "report"), {"reason": "expert_absent"})
    assert response.status_code == 403
    booking.refresh_from_db()
    assert booking.state == State.SCHEDULED


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


# --- text of people --------------------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7|add:7 }}{% debug %}",
    "' hx-get='/evil' hx-trigger='load",
    "<a href=javascript:alert(1)>x</a>",
    "\u202egnp.exe\x85",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_people_stays_text_on_every_page(text: str, client: Client) -> None:
    """In every state that shows words of somebody: offer, report, mark, contest, decision."""
    now = timezone.now()
    booking = make_booking(now=now)
    booking.expert.name = booking.follower.name = text[:80]
    booking.expert.save()
    booking.follower.save()
    Booking.objects.filter(pk=booking.pk).update(service_title=text, place=text)
    expert = expert_of(booking)
    for act, actor, details in (
        (lifecycle.offer_reschedule, expert, {"note": text}),
        (lifecycle.report_no_show, FOLLOWER, {"reason": "other", "text": text}),
        (lifecycle.mark_completed, expert, {"outcome": "held_elsewhere", "channel": "phone",
                                            "held_at": booking.starts_at, "note": text}),
        (lifecycle.contest, FOLLOWER, {"reason": text}),
        (lifecycle.decide, staff(), {"decision": "completed", "reason": text}),
        (lifecycle.refund_now, expert, {}),
    ):  # fmt: skip
        act(booking.pk, actor=actor, now=now, **details)
        for purpose, name in PAGES:
            page = client.get(address(booking, purpose, name)).content.decode()
            for raw in ("<script>alert", "<img src=x", "hx-get='/evil'", "<a href=java", "1414"):
                assert raw not in page


@pytest.mark.parametrize(
    ("place", "is_link"),
    [
        ("https://meet.example.com/maya", True), ("javascript:alert(1)", False),
        ("https://a.example/ and call me", False), ("//evil.example", False),
        ('https://a.example/"onclick="alert(1)', True),
    ],
)  # fmt: skip
def test_only_a_web_address_becomes_a_link(place: str, is_link: bool, client: Client) -> None:
    booking = make_booking(now=timezone.now(), starts_at=timezone.now() + timedelta(days=1))
    Booking.objects.filter(pk=booking.pk).update(place=place)
    page = client.get(address(booking, "status")).content.decode()
    assert (f'href="{escape(place)}" rel="noreferrer noopener"' in page) is is_link
    assert '"onclick=' not in page


def test_a_second_report_after_an_offer_leads_to_a_new_time_of_ones_own(client: Client) -> None:
    now = timezone.now()
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
