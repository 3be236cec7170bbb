"""The expert's pages in a real browser: where the focus goes, what fails, what is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from bookings.models import Booking, Expert, Offer
from bookings.states import State
from tests.builders import HOUR, make_booking, make_expert, make_follower, offer, report

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def maya() -> Expert:
    return make_expert()


@pytest.fixture
def reported(maya: Expert) -> Booking:
    """The next one to run out, before a second one."""
    for hours, name in ((2, "Tom Okafor"), (9, "Priya Nair")):
        at = timezone.now() - hours * HOUR
        booking = report(make_booking(maya, make_follower(name), now=at), now=at)
    return booking


@pytest.fixture
def desk(page: Any, live_server: Any, maya: Expert, reported: Booking) -> Iterator[Any]:
    """Need action, signed in; afterwards nothing may have been wrong on the way."""
    client = Client()
    client.force_login(maya.user)
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda line: found.append(line.text) if "policy" in line.text else None)
    page.context.add_cookies(
        [
            {"name": name, "value": morsel.value, "url": live_server.url}
            for name, morsel in client.cookies.items()
        ]
    )
    page.goto(f"{live_server.url}/need-action/")
    yield page
    assert found == []


def row(desk: Any, name: str = "Priya Nair") -> Any:
    return desk.locator(".call:not(.call--done)", has_text=name)


def open_reschedule(desk: Any) -> Any:
    row(desk).get_by_role("link", name="Reschedule").click()
    dialog = desk.locator("dialog[open]")
    expect(dialog).to_be_visible()
    return dialog


def test_the_dialog_takes_the_focus_and_gives_it_back(desk: Any) -> None:
    open_reschedule(desk)
    expect(desk.locator("#dialog-title")).to_be_focused()
    assert desk.url.endswith("/need-action/"), "a dialog is no page to come back to"
    desk.keyboard.press("Escape")
    expect(desk.locator("dialog[open]")).to_have_count(0)
    expect(row(desk).get_by_role("link", name="Reschedule")).to_be_focused()


def test_a_mistake_keeps_the_dialog_and_leads_to_the_field(desk: Any) -> None:
    dialog = open_reschedule(desk)
    dialog.get_by_text("Only times I suggest").click()
    dialog.get_by_role("textbox", name="Add a note").fill("So sorry.")
    dialog.get_by_role("button", name="Send link").click()
    summary = dialog.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(dialog.get_by_role("textbox", name="Add a note")).to_have_value("So sorry.")
    summary.get_by_role("link").click()
    expect(desk.locator("#id_slot_1")).to_be_focused()


def test_the_result_takes_the_focus_and_undo_brings_the_row_back(
    desk: Any, reported: Booking
) -> None:
    open_reschedule(desk).get_by_role("button", name="Send link").click()
    result = desk.locator(".call--done")
    expect(result).to_be_focused()
    expect(result).to_contain_text("New time offered to Priya Nair")
    expect(desk.locator("#live")).to_contain_text("Your 72-hour clock has stopped.")
    expect(desk.locator("#need-count")).to_contain_text("1")
    expect(desk.locator("#waiting-count")).to_have_text("1")
    result.get_by_role("button", name="Undo").click()
    expect(row(desk)).to_be_focused()
    expect(desk.locator("#need-count")).to_contain_text("2")
    reported.refresh_from_db()
    assert reported.state == State.NO_SHOW_REPORTED


def test_a_server_error_keeps_what_was_typed(desk: Any) -> None:
    desk.route("**/reschedule/", lambda route: route.fulfill(status=500, body="no"))
    dialog = open_reschedule(desk)
    dialog.get_by_role("textbox", name="Add a note").fill("So sorry.")
    dialog.get_by_role("button", name="Send link").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Nothing was sent.")
    expect(dialog.get_by_role("textbox", name="Add a note")).to_have_value("So sorry.")
    expect(dialog.get_by_role("button", name="Send link")).to_be_enabled()


def test_after_a_lost_connection_trying_again_sends_nothing_twice(desk: Any) -> None:
    dialog = open_reschedule(desk)

    def answer_is_lost(route: Any) -> None:
        route.fetch()
        route.abort("connectionreset")

    desk.route("**/reschedule/", answer_is_lost, times=1)
    dialog.get_by_role("button", name="Send link").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Trying again is safe")
    dialog.get_by_role("button", name="Send link").click()
    expect(desk.locator(".call--done")).to_contain_text("New time offered")
    assert Offer.objects.count() == 1


def test_single_keys_walk_the_list_and_open_dialogs(desk: Any) -> None:
    desk.keyboard.press("j")
    expect(row(desk).get_by_role("link", name="Priya Nair")).to_be_focused()
    desk.keyboard.press("x")
    expect(desk.locator("[data-selected]")).to_have_text("1 selected")
    desk.keyboard.press("j")
    desk.keyboard.press("c")
    expect(desk.locator("#dialog-title")).to_be_focused()
    expect(desk.locator("#dialog-title")).to_have_text("Mark this call as completed?")
    expect(desk.locator("#dialog-lead")).to_contain_text("Tom")
    desk.keyboard.press("Escape")
    expect(desk.locator("dialog[open]")).to_have_count(0)
    desk.keyboard.press("/")
    expect(desk.locator("#q")).to_be_focused()
    desk.keyboard.type("xrc")
    expect(desk.locator("#q")).to_have_value("xrc")
    expect(desk.locator("dialog[open]")).to_have_count(0)


def test_the_list_of_keys_comes_when_it_is_asked_for(desk: Any) -> None:
    row(desk).get_by_role("link", name="Priya Nair").focus()
    expect(desk.locator("dialog")).to_have_count(0)
    desk.keyboard.press("?")
    keys = desk.get_by_role("dialog", name="Keyboard")
    expect(keys).to_contain_text("Mark as completed")
    expect(keys.get_by_role("button", name="Close")).to_be_focused()
    desk.keyboard.press("Escape")
    expect(desk.locator("dialog")).to_have_count(0)
    expect(row(desk).get_by_role("link", name="Priya Nair")).to_be_focused()


def test_htmx_starts_with_the_settings_of_the_site(desk: Any) -> None:
    """Set by a script, before htmx looks at them."""
    config = desk.evaluate("htmx.config")
    assert (config["allowEval"], config["includeIndicatorStyles"]) == (False, False)
    assert (config["historyCacheSize"], config["historyRestoreAsHxRequest"]) == (0, False)
    assert desk.evaluate("document.querySelectorAll('style').length") == 0
    desk.locator("#q").press_sequentially("okaf", delay=30)
    expect(row(desk)).to_have_count(0)
    kept = desk.evaluate("sessionStorage.getItem('htmx-history-cache')")
    assert kept is None, "no page may be kept in the browser"


def test_single_keys_can_be_switched_off(desk: Any, maya: Expert) -> None:
    maya.has_shortcuts = False
    maya.save(update_fields=["has_shortcuts"])
    desk.reload()
    desk.keyboard.press("j")
    desk.keyboard.press("?")
    assert desk.evaluate("document.activeElement === document.body")
    expect(desk.locator("dialog[open]")).to_have_count(0)


def test_a_search_finds_without_moving_the_focus(desk: Any) -> None:
    desk.locator("#q").press_sequentially("okaf", delay=30)
    expect(row(desk)).to_have_count(0)
    expect(row(desk, "Tom Okafor")).to_have_count(1)
    expect(desk.locator("#q")).to_be_focused()
    expect(desk.locator("#live")).to_have_text("1 call for “okaf”")
    assert "q=okaf" in desk.url


def test_words_of_the_countdown_follow_the_clock_of_the_server(desk: Any) -> None:
    """A device whose clock is a day ahead shows the same time left."""
    left = row(desk).locator(".deadline time")
    shown = left.inner_text()
    desk.add_init_script("const real = Date.now; Date.now = () => real() + 86400000;")
    desk.reload()
    desk.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert left.inner_text()[:8] == shown[:8]


def test_the_last_minute_reads_the_same_from_server_and_script(desk: Any) -> None:
    Booking.objects.filter(follower__name="Priya Nair").update(
        deadline_at=timezone.now() + HOUR / 61
    )
    desk.reload()
    left, big = row(desk).locator(".deadline time"), desk.locator(".decide__big time")
    for _ in range(2):
        expect(left).to_have_text("less than a minute left")
        expect(desk.locator("#stats time")).to_have_text("less than a minute")
        desk.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    row(desk).get_by_role("link", name="Priya Nair").click()
    for _ in range(2):
        expect(big).to_have_text("<1min")
        desk.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_every_button_of_a_row_can_be_pressed(desk: Any, live_server: Any) -> None:
    """The name's link covers the row; what acts lies above it."""
    for booking in Booking.objects.all():
        offer(booking, now=timezone.now() - HOUR / 2)
    desk.goto(f"{live_server.url}/need-action/waiting/")
    row(desk).get_by_role("button", name="Resend link").click()
    expect(desk.locator("#live")).to_have_text("Priya Nair gets the link again.")
    row(desk).get_by_role("button", name="Resend link").click()
    expect(row(desk).locator("xpath=..")).to_contain_text("Try again in ten minutes")
    row(desk).get_by_role("link", name="Withdraw offer").click()
    desk.get_by_role("button", name="Withdraw the offer").click()
    expect(desk.locator(".call--done")).to_contain_text("Offer withdrawn")


def test_a_dialog_that_does_not_come_is_not_silent(desk: Any) -> None:
    desk.route("**/reschedule/**", lambda route: route.abort("connectionreset"))
    row(desk).get_by_role("link", name="Reschedule").click()
    expect(desk.locator(".toast")).to_contain_text("We could not load this.")
    desk.keyboard.press("Escape")
    expect(desk.locator(".toast")).to_have_count(0)


def test_a_row_whose_time_runs_out_is_asked_for_again(desk: Any, reported: Booking) -> None:
    left = row(desk).locator(".deadline time")
    with desk.expect_request(f"**/bookings/{reported.code}/row/?from=need_action") as asked:
        left.evaluate("time => { time.dateTime = '2001-01-01T00:00:00Z'; }")
        desk.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert asked.value.response().status == 200
    expect(row(desk).get_by_role("link", name="Reschedule")).to_be_visible()


def test_a_row_whose_time_is_over_is_not_asked_for_without_a_pause(
    desk: Any, reported: Booking
) -> None:
    """Until the sweep has been there, a minute or two."""
    asked: list[str] = []
    desk.on("request", lambda request: asked.append(request.url) if "/row/" in request.url else 0)
    Booking.objects.filter(pk=reported.pk).update(deadline_at=timezone.now())
    row(desk).locator(".deadline time").evaluate("t => { t.dateTime = '2001-01-01T00:00:00Z'; }")
    desk.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(row(desk).locator(".deadline")).to_contain_text("time is up")
    desk.wait_for_timeout(1500)
    assert len(asked) == 1
