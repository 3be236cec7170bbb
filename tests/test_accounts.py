"""Signing in and out, and the password."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from axes.utils import reset as forget_attempts
from django.conf import settings as in_force
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bookings import emails, rate_limits, sweeps
from bookings.models import Expert, OutboxEmail, User
from tests.builders import PASSWORD, make_expert, make_staff, make_user

pytestmark = pytest.mark.django_db
NEW = "seven quiet lanterns"


def sign_in(client: Client, email: str, password: str = PASSWORD, **more: Any) -> Any:
    return client.post("/sign-in/", {"username": email, "password": password, **more})


def is_signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


# --- signing in and out ---------------------------------------------------------------------


def test_an_expert_signs_in_and_lands_on_need_action(client: Client, maya: Expert) -> None:
    response = sign_in(client, "maya@example.com")
    assert response.status_code == 302
    assert client.get(response.url).url == reverse("need_action")


def test_the_page_names_the_site_and_not_the_host_that_was_asked(client: Client) -> None:
    html = client.get("/sign-in/").content.decode()
    assert in_force.SITE_NAME in html
    assert "testserver" not in html


def test_the_spelling_of_the_address_does_not_matter(client: Client, maya: Expert) -> None:
    assert sign_in(client, "  Maya@Example.COM ").status_code == 302


def test_staff_without_an_expert_lands_in_the_admin(client: Client) -> None:
    make_expert()
    make_staff("staff@example.com")
    response = sign_in(client, "staff@example.com")
    assert client.get(response.url).url == reverse("admin:index")


def test_signing_in_goes_on_to_the_page_that_was_asked_for(client: Client, maya: Expert) -> None:
    asked = client.get("/upcoming/")
    assert asked.url == "/sign-in/?next=/upcoming/"
    assert sign_in(client, "maya@example.com", next="/upcoming/").url == "/upcoming/"


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"],
)
def test_signing_in_never_leads_to_another_site(
    client: Client, maya: Expert, elsewhere: str
) -> None:
    assert sign_in(client, "maya@example.com", next=elsewhere).url == "/"


def test_wrong_password_and_unknown_address_get_the_same_answer(
    client: Client, maya: Expert
) -> None:
    User.objects.create_user("gone@example.com", PASSWORD, is_active=False)
    answers = []
    for email in ("maya@example.com", "nobody@example.com", "gone@example.com"):
        response = sign_in(client, email, "wrong")
        text = response.content.decode().replace(email, "…")
        answers.append(re.sub(r'(csrfmiddlewaretoken" value|data-now)="[^"]+"', "", text))
    assert answers[0] == answers[1] == answers[2]
    assert "The e-mail address and the password do not match." in answers[0]
    assert not is_signed_in(client)


def test_a_session_gets_a_new_key_when_somebody_signs_in(client: Client, maya: Expert) -> None:
    session = client.session
    session["before"] = True
    session.save()
    planted = session.session_key
    sign_in(client, "maya@example.com")
    assert client.session.session_key != planted


def test_a_session_ends_when_the_account_is_closed(client: Client, maya: Expert) -> None:
    client.force_login(maya.user)
    assert is_signed_in(client)
    User.objects.filter(pk=maya.user_id).update(is_active=False)
    assert not is_signed_in(client)


def test_signing_out_needs_a_pressed_button(desk: Client) -> None:
    assert desk.get("/sign-out/").status_code == 405
    assert is_signed_in(desk)
    assert desk.post("/sign-out/").status_code == 302
    assert not is_signed_in(desk)


def test_too_many_wrong_passwords_lock_the_door_for_a_while(
    client: Client, maya: Expert, settings: Any
) -> None:
    settings.AXES_ENABLED = True
    for n in range(rate_limits.OF_BOTH):
        # another spelling is not another account
        email = "maya@example.com" if n % 2 else "MAYA@example.com"
        response = sign_in(client, email, "wrong")
    assert response.status_code == 429
    assert "Too many attempts to sign in" in response.content.decode()
    assert response.headers["Retry-After"] == "900"
    assert sign_in(client, "maya@example.com").status_code == 429

    make_user("lena@example.com")
    assert sign_in(client, "lena@example.com").status_code == 302, "others may still sign in"
    forget_attempts()


def test_a_password_from_the_mail_opens_the_locked_door(
    client: Client, maya: Expert, settings: Any
) -> None:
    settings.AXES_ENABLED = True
    for _ in range(rate_limits.OF_BOTH):
        sign_in(client, "maya@example.com", "wrong")
    assert sign_in(client, "maya@example.com").status_code == 429
    choose(client, reset_link(client, "maya@example.com"))
    assert sign_in(client, "maya@example.com", NEW).status_code == 302
    forget_attempts()


# --- a forgotten password -------------------------------------------------------------------


def reset_link(client: Client, email: str, **headers: Any) -> str:
    """The link that arrives in the mailbox."""
    client.post("/password/reset/", {"email": email}, **headers)
    row = OutboxEmail.objects.get(kind="password_reset")
    assert emails.deliver_all([row.pk], now=timezone.now())
    found = re.search(r"https?://\S+/password/\S+/\S+/", str(mail.outbox[-1].body))
    assert found is not None
    return found[0]


def choose(client: Client, link: str, password: str = NEW) -> Any:
    path = link.removeprefix(in_force.SITE_URL)
    form = client.get(path, follow=True)
    return client.post(
        form.redirect_chain[-1][0] if form.redirect_chain else path,
        {"new_password1": password, "new_password2": password},
    )


def test_a_forgotten_password_is_replaced_by_a_link_in_the_mail(
    client: Client, maya: Expert
) -> None:
    link = reset_link(client, "Maya@example.com")
    assert "maya@example.com" in mail.outbox[-1].to[0]
    assert choose(client, link).url == reverse("password_reset_complete")
    assert sign_in(client, "maya@example.com", NEW).status_code == 302


def test_the_link_works_once(client: Client, maya: Expert) -> None:
    link = reset_link(client, "maya@example.com")
    choose(client, link)
    again = Client().get(link.removeprefix(in_force.SITE_URL), follow=True)
    assert "This link is no longer active" in again.content.decode()


def test_the_link_names_our_site_whatever_host_was_asked(
    client: Client, maya: Expert, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    link = reset_link(client, "maya@example.com", headers={"host": "evil.example"})
    assert link.startswith(f"{in_force.SITE_URL}/")
    assert "evil" not in mail.outbox[-1].body


ADDRESSES = ["maya@example.com", "gone@example.com", "nobody@example.com"]


def ask_for(client: Client, email: str) -> Any:
    return client.post("/password/reset/", {"email": email})


def test_an_unknown_address_gets_the_same_answer_and_no_mail(client: Client, maya: Expert) -> None:
    make_user("gone@example.com", is_active=False)
    answers = [ask_for(client, email) for email in ADDRESSES]
    assert {(answer.status_code, answer.url) for answer in answers} == {(302, "/password/sent/")}
    sweeps.run(now=timezone.now())
    assert [message.to[0] for message in mail.outbox] == ["Maya Fernandes <maya@example.com>"]


def test_whether_it_is_known_makes_no_difference_to_the_work(client: Client, maya: Expert) -> None:
    """So none to the time it takes: nobody is looked for before the mail is sent."""
    make_user("gone@example.com", is_active=False)
    ask_for(client, "warm@example.com")
    done = []
    for email in ADDRESSES:
        with CaptureQueriesContext(connection) as seen:
            ask_for(client, email)
        done.append([query["sql"].partition("VALUES")[0] for query in seen])
    assert done[0] == done[1] == done[2]
    assert not [sql for sql in done[0] if "bookings_user" in sql]


def test_no_mail_is_lost_with_the_broker(client: Client, maya: Expert) -> None:
    """The row is there with the answer; a message to a worker only shortens the wait."""
    ask_for(client, "maya@example.com")
    assert mail.outbox == []
    sweeps.run(now=timezone.now())
    assert len(mail.outbox) == 1


def test_addresses_of_strangers_are_not_kept(client: Client, maya: Expert) -> None:
    for email in ADDRESSES:
        ask_for(client, email)
    sweeps.run(now=timezone.now())
    assert OutboxEmail.objects.filter(kind="password_reset").count() == 3
    sweeps.forget_old(now=timezone.now() + timedelta(days=1, minutes=1))
    assert not OutboxEmail.objects.filter(kind="password_reset").exists()


def test_one_address_gets_few_links_and_the_answer_stays_the_same(
    client: Client, maya: Expert
) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(9):
            assert ask_for(client, "maya@example.com").status_code == 302
            clock.shift(timedelta(minutes=2))
    assert OutboxEmail.objects.filter(kind="password_reset").count() == 5


def test_one_network_may_ask_for_few_links(client: Client) -> None:
    answers = [
        client.post(
            "/password/reset/", {"email": f"u{n}@example.com"}, REMOTE_ADDR=f"2001:db8::{n}"
        )
        for n in range(25)
    ]
    assert [answer.status_code for answer in answers] == [302] * 20 + [429] * 5
    assert "Try again in an hour" in answers[-1].content.decode()
    assert OutboxEmail.objects.count() == 20


def test_a_mail_that_the_release_before_has_queued_is_sent(maya: Expert) -> None:
    row = emails.queue("password_reset", now=timezone.now(), facts={"user": maya.user_id})
    assert emails.deliver_all([row.pk], now=timezone.now())


def test_asking_again_at_once_sends_one_mail(client: Client, maya: Expert) -> None:
    for _ in range(3):
        client.post("/password/reset/", {"email": "maya@example.com"})
    assert OutboxEmail.objects.filter(kind="password_reset").count() in (1, 2)  # a minute may turn


def test_an_invited_expert_without_a_password_can_choose_one(client: Client) -> None:
    make_user("new@example.com").set_unusable_password()
    User.objects.filter(email="new@example.com").update(password="!unusable")
    choose(client, reset_link(client, "new@example.com"))
    assert sign_in(client, "new@example.com", NEW).status_code == 302


def test_changing_the_password_ends_other_sessions_and_keeps_this_one(
    desk: Client, maya: Expert
) -> None:
    elsewhere = Client()
    elsewhere.force_login(maya.user)
    response = desk.post(
        "/account/password/",
        {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW},
    )
    assert response.status_code == 302
    assert is_signed_in(desk)
    assert not is_signed_in(elsewhere)


def test_a_weak_password_is_refused_with_a_sentence(desk: Client, maya: Expert) -> None:
    response = desk.post(
        "/account/password/",
        {"old_password": PASSWORD, "new_password1": "short", "new_password2": "short"},
    )
    assert "too short" in response.content.decode()
    assert User.objects.get(pk=maya.user_id).check_password(PASSWORD)
