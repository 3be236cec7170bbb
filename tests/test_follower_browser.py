"""A follower's pages in a real browser, with scripts and without."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import expect

from bookings.models import Booking
from bookings.states import State
from tests.builders import make_booking, make_follower, offer, report
from tests.follower_pages import address

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def reported(**follower: Any) -> Booking:
    now = timezone.now()
    lena = make_follower(
        **{"name": "Lena Vogt", "time_zone": "Europe/Berlin", "clock": "24", **follower}
    )
    return report(make_booking(follower=lena, now=now), now=now)


def offered(**follower: Any) -> Booking:
    return offer(reported(**follower), now=timezone.now(), note="Any of these work for me.")


@pytest.fixture
def complaints(page: Any) -> Iterator[list[str]]:
    """What the browser finds wrong on the way: policy violations, errors, failed requests."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text))
    page.on("pageerror", lambda error: found.append(str(error)))
    yield found
    assert found == []


@pytest.fixture
def plain(browser: Any, browser_context_args: dict[str, Any]) -> Iterator[Any]:
    """A page of a browser that runs no scripts."""
    context = browser.new_context(**{**browser_context_args, "java_script_enabled": False})
    yield context.new_page()
    context.close()


def test_days_zones_and_times_change_in_place(
    page: Any, live_server: Any, complaints: list[str]
) -> None:
    page.goto(live_server.url + address(offered(), "pick"))
    page.locator(".cal a").nth(3).click()
    expect(page.locator(".cal a").nth(3)).to_have_attribute("aria-current", "date")
    expect(page.locator(":focus")).to_have_attribute("id", re.compile("^day-"))
    day = page.locator("#s-time").inner_text()
    assert page.locator('.cal a[aria-current="date"]').count() == 1
    page.locator(".slot").first.click()
    expect(page.locator("#summary")).to_contain_text("for Maya")
    in_berlin = page.locator("#summary").inner_text()
    chosen = page.locator("input[name=slot]:checked").input_value()
    earlier = page.locator("#earlier").inner_text()

    page.locator("#tz").focus()
    page.locator("#tz").select_option("America/New_York")
    expect(page.locator("#tz-h")).to_contain_text("10 h 30 min")
    assert page.evaluate("document.activeElement.id") == "tz"
    assert page.locator("input[name=slot]:checked").input_value() == chosen
    assert page.locator("#summary").inner_text() != in_berlin
    assert page.locator("#earlier").inner_text() != earlier
    assert "Your time in New York" in page.locator("#summary").inner_text()

    page.locator("label", has_text="12 h").click()
    expect(page.locator(".slot").first).to_contain_text(re.compile("[ap]m"))
    assert page.locator("input[name=slot]:checked").input_value() == chosen
    assert day


def test_a_time_is_confirmed_and_remembered(
    page: Any, live_server: Any, complaints: list[str]
) -> None:
    booking = offered()
    page.goto(live_server.url + address(booking, "pick"))
    page.locator("#tz").select_option("Asia/Tokyo")
    expect(page.locator("#tz-h")).to_contain_text("behind you")
    page.locator(".cal a").nth(2).click()
    expect(page.locator(".cal a").nth(2)).to_have_attribute("aria-current", "date")
    page.locator(".slot").first.click()
    page.get_by_role("button", name="Confirm new time").click()
    page.wait_for_url("**/status/**")
    assert "Your new time is set." in page.locator(".notice").inner_text()
    assert page.get_by_role("link", name="Calendar file").is_visible()
    booking.refresh_from_db()
    booking.follower.refresh_from_db()
    assert (booking.state, booking.attempt) == (State.SCHEDULED, 2)
    assert booking.follower.time_zone == "Asia/Tokyo"


def test_the_device_names_the_zone_of_somebody_new(
    page: Any, live_server: Any, complaints: list[str]
) -> None:
    page.goto(live_server.url + address(offered(time_zone="UTC"), "pick"))
    expect(page.locator("#tz")).to_have_value("Europe/Berlin")
    expect(page.locator("#tz-h")).to_contain_text("ahead of you")


def test_everything_works_without_scripts(plain: Any, live_server: Any) -> None:
    booking = offered()
    plain.goto(live_server.url + address(booking, "pick"))
    plain.get_by_role("link", name="All time zones").click()
    plain.locator("#tz").select_option("Asia/Tokyo")
    plain.get_by_role("button", name="Show times").click()
    assert "behind you" in plain.locator("#tz-h").inner_text()
    plain.locator(".cal a").nth(2).click()
    assert plain.locator("#tz").input_value() == "Asia/Tokyo"
    plain.locator(".slot").first.click()
    plain.get_by_role("button", name="Confirm new time").click()
    assert "Your new time is set." in plain.locator(".notice").inner_text()
    booking.refresh_from_db()
    assert booking.state == State.SCHEDULED


def test_a_report_and_its_withdrawal_without_scripts(plain: Any, live_server: Any) -> None:
    now = timezone.now()
    booking = make_booking(now=now)
    plain.goto(live_server.url + address(booking, "report"))
    plain.get_by_text("Maya did not join").click()
    plain.get_by_label("Tell Maya what happened").fill("I waited for 25 minutes.")
    plain.get_by_role("button", name="Report the no-show").click()
    assert "You reported this call on" in plain.locator("h1").inner_text()
    plain.get_by_role("link", name="Withdraw the report").click()
    plain.get_by_role("button", name="Withdraw the report").click()
    assert "Your report has been withdrawn." in plain.locator(".notice").inner_text()
    booking.refresh_from_db()
    assert booking.state == State.SCHEDULED


def test_a_refund_instead_without_scripts(plain: Any, live_server: Any) -> None:
    plain.goto(live_server.url + address(offered(), "pick"))
    plain.get_by_role("link", name="Get a refund instead").click()
    plain.get_by_role("button", name="Refund ₹2,400").click()
    assert plain.locator("h1").inner_text() == "Refund approved"
    assert plain.locator('[aria-current="step"]').inner_text().startswith("Refund approved")


def test_a_slot_is_picked_by_keyboard_alone(
    page: Any, live_server: Any, complaints: list[str]
) -> None:
    booking = offered()
    page.goto(live_server.url + address(booking, "pick"))
    page.locator(".cal a").nth(2).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".cal a").nth(2)).to_have_attribute("aria-current", "date")
    expect(page.locator(":focus")).to_have_attribute("id", re.compile("^day-"))
    page.locator("input[name=slot]").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/status/**")
    booking.refresh_from_db()
    assert booking.state == State.SCHEDULED


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_page_scrolls_sideways(
    width: int, page: Any, live_server: Any, complaints: list[str]
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    booking = offered(name="Wolfeschlegelsteinhausenbergerdorff" * 2)
    later = make_booking(
        booking.expert, booking.follower, starts_at=timezone.now() + timedelta(days=60)
    )
    pages = [
        (booking, "pick", ""), (booking, "pick", "refund_instead"), (booking, "report", ""),
        (booking, "status", ""), (later, "report", ""), (later, "status", ""),
    ]  # fmt: skip
    for one, purpose, name in pages:
        page.goto(live_server.url + address(one, purpose, name))
        over = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert over <= 0, (purpose, name, width)


# --- what a page says is over by itself ---------------------------------------------------------


def time_is_up(page: Any, booking: Booking) -> None:
    """As if the moment had come that the page names."""
    waiting = Booking.objects.filter(pk=booking.pk, deadline_at__isnull=False)
    waiting.update(deadline_at=timezone.now())
    page.evaluate(
        """() => { document.querySelector("main").dataset.until = "2001-01-01T00:00:00Z";
        document.dispatchEvent(new Event("visibilitychange")); }"""
    )


@pytest.mark.parametrize("purpose", ["report", "status"])
def test_a_promise_that_is_over_is_taken_back_by_the_page_itself(
    page: Any, live_server: Any, complaints: list[str], purpose: str
) -> None:
    booking = reported()
    page.goto(live_server.url + address(booking, purpose))
    expect(page.locator("main")).to_contain_text("If there is no answer, you get ₹2,400 back")
    time_is_up(page, booking)
    expect(page.locator("main")).to_contain_text("Your refund of ₹2,400 is starting.")
    expect(page.locator("main")).not_to_contain_text("If there is no answer")


def test_a_calendar_nobody_uses_ends_with_its_offer(
    page: Any, live_server: Any, complaints: list[str]
) -> None:
    booking = offered()
    page.goto(live_server.url + address(booking, "pick"))
    expect(page.get_by_role("button", name="Confirm new time")).to_be_visible()
    time_is_up(page, booking)
    expect(page.locator("main")).to_contain_text("The time to choose one is over.")
    expect(page.get_by_role("button", name="Confirm new time")).to_have_count(0)


def test_nothing_is_taken_from_somebody_who_chooses(
    page: Any, live_server: Any, complaints: list[str]
) -> None:
    booking = offered()
    page.goto(live_server.url + address(booking, "pick"))
    page.locator(".slot").first.click()
    chosen = page.locator("input[name=slot]:checked").input_value()
    page.evaluate("document.activeElement.blur()")
    time_is_up(page, booking)
    expect(page.locator(".notice--changed")).to_contain_text("This page is out of date.")
    assert page.locator("input[name=slot]:checked").input_value() == chosen
    page.get_by_role("link", name="Show it as it is now").click()
    expect(page.locator("main")).to_contain_text("The time to choose one is over.")


@pytest.mark.parametrize("wait", ["typed", "focus"])
def test_nothing_is_taken_from_somebody_who_writes(
    page: Any, live_server: Any, complaints: list[str], wait: str
) -> None:
    booking = make_booking(now=timezone.now())
    page.goto(live_server.url + address(booking, "report"))
    words = page.get_by_label("Tell Maya what happened")
    words.fill("I waited for 25 minutes." if wait == "typed" else "")
    if wait == "typed":
        page.evaluate("document.activeElement.blur()")
    time_is_up(page, booking)
    expect(page.locator(".notice--changed")).to_be_visible()
    expect(words).to_have_value("I waited for 25 minutes." if wait == "typed" else "")
    assert Axe().run(page).violations_count == 0


def test_a_call_that_can_be_reported_from_now_on_says_so_itself(
    page: Any, live_server: Any, complaints: list[str]
) -> None:
    now = timezone.now()
    booking = make_booking(now=now - timedelta(hours=1), starts_at=now - timedelta(minutes=5))
    page.goto(live_server.url + address(booking, "report"))
    expect(page.locator("h1")).to_contain_text("You can report this call from")
    Booking.objects.filter(pk=booking.pk).update(starts_at=now - timedelta(minutes=16))
    time_is_up(page, booking)
    expect(page.get_by_role("button", name="Report the no-show")).to_be_visible()
