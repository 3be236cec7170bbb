"""Two-step sign-in in a real browser: set up and used with the keyboard alone, with and without
scripts, in both themes, and nothing sideways on a narrow screen."""

from __future__ import annotations

import time
from base64 import b32decode
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django_otp.oath import TOTP
from playwright.sync_api import Page, expect

from tests.house import House, new_page
from tests.test_accessibility import LOOKS, TOO_WIDE

pytestmark = pytest.mark.browser
PASSWORD = "a long pass phrase"
STEP = 30
FOCUSED = """() => { const it = document.activeElement;
    return (it.getAttribute('aria-label') || it.labels?.[0]?.innerText || it.innerText || '').trim() }"""


def make_user(house: House, email: str, **fields: bool) -> None:
    house.command(
        "shell",
        "-c",
        f"from bookings.models import User\nUser.objects.create_user({email!r}, {PASSWORD!r}, **{fields!r})",
    )


def to(page: Page, name: str) -> None:
    """Press Tab until the control of this name has the focus."""
    for _ in range(80):
        if page.evaluate(FOCUSED) == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} cannot be reached with the keyboard on {page.url}")


def fill(page: Page, name: str, text: str) -> None:
    to(page, name)
    page.keyboard.type(text)


def press(page: Page, name: str) -> None:
    to(page, name)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def assert_good(page: Page) -> None:
    assert page.locator("h1").count() == 1
    found = Axe().run(page)
    assert found.violations_count == 0, f"{page.url}\n{found.generate_report()}"
    size = page.viewport_size
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320, page.evaluate(TOO_WIDE)
    assert size is not None
    page.set_viewport_size(size)


def code_of(key: str, *, after: int = 0) -> tuple[str, int]:
    """A code of a step behind `after`, and its step: no code works twice."""
    while int(time.time()) // STEP <= after:
        time.sleep(0.5)
    totp = TOTP(b32decode(key.replace(" ", "")))
    return f"{totp.token():06d}", totp.t()


def sign_in(page: Page, house: House, email: str) -> None:
    page.goto(f"{house.url}/sign-in/")
    fill(page, "E-mail address", email)
    fill(page, "Password", PASSWORD)
    page.keyboard.press("Enter")


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_set_up_and_used_with_the_keyboard(
    browser: Any, house: House, look: str, scripts: bool
) -> None:
    email = f"key-{look}-{scripts}@demo.example".lower()
    make_user(house, email)
    page = new_page(browser, scripts=scripts, reduced_motion="reduce", **LOOKS[look])
    check = assert_good if scripts else lambda page: None  # axe is a script itself
    sign_in(page, house, email)
    page.wait_for_url(lambda url: "sign-in" not in url)
    page.goto(f"{house.url}/account/security/")
    check(page)

    press(page, "Set it up")
    check(page)
    key = page.locator(".key").inner_text()
    code, step = code_of(key)
    fill(page, "Code from the app", "123")
    fill(page, "Your password", PASSWORD)
    press(page, "Set up")
    expect(page.locator(".errors")).to_be_visible()
    check(page)
    assert page.locator(".key").inner_text() == key, "the same key again"
    to(page, "Code from the app")
    page.keyboard.press("Control+A")
    page.keyboard.type(code)
    fill(page, "Your password", PASSWORD)
    press(page, "Set up")
    codes = page.get_by_label("Keep these codes").input_value().split()
    assert len(codes) == 10
    check(page)
    press(page, "I have kept them")
    expect(page.locator("main")).to_contain_text("Two-step sign-in is on")
    check(page)

    press(page, "Sign out here")
    sign_in(page, house, email)
    page.wait_for_url("**/sign-in/code/")
    check(page)
    page.goto(f"{house.url}/account/")
    assert "/sign-in/?next=" in page.url
    page.goto(f"{house.url}/sign-in/code/")
    code, step = code_of(key, after=step)
    fill(page, "Code from your app", code)
    press(page, "Sign in")
    assert "sign-in" not in page.url

    page.goto(f"{house.url}/account/security/")
    press(page, "Sign out here")
    sign_in(page, house, email)
    page.wait_for_url("**/sign-in/code/")
    press(page, "Use a recovery code")
    check(page)
    fill(page, "Recovery code", codes[0].upper())
    press(page, "Sign in")
    page.goto(f"{house.url}/account/security/")
    expect(page.locator("main")).to_contain_text("9 recovery codes left")
    for link in ("New recovery codes", "Use another app", "Remove"):
        press(page, link)
        check(page)
        page.go_back()
    page.context.close()


@pytest.mark.parametrize("look", LOOKS)
def test_staff_confirm_with_the_keyboard(browser: Any, house: House, look: str) -> None:
    """The session was confirmed long ago: the page asks, and what was typed is done."""
    email = f"staff-{look}@demo.example"
    make_user(house, email, is_staff=True, is_superuser=True)
    page = new_page(browser, scripts=True, reduced_motion="reduce", **LOOKS[look])
    sign_in(page, house, email)
    page.wait_for_url(lambda url: "sign-in" not in url)
    page.goto(f"{house.url}/admin/bookings/user/add/")
    house.command(
        "shell",
        "-c",
        "from django.contrib.sessions.models import Session\n"
        "from django.contrib.sessions.backends.db import SessionStore\n"
        f"from bookings.models import SignIn\nrow = SignIn.objects.get(user__email={email!r})\n"
        "data = row.session.get_decoded()\ndata['confirmed_at'] -= 3600\n"
        "row.session.session_data = SessionStore().encode(data)\nrow.session.save()",
    )
    page.goto(f"{house.url}/admin/auth/group/add/")
    page.get_by_label("Name:").fill(f"Clerks {look}")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("h1")).to_have_text("Confirm it is you")
    assert_good(page)
    fill(page, "Your password", PASSWORD)
    press(page, "Confirm")
    expect(page.locator(".messagelist")).to_contain_text(f"Clerks {look}")
    page.context.close()
