"""An expert edits their page in a real browser, with scripts and without, and by keyboard alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests import pictures
from tests.house import House, new_page

pytestmark = pytest.mark.browser


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "me.jpg"
    file.write_bytes(pictures.with_place())
    return file


def press_to(page: Page, label: str) -> None:
    """With the Tab key, until the control of that name has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        name = page.evaluate(
            "() => { const e = document.activeElement;"
            " return e.labels?.[0]?.innerText || e.innerText || '' }"
        )
        if name.strip().startswith(label):
            return
    raise AssertionError(f"The Tab key does not lead to {label!r}.")


def test_by_keyboard_and_without_scripts_a_service_is_added_and_bought(
    browser: Any, house: House, photo: Path
) -> None:
    expert = new_page(browser, scripts=False)
    house.sign_in(expert)
    expert.goto(f"{house.url}/account/profile/")
    expert.get_by_label("Headline").fill("Typed without scripts")
    expert.get_by_label("Photo").first.set_input_files(photo)
    press_to(expert, "Save changes")
    expert.keyboard.press("Enter")
    expert.get_by_text("Your public page has been saved.").wait_for()

    expert.goto(f"{house.url}/account/services/add/")
    press_to(expert, "Title")
    expert.keyboard.type("Keyboard call")
    press_to(expert, "Price")
    expert.keyboard.type("0")
    press_to(expert, "In a video room")
    expert.keyboard.press("ArrowDown")
    press_to(expert, "Question 1")
    question = f"What do you play? {'Oh' * 50}"
    expert.keyboard.type(question)
    press_to(expert, "Must be answered")
    expert.keyboard.press("Space")
    press_to(expert, "Save")
    expert.keyboard.press("Enter")
    expert.get_by_text("“Keyboard call” has been added.").wait_for()

    buyer = new_page(browser, scripts=False)
    buyer.goto(f"{house.url}/with/demo-maya/")
    assert "Typed without scripts" in buyer.locator("main").inner_text()
    assert buyer.locator(".host__photo").evaluate("e => e.naturalWidth") == 192
    buyer.get_by_role("link", name="Keyboard call").click()
    assert "By phone. Maya calls you." in buyer.locator("main").inner_text()
    buyer.locator("label:has(input[name=slot])").first.click()
    buyer.get_by_label("Your name").fill("Kim Keys")
    buyer.get_by_label("Your e-mail address").fill("kim@demo.example")
    buyer.get_by_label("Your telephone number").fill("+49 30 901820")
    buyer.get_by_role("button", name="Book the call").click()
    assert f"Answer “{question}”." in buyer.locator(".errors").inner_text()
    buyer.get_by_label("What do you play?").fill("The piano")
    buyer.get_by_role("button", name="Book the call").click()
    buyer.get_by_role("heading", name="Your call with Maya is booked").wait_for()
    assert "Maya calls +49 30 901820" in buyer.locator("main").inner_text()

    expert.goto(f"{house.url}/upcoming/?q=Kim")
    expert.locator(".call h3 a").first.click()
    assert "The piano" in expert.locator("main").inner_text()
    expert.set_viewport_size({"width": 390, "height": 844})
    assert not expert.evaluate("document.documentElement.scrollWidth > innerWidth")
    buyer.context.close()
    expert.context.close()


def test_previews_follow_what_is_typed_and_the_address_can_be_copied(
    browser: Any, house: House
) -> None:
    page = new_page(browser, scripts=True, permissions=["clipboard-read", "clipboard-write"])
    house.sign_in(page)
    page.goto(f"{house.url}/account/profile/")
    page.get_by_label("Headline").fill("Seen at once")
    page.locator("#preview .host__headline", has_text="Seen at once").wait_for()
    page.goto(f"{house.url}/account/services/")
    page.get_by_role("link", name="Hello call").click()
    page.get_by_label("Price").fill("12,50")
    page.locator("#preview", has_text=re.compile(r"12\.50")).wait_for()
    page.goto(f"{house.url}/account/share/")
    page.get_by_role("button", name="Copy my link").click()
    page.set_viewport_size({"width": 390, "height": 844})
    page.reload()
    here = page.locator(".seg--scroll [aria-current]").bounding_box()
    assert here
    assert here["x"] + here["width"] <= 390, "the page one is on is in sight"
    page.get_by_role("button", name="Copy my link").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == f"{house.url}/with/demo-maya/"
    page.goto(f"{house.url}/account/availability/")
    page.locator("#next-h + .hint").evaluate("e => { e.textContent += 'W'.repeat(120) }")
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.context.close()
