"""Which passwords may be chosen: what is tried first is refused, and nothing else is asked for."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client

from bookings import common_passwords
from bookings.models import Expert, User
from tests.builders import PASSWORD, make_expert

pytestmark = pytest.mark.django_db


def problems(password: str, user: User | None = None) -> list[str]:
    try:
        validate_password(password, user)
    except ValidationError as error:
        return error.messages
    return []


@pytest.mark.parametrize(
    "password",
    [
        "1234567890",
        "qwertyuiop",
        "QwertyUiop",
        "Password123",
        "1q2w3e4r5t",
        "manchester",
        "basketball",
    ],
)
def test_a_common_password_is_refused_in_any_case(password: str) -> None:
    assert common_passwords.COMMON in problems(password)


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        "vier ruhige Laternen",
        "ąęśćż ąęśćż",
        "只有我知道的密码是这个",
        "  blanks at both ends  ",
        "x7#" * 40,
        "kq" * 32,
        "topmate is where my grandmother sells calls",
    ],
)
def test_any_other_is_taken(password: str) -> None:
    assert problems(password) == []


@pytest.mark.parametrize(
    "password",
    [
        "Topmate2026!",
        "topmate-topmate",
        "CallsOfAnn1",
        "calls.example.org",
        "admin123456!",
        "1234Topmate",
    ],
)
def test_the_name_of_the_site_is_no_password(settings: Any, password: str) -> None:
    settings.SITE_NAME, settings.SITE_URL = "Calls of Ann", "https://calls.example.org"
    assert common_passwords.OF_THE_SITE in problems(password)


@pytest.mark.parametrize("password", ["Fernandes1", "maya.fernandes", "maya@example.com"])
def test_nor_is_the_name_or_the_address_of_its_owner(maya: Expert, password: str) -> None:
    assert any("too similar" in problem for problem in problems(password, maya.user))


def test_nine_characters_are_too_few() -> None:
    assert problems("k2#vT9!pz")


def test_a_look_takes_no_time_and_keeps_nothing_in_memory() -> None:
    common_passwords.is_common("warm up")
    tracemalloc.start()
    began = time.perf_counter()
    for number in range(100):
        common_passwords.is_common(f"somebody's password {number}")
    seconds = time.perf_counter() - began
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds / 100 < 0.02
    assert kept < 50_000
    assert most < 200_000


def test_the_file_has_what_it_says() -> None:
    data = common_passwords.FILE.read_bytes()
    starts = [data[place : place + 5] for place in range(0, len(data), 5)]
    assert len(data) == common_passwords.WIDTH * common_passwords.KEPT
    assert starts == sorted(set(starts))


def test_the_most_common_ones_are_taken_and_short_ones_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common_passwords, "KEPT", 2)
    monkeypatch.setattr(common_passwords, "FILE", tmp_path / "made.bin")
    made = ["short", "FirstOfThem", "firstofthem", "second of them", "third of them"]
    assert common_passwords.write(tmp_path / "made.bin", made) == 2
    asked = ["short", "firstofthem", "SECOND of them", "third of them"]
    assert [common_passwords.is_common(one) for one in asked] == [False, True, True, False]


def test_a_password_of_64_characters_and_more_opens_the_account(client: Client) -> None:
    """As it was typed: blanks at the ends, capitals and letters of any language count."""
    password = " Ünïcödé 只 " + "long " * 40
    expert = make_expert()
    expert.user.set_password(password)
    expert.user.save()
    for wrong in (password.strip(), password.lower(), password[:72]):
        form = {"username": expert.user.email, "password": wrong}
        assert client.post("/sign-in/", form).status_code == 200
    form = {"username": expert.user.email, "password": password}
    assert client.post("/sign-in/", form).status_code == 302
