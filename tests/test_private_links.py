"""Private links: opening one changes nothing, and a wrong one does not exist."""

from __future__ import annotations

import random
import string

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bookings import links, slots
from bookings.models import PrivateLink
from bookings.states import State
from tests.builders import make_booking
from tests.effort import effort
from tests.follower_pages import PAGES, address, all_rows, in_state

pytestmark = pytest.mark.django_db

PURPOSES = list(PrivateLink.Purpose.values)
NOW_STATES = [
    State.SCHEDULED, State.NO_SHOW_REPORTED, State.RESCHEDULE_OFFERED, State.COMPLETED,
    State.CONTESTED, State.REFUNDED, State.CANCELLED,
]  # fmt: skip


# --- opening changes nothing -----------------------------------------------------------------


@pytest.mark.parametrize("state", NOW_STATES)
def test_opening_a_link_changes_nothing_however_often(state: State, client: Client) -> None:
    booking = in_state(state)
    addresses = [address(booking, purpose, name) for purpose, name in PAGES]
    before = all_rows()
    for path in addresses:
        for method in (client.get, client.head, client.options):
            for _ in range(effort(2)):
                assert method(path).status_code < 500
    assert all_rows() == before


def test_opening_an_old_link_changes_nothing(client: Client) -> None:
    booking = in_state(State.RESCHEDULE_OFFERED)
    old = address(booking, "pick")
    links.issue(booking, "pick", now=timezone.now())
    before = all_rows()
    for method in (client.get, client.head, client.options):
        for _ in range(effort(2)):
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


def test_mutations_of_a_token_get_the_same_page_byte_by_byte(client: Client) -> None:
    booking = in_state(State.RESCHEDULE_OFFERED)
    for purpose in PURPOSES:
        token = links.token(links.ensure(booking, purpose, now=timezone.now()))
        unknown = client.get(reverse(purpose, kwargs={"token": "nonsense"}))
        assert unknown.status_code == 404
        answers = {
            (response.status_code, response.content)
            for wrong in mutations(token, effort(80))
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
