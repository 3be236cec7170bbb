"""axe-core finds nothing on any page, in light on a desktop and in dark on a phone; nothing scrolls
sideways at 320 pixels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.house import House, new_page

pytestmark = pytest.mark.browser
LOOKS = {
    "desktop-light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "phone-dark": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
}
PUBLIC = [
    "/", "/sign-in/", "/password/reset/", "/demo/inbox/", "/help/no-shows/", "/help/followers/",
    "/nothing-here/", "/with/demo-maya/", "/with/demo-maya/1/",
    "/experts/",
]  # fmt: skip
EXPERT = [
    "/need-action/",
    "/need-action/?q=nobody-has-this-name",
    "/need-action/waiting/",
    "/completed-calls/",
    "/completed-calls/?q=nobody-has-this-name",
    "/upcoming/",
    "/account/",
    "/account/security/",
    "/account/security/set-up/",
    "/account/data/",
    "/account/availability/",
    "/account/profile/",
    "/account/services/",
    "/account/services/add/",
    "/account/services/1/",
    "/account/share/",
    "/support/",
]
TOO_WIDE = """[...document.querySelectorAll("main *")]
    .filter(e => e.getBoundingClientRect().right > innerWidth)
    .map(e => `${e.tagName}.${e.className} ${e.textContent.trim().slice(0, 40)}`).slice(0, 5)"""
PRIVATE_LINK = r'href="([^"]*/(pick|report|contest|status)/[^"]*)"'
DIALOGS = ["reschedule", "mark-completed", "refund"]


@pytest.fixture(scope="module", params=LOOKS)
def look(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def page(browser: Any, house: House, look: str) -> Iterator[Page]:
    # At rest: while a dialog fades in, its words are paler than they are.
    page = new_page(browser, scripts=True, reduced_motion="reduce", **LOOKS[look])
    house.sign_in(page)
    yield page
    page.context.close()


def assert_accessible(page: Page, url: str) -> None:
    page.goto(url)
    assert page.locator("h1").count() == 1, url
    found = Axe().run(page)
    assert found.violations_count == 0, f"{url}\n{found.generate_report()}"


def booking_urls(page: Page, house: House) -> list[str]:
    """One booking of each label that the lists show."""
    urls: dict[str, str] = {}
    for listing in ("/need-action/", "/need-action/waiting/", "/completed-calls/", "/upcoming/"):
        page.goto(house.url + listing)
        for row in page.locator(".call").all():
            label = (
                row.locator(".chip").first.inner_text() if row.locator(".chip").count() else listing
            )
            link = row.locator("h3 a")
            if link.count():
                urls.setdefault(label, house.url + str(link.first.get_attribute("href")))
    assert len(urls) >= 6, urls
    return list(urls.values())


def private_links(page: Page, house: House) -> list[str]:
    """One link of each purpose, out of the demo inbox, with the newest mail. The sweep writes at
    all hours, so a mail may lie any number of pages back."""
    found: dict[str, str] = {}
    newest = ""
    older: str | None = "/demo/inbox/"
    while older and len(found) < 4:
        page.goto(house.url + older)
        messages = [
            house.url + str(link.get_attribute("href"))
            for link in page.locator(".inbox__subject").all()
        ]
        newest = newest or messages[0]
        more = page.get_by_role("link", name="Older messages")
        older = more.get_attribute("href") if more.count() else None
        for message in messages:
            html = page.request.get(message).text()
            for href, purpose in re.findall(PRIVATE_LINK, html):
                found.setdefault(purpose, unescape(href))
    assert set(found) == {"pick", "report", "contest", "status"}
    return [newest, *found.values()]


@pytest.mark.parametrize("path", PUBLIC + EXPERT)
def test_a_page_has_no_violation(page: Page, house: House, path: str) -> None:
    assert_accessible(page, house.url + path)


def test_bookings_in_every_state_and_their_dialogs_have_no_violation(
    page: Page, house: House
) -> None:
    urls = booking_urls(page, house)
    for url in urls:
        assert_accessible(page, url)
    page.goto(house.url + "/need-action/")
    first = page.locator(".call h3 a").nth(1).get_attribute("href")
    for dialog in DIALOGS:
        assert_accessible(page, f"{house.url}{first}{dialog}/")


def test_an_open_dialog_has_no_violation(page: Page, house: House) -> None:
    page.goto(house.url + "/need-action/")
    page.get_by_role("link", name="Reschedule").first.click()
    page.get_by_role("dialog").wait_for()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_follower_pages_and_mails_have_no_violation(page: Page, house: House) -> None:
    for url in private_links(page, house):
        assert_accessible(page, url)


def test_nothing_scrolls_sideways_on_the_narrowest_screen(
    page: Page, house: House, look: str
) -> None:
    if look != "phone-dark":
        pytest.skip("one look is enough")
    urls = [house.url + path for path in PUBLIC + EXPERT]
    urls += booking_urls(page, house)[:4] + private_links(page, house)
    page.set_viewport_size({"width": 320, "height": 640})
    wide = []
    for url in urls:
        page.goto(url)
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            wide.append((url, page.evaluate(TOO_WIDE)))
    assert wide == []
