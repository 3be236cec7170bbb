"""From an empty folder to the first paid call, by what the console and the pages say alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.house import House, new_page

pytestmark = pytest.mark.browser


@pytest.fixture
def empty(tmp_path: Any) -> Iterator[House]:
    house = House(tmp_path, more={"DEMO": "0"})
    house.start()
    try:
        yield house
        assert "Traceback" not in house.log()
        house.command("verify")
    finally:
        house.stop()


def test_an_empty_site_sells_its_first_call(browser: Any, empty: House) -> None:
    """The owner has scripts on, the buyer off."""
    printed = re.search(r"set it up +(\S+)", empty.log())
    assert printed is not None
    owner = new_page(browser, scripts=True)
    owner.goto(empty.url)
    assert "This site is not set up yet" in owner.locator("main").inner_text()
    owner.goto(printed[1])
    owner.get_by_label("Your e-mail address").fill("ana@example.org")
    owner.get_by_label("Choose a password").fill("a call that keeps its promise")
    owner.get_by_role("button", name="Create my account").click()
    owner.get_by_label("Your name").fill("Ana López")
    owner.get_by_role("button", name="Sell calls myself").click()
    owner.get_by_label("Title").fill("Portfolio review")
    owner.get_by_label("Price").fill("25,00")
    owner.get_by_label("Currency").select_option("EUR")
    owner.get_by_label("Where the call takes place").fill("https://meet.example.com/ana")
    owner.get_by_role("button", name="Save").click()
    assert "Portfolio review" in owner.locator("main").inner_text()
    owner.get_by_role("link", name="View your public page").click()
    owner.wait_for_url("**/with/ana-lopez/")

    buyer = new_page(browser, scripts=False)
    buyer.goto(owner.url)
    buyer.get_by_role("link", name="Portfolio review").click()
    assert "€25" in buyer.locator("main").inner_text()
    buyer.locator("label:has(input[name=slot])").first.click()
    buyer.get_by_label("Name").fill("Bo Buyer")
    buyer.get_by_label("E-mail").fill("bo@example.org")
    buyer.get_by_role("button", name="Continue to payment").click()
    buyer.get_by_role("button", name="Pay with the sandbox").click()
    buyer.get_by_role("heading", name="Your call with Ana is booked").wait_for()

    owner.goto(f"{empty.url}/upcoming/")
    assert "Bo Buyer" in owner.locator("main").inner_text()
    owner.goto(printed[1])
    assert "This site has an owner already" in owner.locator("main").inner_text()
