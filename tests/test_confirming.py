"""Before money is moved: a page asks who it is, and nothing that was typed is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from axes.utils import reset as forget_attempts
from django.test import Client
from django.utils import timezone

from bookings import rate_limits
from bookings.models import Booking, Expert, Service, SupportRequest, User
from bookings.states import State
from tests.builders import PASSWORD, make_in_state, make_service
from tests.signing_in import give_code, give_password, set_up

pytestmark = pytest.mark.django_db
LATER = timedelta(minutes=11)
STEP = timedelta(seconds=30)
REASON = 'The log shows that <nobody> came & "waited".\nSecond line.'


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(timezone.now().replace(microsecond=0), tick=False) as traveller:
        yield traveller


@pytest.fixture
def contested() -> Booking:
    return make_in_state(State.CONTESTED, now=timezone.now())


def address_of(booking: Booking) -> str:
    return f"/admin/bookings/booking/act/decide/?ids={booking.pk}"


def decide(client: Client, booking: Booking, **more: Any) -> Any:
    form = {"ids": booking.pk, "request_key": "k1", "reason": REASON, "decision": "refunded"}
    return client.post(address_of(booking), {**form, **more})


def is_asked(answer: Any) -> bool:
    return answer.status_code in (403, 422) and "Confirm it is you" in answer.content.decode()


def answered(client: Client, asked: Any, secret: str) -> Any:
    """The form of the page, sent as a browser would."""
    html = asked.content.decode()
    [address] = re.findall(r'<form class="stack" method="post" action="([^"]+)"', html)
    form = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', html):
        form[name] = unescape(value)
    form.pop("csrfmiddlewaretoken", None)
    return client.post(unescape(address), {**form, "confirm_secret": secret})


def test_right_after_signing_in_nobody_is_asked(
    client: Client, staff: User, contested: Booking, clock: Any
) -> None:
    clock.shift(timedelta(minutes=10))
    assert decide(client, contested).status_code == 302
    assert Booking.objects.get().state == State.REFUNDED


def test_later_staff_is_asked_and_nothing_is_lost(
    client: Client, staff: User, contested: Booking, clock: Any
) -> None:
    clock.shift(LATER)
    assert client.get(address_of(contested)).status_code == 200, "looking needs none"
    asked = decide(client, contested)
    assert is_asked(asked)
    assert Booking.objects.get().state == State.CONTESTED
    before = client.session.session_key
    assert answered(client, asked, PASSWORD).status_code == 302
    assert Booking.objects.get().state == State.REFUNDED
    event = Booking.objects.get().events.latest("pk")
    assert event.note.replace("\r\n", "\n") == REASON
    assert client.session.session_key != before, "a session that is confirmed gets a new key"


def test_a_wrong_password_does_nothing_and_asks_again(
    client: Client, staff: User, contested: Booking, clock: Any
) -> None:
    clock.shift(LATER)
    again = answered(client, decide(client, contested), "wrong")
    assert is_asked(again)
    assert again.status_code == 422
    assert Booking.objects.get().state == State.CONTESTED
    assert answered(client, again, PASSWORD).status_code == 302
    assert Booking.objects.get().state == State.REFUNDED


def test_who_has_a_second_factor_gives_a_code_and_no_password(
    client: Client, contested: Booking, clock: Any, settings: Any
) -> None:
    from tests.builders import make_staff

    user = make_staff()
    app, _ = set_up(user)
    clock.shift(STEP)
    give_password(client, user)
    give_code(client, app.code())
    clock.shift(LATER)
    asked = decide(client, contested)
    assert "Code from your app" in asked.content.decode()
    assert is_asked(answered(client, asked, PASSWORD))
    assert answered(client, asked, app.code()).status_code == 302
    assert Booking.objects.get().state == State.REFUNDED


def test_an_answer_alone_confirms_nothing(
    client: Client, staff: User, contested: Booking, clock: Any
) -> None:
    clock.shift(LATER)
    for secret in ("", "x", "None"):
        assert is_asked(decide(client, contested, confirm_secret=secret))
    assert Booking.objects.get().state == State.CONTESTED


def test_passwords_are_counted_as_on_the_page_for_signing_in(
    client: Client, staff: User, contested: Booking, clock: Any, settings: Any
) -> None:
    settings.AXES_ENABLED = True
    clock.shift(LATER)
    asked = decide(client, contested)
    answers = [
        answered(client, asked, f"wrong {n}").status_code for n in range(rate_limits.OF_BOTH)
    ]
    assert answers[-1] == 429
    assert answered(client, asked, PASSWORD).status_code == 429
    assert Booking.objects.get().state == State.CONTESTED
    forget_attempts()


def test_a_double_click_on_confirm_acts_once(
    client: Client, staff: User, contested: Booking, clock: Any
) -> None:
    clock.shift(LATER)
    asked = decide(client, contested)
    answered(client, asked, PASSWORD)
    answered(client, asked, PASSWORD)
    assert Booking.objects.get().events.filter(verb="decide").count() == 1


def test_a_price_is_money_too(client: Client, staff: User, maya: Expert, clock: Any) -> None:
    service = make_service(maya, title="Portfolio review", price_minor=240000)
    page = f"/admin/bookings/service/{service.pk}/change/"
    html = client.get(page).content.decode()
    form = {
        name: unescape(value)
        for name, value in re.findall(r'<input[^>]+name="([^"]+)"[^>]*value="([^"]*)"', html)
    }
    form |= {"currency": "INR", "place_kind": "write", "is_active": "on", "description": ""}
    form |= {"price": "1.00", "reason": "She asked for it by phone."}
    form = {name: value for name, value in form.items() if not name.startswith("_")}
    clock.shift(LATER)
    asked = client.post(page, form)
    assert is_asked(asked)
    assert Service.objects.get().price_minor == 240000
    assert answered(client, asked, PASSWORD).status_code == 302
    assert Service.objects.get().price_minor == 100


@pytest.mark.parametrize(
    "page",
    [
        "user/add/",
        "user/{pk}/change/",
        "expert/add/",
        "user/act/remove_factor/?ids={pk}",
        "refund/act/release/?ids=1",
        "service/1/change/",
        "invitation/add/",
    ],
)
def test_whatever_is_sent_in_the_admin_asks(
    client: Client, staff: User, clock: Any, page: str
) -> None:
    clock.shift(LATER)
    assert is_asked(client.post(f"/admin/bookings/{page.format(pk=staff.pk)}", {"x": "y"}))


def test_what_moves_nothing_does_not_ask(
    client: Client, staff: User, maya: Expert, clock: Any
) -> None:
    asked = SupportRequest.objects.create(expert=maya, subject="Help", message="Please.")
    clock.shift(LATER)
    page = f"/admin/bookings/supportrequest/{asked.pk}/change/"
    assert client.post(page, {"answer": "Gladly."}).status_code == 302
    chosen = {"action": "decide", "_selected_action": "1"}
    assert not is_asked(client.post("/admin/bookings/booking/", chosen))
    assert client.post("/admin/logout/").status_code in (200, 302)
    assert client.get("/admin/").status_code == 302


def test_a_page_for_passwords_asks_before_it_is_filled_in(
    client: Client, staff: User, maya: Expert, clock: Any
) -> None:
    """So that no password that was typed stands in another page."""
    clock.shift(LATER)
    page = f"/admin/bookings/user/{maya.user_id}/password/"
    asked = client.get(page)
    assert is_asked(asked)
    assert answered(client, asked, PASSWORD).url == page
    assert client.get(page).status_code == 200
    clock.shift(LATER)
    sent = {"password1": "seven quiet lanterns", "password2": "seven quiet lanterns"}
    late = client.post(page, sent)
    assert is_asked(late)
    assert "seven quiet lanterns" not in late.content.decode()


def test_a_visitor_and_an_expert_are_not_asked_who_they_are(
    client: Client, desk: Client, contested: Booking, clock: Any
) -> None:
    clock.shift(LATER)
    assert decide(Client(), contested).status_code == 302
    assert decide(desk, contested).status_code == 404


def test_ending_a_session_asks_as_well(client: Client, maya: Expert, clock: Any) -> None:
    give_password(client, maya.user)
    other = Client()
    give_password(other, maya.user)
    clock.shift(LATER)
    asked = client.post("/account/security/end/", {"which": "others"})
    assert is_asked(asked)
    assert 'href="/account/security/"' in asked.content.decode()
    assert other.get("/account/").status_code == 200
    assert answered(client, asked, PASSWORD).status_code == 302
    assert other.get("/account/").status_code == 302
