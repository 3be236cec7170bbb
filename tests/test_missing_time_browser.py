"""The button is always in sight and the times are not: who presses it too early is led to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from bookings.models import Booking, Checkout
from tests import shoppers
from tests.builders import make_booking, make_expert, make_service, offer, report
from tests.follower_pages import address

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
no_keys = shoppers.no_keys
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
TOO_EARLY = "Choose a time."


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def opened(
    request: pytest.FixtureRequest, browser: Any, browser_context_args: dict[str, Any]
) -> Iterator[Callable[..., Page]]:
    """Opens a page of a new visitor, with scripts or without."""
    contexts = []

    def open_page(url: str, *, scripts: bool = True) -> Page:
        options = {**browser_context_args, **request.param, "java_script_enabled": scripts}
        context = browser.new_context(**options)
        contexts.append(context)
        page: Page = context.new_page()
        page.goto(url)
        page.wait_for_load_state("networkidle")
        return page

    yield open_page
    for context in contexts:
        context.close()


def assert_accessible(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, f"{page.url}\n{found.generate_report()}"
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")


def offered() -> Booking:
    now = timezone.now()
    return offer(report(make_booking(now=now), now=now), now=now)


def calendar_to_buy(live_server: Any) -> str:
    service = make_service(make_expert(min_notice_minutes=60))
    return f"{live_server.url}/with/{service.expert.slug}/{service.pk}/"


def calendar_to_pick(live_server: Any) -> str:
    return str(live_server.url) + address(offered(), "pick")


CALENDARS = [
    pytest.param(calendar_to_buy, "Continue to payment", id="buy"),
    pytest.param(calendar_to_pick, "Confirm new time", id="pick"),
]


@pytest.mark.parametrize(("calendar", "button"), CALENDARS)
def test_scripts_lead_to_the_times_and_say_so(
    opened: Callable[..., Page],
    live_server: Any,
    no_keys: None,
    calendar: Callable[[Any], str],
    button: str,
) -> None:
    page = opened(calendar(live_server))
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    page.evaluate("scrollTo(0, 0)")
    for _ in range(2):
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("alert")).to_have_text(TOO_EARLY)
        expect(page.locator("#s-time")).to_be_focused()
        assert page.locator("#s-time").get_attribute("aria-describedby") == "slot-problem"
        expect(page.locator(".slot").first).to_be_in_viewport()
    assert sent == []
    assert_accessible(page)
    page.keyboard.press("Tab")
    expect(page.locator("input[name=slot]").first).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("#slot-problem")).to_have_count(0)


@pytest.mark.parametrize(("calendar", "button"), CALENDARS)
def test_without_scripts_the_list_of_errors_leads_there(
    opened: Callable[..., Page],
    live_server: Any,
    no_keys: None,
    calendar: Callable[[Any], str],
    button: str,
) -> None:
    page = opened(calendar(live_server), scripts=False)
    page.get_by_role("button", name=button).click()
    expect(page.get_by_role("alert")).to_contain_text(TOO_EARLY)
    expect(page.locator("#slot-problem")).to_have_text(TOO_EARLY)
    page.get_by_role("link", name=TOO_EARLY).click()
    expect(page.locator("#s-time")).to_be_in_viewport()
    expect(page.locator(".slot").first).to_be_in_viewport()


def test_a_call_is_bought_after_all(
    opened: Callable[..., Page], live_server: Any, no_keys: None
) -> None:
    """Nothing of what was typed before is lost, on the way there and back again."""
    page = opened(calendar_to_buy(live_server))
    page.get_by_label("Your name").fill("Lena Vogel")
    page.get_by_label("Your e-mail address").fill("lena@example.com")
    page.get_by_role("button", name="Continue to payment").click()
    page.locator(".slot").first.click()
    page.get_by_role("button", name="Continue to payment").click()
    assert_accessible(page)
    page.get_by_role("button", name="Go back").click()
    expect(page.get_by_label("Your name")).to_have_value("Lena Vogel")
    expect(page.get_by_label("Your e-mail address")).to_have_value("lena@example.com")
    expect(page.locator("#summary")).to_contain_text("Your time in Berlin")
    assert_accessible(page)
    page.get_by_role("button", name="Continue to payment").click()
    page.get_by_role("button", name="Pay with the sandbox").click()
    expect(page.get_by_role("heading", name="Your call with Maya is booked")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="View status").click()
    expect(page.get_by_role("heading", name="Your call with Maya is on")).to_be_visible()
    assert [checkout.state for checkout in Checkout.objects.order_by("pk")] == ["expired", "paid"]
