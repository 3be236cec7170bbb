"""Where somebody is signed in: the list, how long it lasts, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bookings import devices, sign_ins, sweeps
from bookings.models import Expert, OutboxEmail, SignIn, User
from tests.builders import PASSWORD, make_expert, make_staff, make_user
from tests.signing_in import give_password, is_signed_in

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0"
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 "
    "Safari/537.36"
)
MINUTES, HOURS, DAYS = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NEW = "seven quiet lanterns"


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(timezone.now().replace(microsecond=0), tick=False) as traveller:
        yield traveller


def browser(agent: str = FIREFOX, address: str = "192.0.2.7") -> Client:
    return Client(headers={"user-agent": agent}, REMOTE_ADDR=address)


def signed_in(user: User, agent: str = FIREFOX, **more: Any) -> Client:
    client = browser(agent, **more)
    give_password(client, user)
    return client


def page(client: Client) -> str:
    return client.get("/account/security/").content.decode()


# --- the list -------------------------------------------------------------------------------------


def test_the_page_lists_each_device_and_marks_this_one(maya: Expert, clock: Any) -> None:
    phone = signed_in(maya.user)
    clock.shift(HOURS)
    desk = signed_in(maya.user, CHROME, address="2001:db8::7")
    other = make_expert("Lukas Brandt")
    signed_in(other.user, "Opera/9.8")
    html = page(desk)
    assert html.index("Chrome on Linux") < html.index("Firefox on Android")
    assert "<strong>Chrome on Linux</strong> (this device)" in html
    assert "192.0.2.7" in html
    assert "2001:db8::7" in html
    assert "Opera" not in html
    assert "<strong>Firefox on Android</strong> (this device)" in page(phone)


def test_one_is_ended(maya: Expert) -> None:
    phone, desk = signed_in(maya.user), signed_in(maya.user, CHROME)
    row = SignIn.objects.get(device="Firefox on Android")
    desk.post("/account/security/end/", {"which": row.pk})
    assert not is_signed_in(phone)
    assert is_signed_in(desk)
    assert not Session.objects.filter(pk=row.session_id).exists()
    assert not SignIn.objects.filter(pk=row.pk).exists()


def test_all_others_are_ended(maya: Expert) -> None:
    others = [signed_in(maya.user), signed_in(maya.user, CHROME)]
    desk, lukas = signed_in(maya.user), signed_in(make_expert("Lukas Brandt").user)
    desk.post("/account/security/end/", {"which": "others"})
    assert [is_signed_in(client) for client in (*others, desk, lukas)] == [False, False, True, True]


@pytest.mark.parametrize("which", ["", "x", "-1", "9" * 30, "٣", "1 OR 1=1"])
def test_what_names_no_device_ends_none(maya: Expert, which: str) -> None:
    phone, desk = signed_in(maya.user), signed_in(maya.user, CHROME)
    assert desk.post("/account/security/end/", {"which": which}).status_code == 302
    assert is_signed_in(phone)


def test_nobody_ends_the_session_of_somebody_else(maya: Expert) -> None:
    victim, attacker = signed_in(make_user()), signed_in(maya.user)
    row = SignIn.objects.exclude(user=maya.user).get()
    attacker.post("/account/security/end/", {"which": row.pk})
    assert is_signed_in(victim)


def test_signing_out_takes_it_from_the_list(maya: Expert) -> None:
    phone, desk = signed_in(maya.user), signed_in(maya.user, CHROME)
    phone.post("/sign-out/")
    assert "Firefox on Android" not in page(desk)
    assert SignIn.objects.count() == 1


def test_a_session_that_was_ended_while_a_page_is_made_does_not_come_back(
    maya: Expert, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is about to note the visit; meanwhile the session is ended elsewhere."""
    phone = signed_in(maya.user)
    clock.shift(11 * MINUTES)
    key = phone.session.session_key
    noted = sign_ins.note_visit

    def ended_meanwhile(data: Any, **more: Any) -> None:
        noted(data, **more)
        Session.objects.filter(pk=key).delete()

    with monkeypatch.context() as patch:
        patch.setattr(sign_ins, "note_visit", ended_meanwhile)
        phone.get("/account/")
    assert not Session.objects.filter(pk=key).exists()
    assert not is_signed_in(phone)


def test_a_page_costs_nothing_more(maya: Expert, clock: Any) -> None:
    """One write after ten minutes; none before, however many pages are opened."""
    phone = signed_in(maya.user)
    writes = []
    for _ in range(12):
        clock.shift(MINUTES)
        with CaptureQueriesContext(connection) as caught:
            phone.get("/account/")
        writes.append(sum("UPDATE" in query["sql"] for query in caught.captured_queries))
    assert writes == [0] * 10 + [1, 0]


# --- how long it lasts ----------------------------------------------------------------------------


def test_staff_are_signed_out_after_half_an_hour_without_a_visit(clock: Any) -> None:
    desk = signed_in(make_staff())
    for _ in range(6):
        clock.shift(29 * MINUTES)
        assert desk.get("/admin/").status_code == 200
    clock.shift(31 * MINUTES)
    assert desk.get("/admin/").status_code == 302
    assert not SignIn.objects.exists()


def test_and_after_twelve_hours_in_any_case(clock: Any) -> None:
    desk = signed_in(make_staff())
    for _ in range(36):
        clock.shift(20 * MINUTES)
        assert desk.get("/admin/").status_code == 200
    clock.shift(MINUTES)
    assert desk.get("/admin/").status_code == 302


def test_the_count_that_an_open_page_asks_for_is_no_visit(clock: Any) -> None:
    expert = make_expert()
    User.objects.filter(pk=expert.user_id).update(is_staff=True)
    desk = signed_in(expert.user)
    for _ in range(3):
        clock.shift(11 * MINUTES)
        desk.get("/need-action/count/", headers={"HX-Request": "true", "HX-Trigger": "need-count"})
    assert not is_signed_in(desk)


def test_experts_stay_for_two_weeks_without_a_visit_and_for_thirty_days(
    maya: Expert, clock: Any
) -> None:
    desk = signed_in(maya.user)
    clock.shift(13 * DAYS)
    assert is_signed_in(desk)
    clock.shift(13 * DAYS)
    assert is_signed_in(desk)
    clock.shift(5 * DAYS)
    assert not is_signed_in(desk)
    desk = signed_in(maya.user)
    clock.shift(15 * DAYS)
    assert not is_signed_in(desk)


def test_a_session_of_the_release_before_goes_on_and_is_listed(maya: Expert) -> None:
    desk = signed_in(maya.user)
    session = desk.session
    for name in (sign_ins.STARTED, sign_ins.SEEN, sign_ins.CONFIRMED, sign_ins.HAS_PASSED):
        del session[name]
    session.save()
    SignIn.objects.all().delete()
    assert is_signed_in(desk)
    assert "(this device)" in page(desk)
    assert not sign_ins.is_confirmed(desk.session, now=timezone.now())


# --- how it ends ----------------------------------------------------------------------------------


def test_a_new_password_ends_the_others_and_keeps_this_one(maya: Expert) -> None:
    phone, desk = signed_in(maya.user), signed_in(maya.user, CHROME)
    key = desk.session.session_key
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert desk.post("/account/password/", form).status_code == 302
    assert is_signed_in(desk)
    assert not is_signed_in(phone)
    assert desk.session.session_key != key
    assert not Session.objects.filter(pk=key).exists()
    assert "(this device)" in page(desk)
    assert SignIn.objects.filter(user=maya.user).count() == 1


def test_the_admin_changes_passwords_by_the_same_page(client: Client, staff: User) -> None:
    assert client.get("/admin/password_change/").url == "/account/password/"


def test_staff_sign_somebody_out_everywhere(client: Client, maya: Expert, staff: User) -> None:
    phone = signed_in(maya.user)
    stolen = Session.objects.get(pk=phone.session.session_key)
    form = {"ids": maya.user_id, "request_key": "k", "reason": "Her phone was stolen."}
    client.post(f"/admin/bookings/user/act/sign_out/?ids={maya.user_id}", form)
    assert not is_signed_in(phone)
    stolen.save(force_insert=True)
    phone.cookies[settings.SESSION_COOKIE_NAME] = stolen.session_key
    assert not is_signed_in(phone), "not even if the row came back"


def test_and_so_does_the_command_line(maya: Expert, capsys: Any) -> None:
    phone, lukas = signed_in(maya.user), signed_in(make_expert("Lukas Brandt").user)
    call_command("end_sessions", maya.user.email)
    assert [is_signed_in(client) for client in (phone, lukas)] == [False, True]
    call_command("end_sessions", "--everybody")
    assert not is_signed_in(lukas)


def test_the_sweep_deletes_what_the_release_before_left_over(maya: Expert) -> None:
    signed_in(maya.user)
    kept = signed_in(maya.user)
    first = SignIn.objects.earliest("pk")
    with connection.cursor() as cursor:  # as a process that does not know these rows
        cursor.execute("DELETE FROM django_session WHERE session_key = %s", [first.session_id])
    sweeps.forget_old(now=timezone.now())
    assert list(SignIn.objects.values_list("session_id", flat=True)) == [kept.session.session_key]


# --- told by e-mail -------------------------------------------------------------------------------


def the_mail(subject: str) -> Any:
    sweeps.run(now=timezone.now())
    [message] = [one for one in mail.outbox if subject in one.subject]
    return message


def test_a_sign_in_on_a_new_device_is_told_in_the_zone_of_its_owner(
    maya: Expert, clock: Any
) -> None:
    clock.move_to("2026-11-23T06:00:00+00:00")
    phone = signed_in(maya.user)
    message = the_mail("on a new device")
    assert message.to == ["Maya Fernandes <maya@example.com>"]
    assert "Firefox on Android" in message.body
    assert "192.0.2.7" in message.body
    assert "11:30" in message.body
    assert "Kolkata" in message.body
    phone.post("/sign-out/")
    give_password(phone, maya.user)
    assert OutboxEmail.objects.filter(kind="new_sign_in").count() == 1, "it is known now"
    clock.shift(MINUTES)
    signed_in(maya.user, CHROME)
    assert OutboxEmail.objects.filter(kind="new_sign_in").count() == 2


def test_a_device_that_is_known_for_somebody_else_is_new(maya: Expert) -> None:
    phone = signed_in(make_expert("Lukas Brandt").user)
    phone.post("/sign-out/")
    give_password(phone, maya.user)
    assert OutboxEmail.objects.filter(kind="new_sign_in", facts__user=maya.user_id).exists()


def test_a_wrong_password_is_no_sign_in(maya: Expert) -> None:
    browser().post("/sign-in/", {"username": maya.user.email, "password": "wrong"})
    assert not OutboxEmail.objects.filter(kind="new_sign_in").exists()


def test_a_new_password_is_told(desk: Client, maya: Expert) -> None:
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    desk.post("/account/password/", form)
    assert NEW not in the_mail("Your password on").body


def test_so_is_one_that_was_chosen_by_the_link_in_a_mail(client: Client, maya: Expert) -> None:
    from tests.test_accounts import choose, reset_link

    phone = signed_in(maya.user)
    choose(client, reset_link(client, maya.user.email))
    assert OutboxEmail.objects.filter(kind="password_changed").count() == 1
    assert not is_signed_in(phone)
    assert not SignIn.objects.exists()


# --- devices in words -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Android"),
        (CHROME, "Chrome on Linux"),
        (CHROME + " Edg/142.0.0.0", "Edge on Linux"),
        (CHROME + " OPR/120", "Opera on Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
         "Gecko) Version/18.0 Mobile/15E148 Safari/604.1", "Safari on an iPhone"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) CriOS/142 Mobile Safari/604.1",
         "Chrome on an iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1",
         "Safari on a Mac"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Firefox/145.0", "Firefox on Windows"),
        ("Mozilla/5.0 (Windows NT 10.0)", "An unknown browser on Windows"),
        ("curl/8.5.0", "An unknown browser"),
        ("", "An unknown browser"),
        ("<script>alert(1)</script>" * 50, "An unknown browser"),
    ],
)  # fmt: skip
def test_a_device_in_words(agent: str, words: str) -> None:
    assert devices.in_words(agent) == words
