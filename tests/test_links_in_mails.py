"""A link opens, whatever a mail program or a person took along behind it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from hypothesis import given
from hypothesis import strategies as st

from bookings import links
from bookings.models import Booking, Expert, User
from bookings.states import State
from tests import shoppers
from tests.builders import DAY, make_booking, make_service
from tests.follower_pages import PAGES, address, in_state, read
from tests.shoppers import buy
from topmate.middleware import meant

pytestmark = pytest.mark.django_db
expert, no_keys = shoppers.expert, shoppers.no_keys
BEHIND = [
    ">", ")", '"', ",", ".", ";", ":", "!", "'", "]", "}", "|", "*", "-", "_", "\\", "^", "`", "…",
    "\u200b", "\u00a0", " ", "\ufeff", "\u200e", "\n", "\r\n", "»", "”", "’", "）", "。", "、",
    ">.", ").", '">', "> and more", "</a>", "<br>", "&gt;", "&gt", "&quot;)", "=20", "=3E", "[1]",
    " (private)", "/", "//", "/>", "%3E", "%20", "%E2%80%8B", "%FF", "\u0440", ".)", "**", "~~",
]  # fmt: skip


def behind(path: str) -> list[str]:
    """As a browser sends them: once with the last slash, once without; some are encoded twice."""
    found = [path + quote(end, safe="!'()*,;:@&=+$/~.") for end in BEHIND]
    found += [path + end for end in ("%3E", "%29", "%22", "%2C", "%20", "%253E", "%ff", "%0A")]
    found += [path.rstrip("/") + quote(end) for end in (">", ")", ".", ",", "\u200b", " ")]
    return [junk for junk in found if not junk.endswith(".ics/")]


@pytest.mark.parametrize(("purpose", "name"), [page for page in PAGES if page[1] != "move_instead"])
def test_a_private_link_opens_with_whatever_stands_behind_it(
    purpose: str, name: str, client: Client
) -> None:
    state = State.RESCHEDULE_OFFERED if purpose == "pick" else State.SCHEDULED
    booking = in_state(state)
    if name == "status_calendar":
        now = timezone.now()
        booking = make_booking(now=now, starts_at=now + DAY)
    path = address(booking, purpose, name)
    wanted = client.get(path)
    assert wanted.status_code == 200
    for junk in behind(path):
        answer: Any = client.get(junk, follow=True)
        assert answer.status_code == wanted.status_code, repr(junk)
        assert re.search(r"TM-\w+|Maya", answer.content.decode())
    assert client.head(f"{path}%3E").status_code == 200


def test_the_button_of_a_page_that_was_opened_so_works(client: Client) -> None:
    """Its form goes to the address of the page."""
    booking = in_state(State.SCHEDULED)
    sent = {"reason": "expert_absent", "text": "", "request_key": "k" * 20}
    assert client.post(address(booking, "report") + "%3E", sent).status_code == 302
    booking.refresh_from_db()
    assert booking.state == State.NO_SHOW_REPORTED


def test_a_purchase_and_a_new_password_open_so_too(
    no_keys: None, expert: Expert, client: Client
) -> None:
    checkout = buy(client, make_service(expert))
    user: User = expert.user
    code = urlsafe_base64_encode(force_bytes(user.pk))
    token = default_token_generator.make_token(user)
    for path, words in (
        (f"/checkout/{checkout.key}/", "holding this time for you until"),
        (f"/with/{expert.slug}/", expert.name),
        (f"/password/{code}/{token}/", "new password"),
    ):
        for junk in behind(path):
            assert words in read(client.get(junk, follow=True)), junk


def test_the_links_of_experts_and_staff_open_so_too(client: Client, staff: User) -> None:
    booking = make_booking(now=timezone.now())
    admin = f"/admin/bookings/booking/{booking.pk}/change/"
    assert booking.code in read(client.get(f"{admin}%3E"))
    client.force_login(booking.expert.user)
    assert booking.code in read(client.get(f"/bookings/{booking.code}/)"))
    assert client.get("/)", follow=True).status_code == 200


def test_what_stands_inside_of_a_token_is_never_left_out(client: Client) -> None:
    """The signature is as strict as ever: all of it is compared, letter by letter."""
    path = address(in_state(State.SCHEDULED), "status").rstrip("/")
    for at in range(len("/status/") + 1, len(path), 7):
        for sign in (">", "%20", "%E2%80%8B", ".", "_", "x"):
            assert client.get(f"{path[:at]}{sign}{path[at:]}/", follow=True).status_code == 404
    for end in ("x", "-", "_", "x>", "/x", ".x", "=", ""):
        cut = path[:-1] if end in ("=", "") else path
        assert client.get(f"{cut}{end}/", follow=True).status_code == 404, end


def test_a_link_that_is_over_stays_over(client: Client) -> None:
    booking: Booking = in_state(State.RESCHEDULE_OFFERED)
    old = address(booking, "pick")
    links.issue(booking, "pick", now=timezone.now())
    assert client.get(f"{old}%3E").status_code == 410


@given(st.text(alphabet="/>ab.-_%~ \u200b\\", max_size=60))
def test_a_path_is_only_ever_made_shorter(text: str) -> None:
    found = meant(f"/{text}")
    assert found == "" or f"/{text}/".startswith(found)


def test_pages_that_are_none_stay_none(client: Client) -> None:
    for path in ("/nothing/%3E", "/status/%3E", "/with/nobody/)", "/%3E%3E/status/"):
        assert client.get(path, follow=True).status_code == 404, path
    assert reverse("home") == meant("/)")
