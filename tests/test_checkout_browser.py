"""Buying a call in a real browser, with scripts and without, at a page of the provider's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from bookings.models import Booking, Service
from tests import shoppers
from tests.builders import make_expert, make_service
from tests.house import SKIPPED_FADE
from tests.provider.running import Provider

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
provider, no_keys = shoppers.provider, shoppers.no_keys


@pytest.fixture(params=["scripts", "plain"])
def visitor(
    request: pytest.FixtureRequest, browser: Any, browser_context_args: dict[str, Any]
) -> Iterator[Any]:
    """A page of a browser with scripts or without; it finds nothing wrong on our pages."""
    options = {**browser_context_args, "java_script_enabled": request.param == "scripts"}
    context = browser.new_context(**options)
    page = context.new_page()
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text))
    page.on("pageerror", lambda error: found.append(str(error)))
    yield page
    context.close()
    expected = ("401", SKIPPED_FADE)  # the stand-in has no icon
    assert [text for text in found if not any(part in text for part in expected)] == []


@pytest.fixture
def service(live_server: Any, settings: Any) -> Service:
    settings.SITE_URL = live_server.url
    return make_service(make_expert(min_notice_minutes=60), title="Portfolio review")


def choose(visitor: Any, live_server: Any, service: Service) -> None:
    visitor.goto(f"{live_server.url}/with/{service.expert.slug}/")
    visitor.get_by_role("link", name="Portfolio review").click()
    visitor.wait_for_load_state("networkidle")  # the zone of the device is put in
    visitor.locator(".cal a").last.click()
    expect(visitor.locator(".cal a").last).to_have_attribute("aria-current", "date")
    visitor.wait_for_load_state("networkidle")
    visitor.locator(".slot").first.click()
    visitor.get_by_label("Your name").fill("Lena Vogel")
    visitor.get_by_label("Your e-mail address").fill("lena@example.com")


def test_a_call_is_bought_at_the_provider(
    visitor: Any,
    live_server: Any,
    provider: Provider,
    service: Service,
    request: pytest.FixtureRequest,
) -> None:
    choose(visitor, live_server, service)
    visitor.get_by_role("button", name="Continue to payment").click()
    expect(visitor.get_by_role("heading", name="Pay ₹2,400 for your call")).to_be_visible()
    label = f"Pay with {provider.name.capitalize()}"
    visitor.get_by_text(label).click()
    visitor.wait_for_url(f"{provider.server.url}/pay/**")
    visitor.get_by_role("button", name="Pay", exact=True).click()
    if provider.name == "razorpay":
        visitor.get_by_role("button", name="Back to the site").click()
    visitor.wait_for_url(f"{live_server.url}/checkout/**")
    if request.node.callspec.params["visitor"] == "plain":  # scripts ask by themselves
        visitor.get_by_role("button", name="Check again").click()
    expect(visitor.get_by_role("heading", name="Your call with Maya is booked")).to_be_visible()
    assert Booking.objects.get().payment.provider == provider.name


def test_a_call_is_bought_in_the_sandbox(
    visitor: Any, live_server: Any, no_keys: None, service: Service
) -> None:
    choose(visitor, live_server, service)
    visitor.get_by_role("button", name="Continue to payment").click()
    visitor.get_by_role("button", name="Pay with the sandbox").click()
    expect(visitor.get_by_role("heading", name="Your call with Maya is booked")).to_be_visible()


def test_another_time_after_all(
    visitor: Any, live_server: Any, no_keys: None, service: Service
) -> None:
    choose(visitor, live_server, service)
    visitor.get_by_role("button", name="Continue to payment").click()
    visitor.get_by_role("button", name="Choose another time").click()
    expect(visitor.get_by_role("heading", name="Book a call with Maya")).to_be_visible()
    assert service.checkouts.get().state == "expired"
