"""axe-core finds nothing in the admin, nor on the page of an account without an expert profile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.house import House, new_page
from tests.test_accessibility import LOOKS, assert_accessible

pytestmark = pytest.mark.browser
PASSWORD = "no-show-desk"
STAFF, NOBODY = "staff@demo.example", "nobody@demo.example"
ADMIN = [
    "",
    "policy/",
    "bookings/booking/",
    "bookings/booking/?q=" + "x" * 301,
    "bookings/expert/add/",
    "bookings/expert/1/change/",
    "bookings/invitation/",
    "bookings/invitation/add/",
    "bookings/user/add/",
    "bookings/user/1/change/",
    "auth/group/add/",
    "axes/accessattempt/",
    "bookings/staffact/",
    "bookings/follower/1/export/",
    "bookings/follower/1/erase/",
]


@pytest.fixture(scope="module", params=LOOKS)
def look(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def signed_in(browser: Any, house: House, look: str, email: str) -> Iterator[Page]:
    page = new_page(browser, scripts=True, reduced_motion="reduce", **LOOKS[look])
    page.goto(house.url + "/sign-in/")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "sign-in" not in url)
    yield page
    page.context.close()


@pytest.fixture(scope="module")
def staff_page(browser: Any, house: House, look: str) -> Iterator[Page]:
    yield from signed_in(browser, house, look, STAFF)


@pytest.fixture(scope="module")
def nobodys_page(browser: Any, house: House, look: str) -> Iterator[Page]:
    house.command(
        "shell",
        "-c",
        "from bookings.models import User\n"
        f"User.objects.filter(email={NOBODY!r}).exists() or "
        f"User.objects.create_user({NOBODY!r}, {PASSWORD!r})",
    )
    yield from signed_in(browser, house, look, NOBODY)


@pytest.mark.parametrize("path", ADMIN)
def test_a_page_of_the_admin_has_no_violation(staff_page: Page, house: House, path: str) -> None:
    assert_accessible(staff_page, f"{house.url}/admin/{path}")


def test_nothing_is_said_of_the_time_of_a_server(staff_page: Page, house: House) -> None:
    """The browser is in Berlin, and what it is ahead of means nothing for hours in Kolkata."""
    staff_page.goto(f"{house.url}/admin/bookings/expert/1/change/")
    staff_page.wait_for_load_state("networkidle")
    text = staff_page.locator("body").inner_text()
    assert "server time" not in text
    assert "In the expert’s own time zone, Asia/Kolkata." in text


def test_the_site_as_staff_finds_it_from_the_admin(staff_page: Page, house: House) -> None:
    staff_page.goto(house.url + "/admin/")
    staff_page.get_by_role("link", name="View site").click()
    staff_page.wait_for_url("**/start/")
    assert_accessible(staff_page, staff_page.url)
    staff_page.get_by_role("link", name="Open the administration").click()
    staff_page.wait_for_url("**/admin/")


@pytest.mark.parametrize("path", ["/", "/need-action/", "/account/", "/account/password/"])
def test_the_pages_of_somebody_without_a_profile(
    nobodys_page: Page, house: House, path: str
) -> None:
    assert_accessible(nobodys_page, house.url + path)


@pytest.mark.parametrize("width", [320, 390])
def test_they_do_not_scroll_sideways(nobodys_page: Page, house: House, width: int) -> None:
    nobodys_page.set_viewport_size({"width": width, "height": 700})
    nobodys_page.goto(house.url + "/")
    assert not nobodys_page.evaluate("document.documentElement.scrollWidth > innerWidth")


def test_inviting_and_being_invited_have_no_violation(
    browser: Any, staff_page: Page, nobodys_page: Page, house: House, look: str
) -> None:
    """The owner's page with an invitation; the page of a new account, of one that is there, signed
    in or not, and of an invitation that is over."""
    invited = f"{look}@journey.example"
    opened = house.command("invite", invited, "--name", "Nina Keller").strip()
    assert_accessible(staff_page, house.url + "/setup/")
    assert staff_page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    stranger = new_page(browser, scripts=True, reduced_motion="reduce", **LOOKS[look])
    assert_accessible(stranger, opened)
    assert_accessible(staff_page, opened)
    stranger.get_by_label("Choose a password").fill("short")
    stranger.get_by_role("button", name="Create my account").click()
    stranger.get_by_role("alert").wait_for()
    assert Axe().run(stranger).violations_count == 0
    code = f"""
from bookings import invitations
from bookings.models import Invitation
from django.utils import timezone
Invitation.objects.filter(email={NOBODY!r}).delete()
there = invitations.invite({NOBODY!r}, now=timezone.now())
invitations.revoke(Invitation.objects.get(email={invited!r}).pk, now=timezone.now())
print(invitations.link(there))
"""
    of_account = house.command("shell", "-v0", "-c", code).strip()
    for page in (stranger, nobodys_page, staff_page):
        assert_accessible(page, of_account)
    assert_accessible(stranger, opened)
    stranger.context.close()
