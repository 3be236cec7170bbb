"""What is wrong with a form is said in whole sentences, the same in the list above and at the field."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.test import Client
from django.utils.http import urlsafe_base64_encode

from bookings.models import Expert
from tests.builders import PASSWORD

pytestmark = pytest.mark.django_db
GLUED = ("This field is required", "Ensure this value", "Select a valid choice", "Enter a")


def listed(answer: Any) -> list[str]:
    """The sentences of the list above the form."""
    html = answer.content.decode()
    found = re.search(r'<div class="errors".*?</div>', html, re.S)
    assert found, "nothing is said"
    lines = re.findall(r"<li>(.*?)</li>", found[0], re.S)
    return [unescape(re.sub(r"<[^>]+>", "", line)).strip() for line in lines]


def assert_said(answer: Any, *sentences: str) -> None:
    html = unescape(answer.content.decode())
    assert listed(answer) == list(sentences)
    assert not [words for words in GLUED if words in html]
    assert "<title>Error: " in html
    for anchor in re.findall(r'<li><a href="#([^"]+)"', html):
        assert f'id="{anchor}"' in html, "each line leads to its field"


def test_signing_in(client: Client) -> None:
    answer = client.post("/sign-in/", {})
    assert_said(answer, "Write your e-mail address.", "Write your password.")
    answer = client.post("/sign-in/", {"username": "lena", "password": "x"})
    assert_said(answer, "Write an e-mail address like name@example.com.")
    assert "We could not sign you in" in answer.content.decode()


def test_asking_for_a_new_password(client: Client) -> None:
    assert_said(client.post("/password/reset/", {}), "Write your e-mail address.")
    answer = client.post("/password/reset/", {"email": "x" * 300})
    assert listed(answer)[0] == "Write an e-mail address like name@example.com."


def test_choosing_a_new_password(client: Client, maya: Expert) -> None:
    token = default_token_generator.make_token(maya.user)
    uid = urlsafe_base64_encode(str(maya.user.pk).encode())
    page = client.get(f"/password/{uid}/{token}/", follow=True)
    path = page.redirect_chain[-1][0]
    answer = client.post(path, {})
    assert_said(answer, "Write a new password.", "Write the new password again.")
    assert "There is a problem" in answer.content.decode()
    differ = {"new_password1": "seven quiet lanterns", "new_password2": "eight quiet lanterns"}
    assert_said(client.post(path, differ), "The two new passwords are not the same.")


def test_changing_the_password(desk: Client) -> None:
    path = "/account/password/"
    assert_said(
        desk.post(path, {}),
        "Write your current password.",
        "Write a new password.",
        "Write the new password again.",
    )
    new = {"new_password1": "seven quiet lanterns", "new_password2": "seven quiet lanterns"}
    assert_said(
        desk.post(path, {"old_password": "no", **new}), "This is not your current password."
    )
    short = {"old_password": PASSWORD, "new_password1": "short", "new_password2": "short"}
    assert "too short" in listed(desk.post(path, short))[0]
    html = desk.get(path).content.decode()
    assert "for verification" not in html
    assert html.count('aria-current="page"') == 1, "Account is lit in the lower bar"


def test_the_account(desk: Client) -> None:
    answer = desk.post("/account/", {"time_zone": "", "clock": "13", "theme": "x"})
    assert_said(
        answer,
        "Fill in “Time zone”.",
        "Choose one of the options for “Clock”.",
        "Choose one of the options for “Appearance”.",
    )


def test_the_profile(desk: Client) -> None:
    answer = desk.post("/account/profile/", {"name": "", "slug": ""})
    assert_said(answer, "Write your name.", "Write the address of your page.")
    long = {"name": "x" * 81, "slug": "maya"}
    answer = desk.post("/account/profile/", long)
    assert_said(answer, "“Name” can have at most 80 characters; it has 81.")


def test_availability(desk: Client) -> None:
    rules = {"step_minutes": "30", "buffer_minutes": "0", "min_notice_minutes": "0"}
    for days, sentence in (
        ("0", "“How far ahead, in days” must be at least 1."),
        ("9999", "“How far ahead, in days” must be at most 365."),
        ("many", "Write a whole number for “How far ahead, in days”."),
        ("", "Fill in “How far ahead, in days”."),
    ):
        answer = desk.post("/account/availability/rules/", {**rules, "window_days": days})
        assert_said(answer, sentence)
    answer = desk.post("/account/availability/week/", {"from_3_0": "soon", "to_3_0": "10:00"})
    assert_said(answer, "Thursday, from, 1: write a time such as 09:30.")


def test_support(desk: Client) -> None:
    answer = desk.post("/support/", {"code": "TM-2222222"})
    assert_said(
        answer,
        "Say in a few words what it is about.",
        "You have no booking with this code.",
        "Say what happened.",
    )
    assert "Your request has not been sent yet" in answer.content.decode()
