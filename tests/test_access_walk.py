"""Who may open which address: a walk over every one of them, and over everybody's bookings.

A new address must be put in one of the groups of `tests/addresses.py`, or the first test fails.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bookings import links
from bookings.models import DateOverride, Expert, SupportRequest
from bookings.states import State
from tests.addresses import (
    ADMIN,
    BY_CHECKOUT_KEY,
    BY_PRIVATE_LINK,
    BY_SIGNATURE,
    EVERYTHING,
    FOR_ANYBODY_SIGNED_IN,
    FOR_EVERYBODY,
    FOR_EXPERTS,
    FOR_SALE,
    GROUPS,
    KEPT_BY_BROWSERS,
    OF_A_BOOKING,
    OURS,
    ROUTES,
    path,
    routes_of,
    rows_about,
)
from tests.builders import make_booking, make_expert, make_in_state, make_staff
from tests.follower_pages import all_rows

pytestmark = pytest.mark.django_db


def text_of(response: Any) -> str:
    """Also of one that is handed out in pieces."""
    return str(response.getvalue().decode())


def test_every_address_is_in_exactly_one_group() -> None:
    names = [name for _, name in OURS]
    assert len(names) == len(set(names)), "a name twice"
    homeless = [name for name in names if sum(name in group for group in GROUPS) != 1]
    assert homeless == []


def test_the_walk_builds_an_address_for_every_route() -> None:
    for route, _ in ROUTES:
        assert not re.search(r"[<>^$()]", path(route)), route


# --- without a sign-in ------------------------------------------------------------------------


@pytest.mark.parametrize("state", [State.NO_SHOW_REPORTED, State.RESCHEDULE_OFFERED])
def test_a_visitor_is_sent_to_sign_in_and_changes_nothing(client: Client, state: State) -> None:
    booking = make_in_state(state, now=timezone.now())
    before = all_rows()
    for route in routes_of(OF_A_BOOKING | FOR_EXPERTS | FOR_ANYBODY_SIGNED_IN):
        address = path(route, code=booking.code)
        for response in (client.get(address), client.post(address, EVERYTHING)):
            # a method that does not exist may be refused before anybody is asked who they are
            assert response.status_code in (302, 405), address
            if response.status_code == 302:
                assert response.headers["Location"].startswith("/sign-in/?next="), address
        by_htmx = client.get(address, headers={"HX-Request": "true"})
        assert booking.follower.name not in by_htmx.content.decode()
    assert all_rows() == before


def test_a_made_up_token_is_a_404_everywhere(client: Client) -> None:
    booking = make_in_state(State.RESCHEDULE_OFFERED, now=timezone.now())
    before = all_rows()
    for name, purpose in BY_PRIVATE_LINK.items():
        genuine = links.token(links.ensure(booking, purpose, now=timezone.now()))
        before = all_rows()
        wrong = [genuine[:-1], genuine + "A", genuine.swapcase(), "x", "%00", "..", genuine[::-1]]
        for token in wrong:
            for route in routes_of({name}):
                address = path(route, token=token, purpose=purpose)
                assert client.get(address).status_code in (404, 405), address
                assert client.post(address, EVERYTHING).status_code in (404, 405), address
    assert all_rows() == before


def test_a_made_up_checkout_or_expert_is_a_404(client: Client) -> None:
    before = all_rows()
    for route in routes_of(BY_CHECKOUT_KEY | FOR_SALE):
        for value in ("x", "1", "A" * 32, "%00"):
            address = path(route, key=value, slug="nobody", service_id=1)
            assert client.get(address).status_code in (404, 405), address
            assert client.post(address, EVERYTHING).status_code in (404, 405), address
    assert all_rows() == before


def test_a_token_is_good_for_its_own_purpose_only(client: Client) -> None:
    booking = make_in_state(State.RESCHEDULE_OFFERED, now=timezone.now())
    tokens = {p: links.token(links.ensure(booking, p, now=timezone.now())) for p in
              set(BY_PRIVATE_LINK.values())}  # fmt: skip
    before = all_rows()
    for name, purpose in BY_PRIVATE_LINK.items():
        for other in set(tokens) - {purpose}:
            for route in routes_of({name}):
                address = path(route, token=tokens[other], purpose=purpose)
                assert client.get(address).status_code in (404, 405), address
                assert client.post(address, EVERYTHING).status_code in (404, 405), address
    assert all_rows() == before


@pytest.mark.parametrize("state", list(State))
def test_a_follower_reaches_no_booking_but_their_own(client: Client, state: State) -> None:
    own, other = (make_in_state(state, now=timezone.now()) for _ in range(2))
    before = rows_about(other)
    for name, purpose in BY_PRIVATE_LINK.items():
        token = links.token(links.ensure(own, purpose, now=timezone.now()))
        for route in routes_of({name}):
            address = path(route, token=token, purpose=purpose)
            stolen = {**EVERYTHING, "booking": other.pk, "code": other.code, "id": other.pk}
            for response in (
                client.get(address, {"code": other.code}),
                client.post(address, stolen),
            ):
                text = text_of(response)
                assert other.code not in text.replace(f"code={other.code}", ""), address
                assert other.follower.email not in text, address
    assert rows_about(other) == before


# --- one expert and the bookings of another ----------------------------------------------------


@pytest.fixture
def lukas(client: Client) -> Expert:
    expert = make_expert("Lukas Brandt")
    client.force_login(expert.user)
    return expert


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["page", "htmx"])
def test_the_booking_of_another_expert_does_not_exist(
    client: Client, lukas: Expert, state: State, headers: dict[str, str]
) -> None:
    booking = make_in_state(state, now=timezone.now())
    before = all_rows()
    for route in routes_of(OF_A_BOOKING):
        address = path(route, code=booking.code)
        got = client.get(address, headers=headers)
        posted = client.post(address, EVERYTHING, headers=headers)
        assert {got.status_code, posted.status_code} <= {404, 405}, address
        assert 404 in (got.status_code, posted.status_code), address
        assert booking.follower.name not in (got.content + posted.content).decode()
    assert all_rows() == before


def test_another_experts_things_cannot_be_named_in_a_form(client: Client, lukas: Expert) -> None:
    booking = make_in_state(State.NO_SHOW_REPORTED, now=timezone.now())
    override = DateOverride.objects.create(expert=booking.expert, date=timezone.now().date())
    before = rows_about(booking)
    for route in routes_of(FOR_EXPERTS | FOR_ANYBODY_SIGNED_IN):
        address = path(route, pk=override.pk)
        named = {"call": booking.code, "code": booking.code, "booking": booking.code}
        for response in (client.get(address, named), client.post(address, {**EVERYTHING, **named})):
            assert booking.follower.name not in text_of(response), address
            assert response.status_code < 500, address
    assert rows_about(booking) == before
    assert DateOverride.objects.filter(pk=override.pk).exists()
    assert not SupportRequest.objects.filter(booking=booking).exists()


def test_no_list_shows_a_call_of_another_expert(client: Client, lukas: Expert) -> None:
    others = [make_in_state(state, now=timezone.now()) for state in State]
    for route in routes_of(FOR_EXPERTS):
        for query in ({}, {"q": others[0].code}, {"q": others[0].follower.name}):
            response = client.get(path(route), query)
            if response.status_code == 200:
                text = text_of(response)
                typed = set(query.values())
                for booking in others:
                    assert booking.code in typed or booking.code not in text, path(route)
                    assert f"/bookings/{booking.code}/" not in text, path(route)


@pytest.mark.parametrize("state", list(State))
def test_looking_changes_nothing(client: Client, lukas: Expert, state: State) -> None:
    booking = make_in_state(state, now=timezone.now(), expert=lukas)
    names = OF_A_BOOKING | FOR_EXPERTS | FOR_ANYBODY_SIGNED_IN | FOR_EVERYBODY
    before = all_rows()
    for route in routes_of(names - {"healthz_deep"}):
        address = path(route, code=booking.code)
        for method in ("get", "head", "options"):
            response = getattr(client, method)(address, EVERYTHING)
            assert response.status_code < 500, (method, address)
    after = all_rows()
    assert {**after, "django_session": None} == {**before, "django_session": None}


# --- staff -------------------------------------------------------------------------------------


def test_the_admin_is_for_staff_only(client: Client, lukas: Expert) -> None:
    booking = make_in_state(State.CONTESTED, now=timezone.now(), expert=lukas)
    before = all_rows()
    for route in ADMIN:
        for name in ("refund", "decide") if "<slug:name>" in route else ("",):
            address = path(route, object_id=booking.pk, name=name)
            if address == "/admin/logout/":
                continue
            data = {**EVERYTHING, "ids": str(booking.pk), "answer": "a"}
            assert client.get(address).status_code in (404, 405), address
            assert client.post(address, data).status_code in (404, 405), address
            visitor = Client()
            for response in (visitor.get(address), visitor.post(address, data)):
                assert response.status_code == 302, address
                assert re.match(r"/(admin/login|sign-in)/", response.headers["Location"]), address
    assert all_rows() == before


def test_staff_without_an_expert_has_no_desk(client: Client) -> None:
    booking = make_booking()
    client.force_login(make_staff())
    before = rows_about(booking)
    for route in routes_of(OF_A_BOOKING | FOR_EXPERTS):
        address = path(route, code=booking.code)
        for response in (client.get(address), client.post(address, EVERYTHING)):
            assert response.status_code in (404, 405), address
    assert rows_about(booking) == before


# --- the rest ------------------------------------------------------------------------------------


def test_addresses_with_a_signature_refuse_everything_else(client: Client) -> None:
    before = all_rows()
    for route in routes_of(BY_SIGNATURE):
        for body in (b"", b"{}", b"\xff\xfe", b"[" * 10_000):
            response = client.generic("POST", path(route), body, content_type="application/json")
            assert response.status_code in (200, 400, 401, 403, 404), route
        assert client.get(path(route)).status_code in (200, 400, 403, 404, 405), route
    assert all_rows() == before


def test_every_answer_is_private_and_guarded(client: Client, lukas: Expert) -> None:
    for route, name in OURS:
        for response in (client.get(path(route)), client.post(path(route), EVERYTHING)):
            assert response.headers["Content-Security-Policy"].startswith("default-src 'self'")
            assert response.headers["X-Content-Type-Options"] == "nosniff", route
            is_kept = name in KEPT_BY_BROWSERS and response.status_code == 200
            assert is_kept or "no-store" in response.headers["Cache-Control"], route
