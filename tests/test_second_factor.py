"""Two-step sign-in, used: plain forms, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from bookings import second_factor, signing_in
from bookings.models import AuthenticatorApp, Expert, OutboxEmail, RecoveryCode, User
from tests.addresses import (
    ADMIN,
    EVERYTHING,
    FOR_ANYBODY_SIGNED_IN,
    FOR_EXPERTS,
    FOR_THE_OWNER,
    OF_A_BOOKING,
    path,
    routes_of,
)
from tests.builders import make_booking, make_expert, make_user
from tests.follower_pages import all_rows
from tests.signing_in import (
    give_code,
    give_password,
    is_signed_in,
    set_up,
)

pytestmark = pytest.mark.django_db
STEP = timedelta(seconds=30)
CODE_PAGE, SET_UP_PAGE = "/sign-in/code/", "/sign-in/set-up/"
NEW = "seven quiet lanterns"


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(timezone.now().replace(microsecond=0), tick=False) as traveller:
        yield traveller


def kinds() -> list[str]:
    return sorted(OutboxEmail.objects.values_list("kind", flat=True))


# --- signing in -----------------------------------------------------------------------------------


def test_after_the_password_comes_the_code(client: Client, maya: Expert, clock: Any) -> None:
    app, _ = set_up(maya.user)
    clock.shift(STEP)
    asked = give_password(client, maya.user, next="/upcoming/")
    assert asked.url == CODE_PAGE
    page = client.get(CODE_PAGE).content.decode()
    assert 'autocomplete="one-time-code"' in page
    assert 'inputmode="numeric"' in page
    assert not is_signed_in(client)
    assert give_code(client, app.code()).url == "/upcoming/"
    assert is_signed_in(client)


def test_blanks_in_a_code_do_not_matter(client: Client, maya: Expert, clock: Any) -> None:
    app, _ = set_up(maya.user)
    clock.shift(STEP)
    give_password(client, maya.user)
    assert give_code(client, f" {app.code()[:3]} {app.code()[3:]} ").status_code == 302


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_the_code_before_and_the_one_after_work_as_well(
    client: Client, maya: Expert, clock: Any, steps: int
) -> None:
    app, _ = set_up(maya.user)
    clock.shift(3 * STEP)
    give_password(client, maya.user)
    assert give_code(client, app.code(steps=steps)).status_code == 302


@pytest.mark.parametrize("steps", [-2, 2, 100])
def test_no_other_code_works(client: Client, maya: Expert, clock: Any, steps: int) -> None:
    app, _ = set_up(maya.user)
    clock.shift(10 * STEP)
    give_password(client, maya.user)
    assert give_code(client, app.code(steps=steps)).status_code == 422
    assert not is_signed_in(client)


def test_a_code_works_once(maya: Expert, clock: Any) -> None:
    app, _ = set_up(maya.user)
    first, second = Client(), Client()
    give_password(first, maya.user)
    assert give_code(first, app.code()).status_code == 422, "it was used to set the app up"
    clock.shift(2 * STEP)
    for client in (first, second):
        give_password(client, maya.user)
    assert give_code(first, app.code()).status_code == 302
    assert give_code(second, app.code()).status_code == 422
    assert give_code(second, app.code(steps=-1)).status_code == 422, "nor one from before it"


def test_a_recovery_code_works_once_in_any_spelling(maya: Expert) -> None:
    _, codes = set_up(maya.user)
    spelled = codes[0].upper().replace("-", " ")
    first, second = Client(), Client()
    for client in (first, second):
        give_password(client, maya.user)
    assert give_code(first, spelled).status_code == 302
    assert is_signed_in(first)
    assert give_code(second, codes[0]).status_code == 422
    assert second_factor.codes_left(maya.user) == 9
    [told] = OutboxEmail.objects.filter(kind="recovery_code_used")
    assert told.facts["left"] == 9


def test_only_hashes_of_recovery_codes_are_stored(maya: Expert) -> None:
    _, codes = set_up(maya.user)
    stored = set(RecoveryCode.objects.values_list("digest", flat=True))
    assert len(stored) == len(codes) == 10
    assert not any(len(digest) != 64 for digest in stored)
    assert str(all_rows()).count(codes[0]) == 0
    assert str(all_rows()).count(codes[0].replace("-", "")) == 0


def test_somebody_elses_codes_do_not_work(client: Client, maya: Expert, clock: Any) -> None:
    lena = make_user("lena@example.com")
    set_up(maya.user)
    app, codes = set_up(lena)
    clock.shift(STEP)
    give_password(client, maya.user)
    for code in (app.code(), codes[0]):
        assert give_code(client, code).status_code == 422
    assert second_factor.codes_left(lena) == 10


@pytest.mark.parametrize("code", ["", "12345", "1234567", "١٢٣٤٥٦", "-12345", "x" * 5000, "\x00"])
def test_what_is_no_code_is_refused(client: Client, maya: Expert, code: str) -> None:
    set_up(maya.user)
    give_password(client, maya.user)
    assert give_code(client, code).status_code == 422


def test_the_answer_to_a_wrong_code_does_not_say_what_was_wrong(maya: Expert, clock: Any) -> None:
    """Wrong, used before, too early after a wrong one: the same page, but for what cannot be the
    same. And who has no password learns nothing at all."""
    app, codes = set_up(maya.user)
    used = codes[0]
    assert second_factor.accepts(maya.user, used, now=timezone.now())
    client = Client()
    give_password(client, maya.user)
    clock.shift(2 * STEP)
    answers = [
        give_code(client, code).context["form"].errors.as_json()
        for code in (app.wrong(), app.code(), used, "abcd-efgh")
    ]
    assert len(set(answers)) == 1
    assert Client().get(CODE_PAGE).url == "/sign-in/"
    assert give_code(Client(), app.code()).url == "/sign-in/"


def test_after_wrong_codes_even_the_right_one_has_to_wait(maya: Expert, clock: Any) -> None:
    app, _ = set_up(maya.user)
    client = Client()
    give_password(client, maya.user)
    clock.shift(STEP)
    for tried in range(14):
        clock.shift(timedelta(seconds=600) if tried > 9 else timedelta(seconds=2**tried))
        give_password(client, maya.user)
        assert give_code(client, app.wrong()).status_code == 422
    assert AuthenticatorApp.objects.get().throttling_failure_count == AuthenticatorApp.MOST_FAILURES
    clock.shift(timedelta(seconds=500))
    assert give_code(client, app.code()).status_code == 422
    clock.shift(timedelta(seconds=13))
    assert give_code(client, app.code()).status_code == 302, "never longer than 512 seconds"


def test_a_locked_app_does_not_lock_the_recovery_codes(maya: Expert) -> None:
    """Who has guessed a password must not be able to keep its owner out."""
    app, codes = set_up(maya.user)
    client = Client()
    give_password(client, maya.user)
    for _ in range(5):
        give_code(client, app.wrong())
    assert give_code(client, codes[3]).status_code == 302


def test_many_codes_from_one_network_are_not_looked_at(maya: Expert, clock: Any) -> None:
    _, codes = set_up(maya.user)
    client = Client()
    give_password(client, maya.user)
    for _ in range(signing_in.CODES_OF_NETWORK):
        give_code(client, "aaaa-bbbb")
    assert give_code(client, codes[0]).status_code == 422
    clock.shift(timedelta(minutes=16))
    give_password(client, maya.user)
    assert give_code(client, codes[0]).status_code == 302


def test_the_owner_hears_of_wrong_codes_after_the_right_password(maya: Expert, clock: Any) -> None:
    app, _ = set_up(maya.user)
    client = Client()
    give_password(client, maya.user)
    for n in range(8):
        clock.shift(timedelta(seconds=2**n + 1))
        give_code(client, app.wrong())
    assert kinds().count("wrong_codes") == 1


# --- between the password and the code ------------------------------------------------------------


def test_between_the_two_steps_every_other_page_is_closed(client: Client, clock: Any) -> None:
    """Of staff who are an expert and an owner: nobody could open more."""
    expert = make_expert()
    User.objects.filter(pk=expert.user_id).update(is_staff=True, is_superuser=True)
    booking = make_booking(expert, now=timezone.now())
    app, _ = set_up(expert.user)
    clock.shift(STEP)
    give_password(client, expert.user)
    before = all_rows()
    names = OF_A_BOOKING | FOR_EXPERTS | FOR_ANYBODY_SIGNED_IN | FOR_THE_OWNER
    for route in [*routes_of(names), *ADMIN]:
        if route == "admin/logout/":
            continue
        address = path(route, code=booking.code, object_id=booking.pk)
        for answer in (client.get(address), client.post(address, EVERYTHING)):
            assert answer.status_code in (302, 405), address
            if answer.status_code == 302:
                assert answer.url.startswith(("/sign-in/?next=", "/admin/login/")), address
    assert {**all_rows(), "django_session": 0} == {**before, "django_session": 0}
    assert give_code(client, app.code()).status_code == 302


def test_the_page_for_the_code_closes_after_a_quarter_of_an_hour(
    client: Client, maya: Expert, clock: Any
) -> None:
    app, _ = set_up(maya.user)
    give_password(client, maya.user)
    clock.shift(signing_in.LASTS + timedelta(seconds=1))
    assert give_code(client, app.code()).url == "/sign-in/"
    assert "sign in again" in client.get("/sign-in/").content.decode()
    assert not is_signed_in(client)


def test_it_closes_when_the_password_changes_meanwhile(
    client: Client, maya: Expert, clock: Any
) -> None:
    app, _ = set_up(maya.user)
    clock.shift(STEP)
    give_password(client, maya.user)
    maya.user.set_password(NEW)
    maya.user.save()
    assert give_code(client, app.code()).url == "/sign-in/"


@pytest.mark.parametrize("change", [{"is_active": False}, {"session_version": 7}])
def test_it_closes_when_the_account_does(
    client: Client, maya: Expert, clock: Any, change: dict[str, Any]
) -> None:
    app, _ = set_up(maya.user)
    clock.shift(STEP)
    give_password(client, maya.user)
    User.objects.filter(pk=maya.user_id).update(**change)
    assert give_code(client, app.code()).url == "/sign-in/"


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example"]
)
def test_the_way_on_never_leads_to_another_site(
    client: Client, maya: Expert, clock: Any, elsewhere: str
) -> None:
    app, _ = set_up(maya.user)
    clock.shift(STEP)
    give_password(client, maya.user, next=elsewhere)
    assert client.post(f"{CODE_PAGE}?next={elsewhere}", {"code": app.code()}).url == "/"


def test_each_step_gives_the_session_a_new_key(client: Client, maya: Expert, clock: Any) -> None:
    app, _ = set_up(maya.user)
    clock.shift(STEP)
    client.get("/sign-in/")
    session = client.session
    session["planted"] = True
    session.save()
    keys = [session.session_key]
    give_password(client, maya.user)
    keys.append(client.session.session_key)
    give_code(client, app.code())
    keys.append(client.session.session_key)
    assert len(set(keys)) == 3


def test_a_new_password_by_mail_does_not_skip_the_code(
    client: Client, maya: Expert, clock: Any
) -> None:
    from tests.test_accounts import choose, reset_link

    set_up(maya.user)
    choose(client, reset_link(client, maya.user.email))
    assert not is_signed_in(client)
    answer = client.post("/sign-in/", {"username": maya.user.email, "password": NEW})
    assert answer.url == CODE_PAGE
    assert not is_signed_in(client)


def test_switched_off_nobody_is_asked(client: Client, maya: Expert, settings: Any) -> None:
    set_up(maya.user)
    settings.SECOND_FACTOR = "off"
    assert give_password(client, maya.user).url == "/"
    assert client.get("/account/security/set-up/").status_code == 302
