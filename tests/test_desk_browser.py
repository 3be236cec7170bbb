"""A desk that stays open: what changes while somebody sits before it, and what fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from bookings import formats, lifecycle
from bookings.models import Booking, Expert, NoShowReport, Offer
from bookings.states import State
from tests.builders import (
    DAY,
    FOLLOWER,
    HOUR,
    PASSWORD,
    expert_of,
    make_booking,
    make_expert,
    make_follower,
    offer,
    report,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LONG = "Wolfeschlegelsteinhausenbergerdorff" * 2
BROKEN_WORDS = """() => [...document.querySelectorAll("dialog[open] .btn, .dialog__foot .btn, .decide__do .btn, .act .btn")]
  .filter(button => button.offsetParent).flatMap(button => {
    const found = [], texts = document.createTreeWalker(button, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode()) for (const word of text.data.matchAll(/\\S+/g)) {
      const range = document.createRange();
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map(line => Math.round(line.top))).size > 1) found.push(word[0]);
    }
    return found;
  })"""
TOO_WIDE = """() => [...document.querySelectorAll("dialog[open] .btn, .dialog__foot .btn, .decide__do .btn")]
  .filter(button => button.offsetParent && button.getBoundingClientRect().right > innerWidth + .5)
  .map(button => button.textContent.trim())"""


@pytest.fixture
def maya(transactional_db: None) -> Expert:
    return make_expert(email="maya@example.com")


def reported(maya: Expert, name: str, hours: float) -> Booking:
    at = timezone.now() - hours * HOUR
    return report(make_booking(maya, make_follower(name), now=at), now=at)


@pytest.fixture
def priya(maya: Expert) -> Booking:
    return reported(maya, "Priya Nair", 9)


@pytest.fixture
def tom(maya: Expert) -> Booking:
    return reported(maya, "Tom Okafor", 3)


@pytest.fixture
def desk(page: Any, live_server: Any, maya: Expert, priya: Booking, tom: Booking) -> Iterator[Any]:
    """Need action, signed in, on a device whose clock can be put forward."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda line: found.append(line.text) if "policy" in line.text else None)
    sign_in(page, live_server, maya)
    page.clock.install()
    page.goto(f"{live_server.url}/need-action/")
    yield page
    assert found == []


def sign_in(page: Any, live_server: Any, expert: Expert) -> None:
    client = Client()
    client.force_login(expert.user)
    page.context.add_cookies(
        [
            {"name": name, "value": morsel.value, "url": live_server.url}
            for name, morsel in client.cookies.items()
        ]
    )


def row(desk: Any, name: str = "Priya Nair") -> Any:
    return desk.locator("#list li", has_text=name)


def poll(desk: Any) -> None:
    """A minute later."""
    with desk.expect_response("**/need-action/count/**"):
        desk.clock.fast_forward(61_000)


def changed(desk: Any) -> Any:
    return desk.locator(".notice--changed")


def due(booking: Booking) -> None:
    Booking.objects.filter(pk=booking.pk).update(deadline_at=timezone.now())


# --- the list and what counts it ----------------------------------------------------------------


def test_a_call_that_comes_in_is_said_and_not_put_under_the_hands(desk: Any, maya: Expert) -> None:
    desk.locator("#q").focus()
    reported(maya, "Lena Hartmann", 1)
    poll(desk)
    expect(changed(desk)).to_contain_text("The list has changed.")
    expect(row(desk, "Lena Hartmann")).to_have_count(0)
    expect(desk.locator("#need-count")).to_contain_text("3")
    expect(desk.locator("#turn-count")).to_have_text("3")
    expect(desk.locator("#stats")).to_contain_text("₹7,200")
    expect(desk).to_have_title(re.compile(r"^Need action \(3\)"))
    expect(desk.locator("#q")).to_be_focused()
    expect(desk.locator("#live")).to_be_empty()
    assert Axe().run(desk).violations_count == 0
    changed(desk).get_by_role("link", name="Show it as it is now").click()
    expect(row(desk, "Lena Hartmann")).to_have_count(1)
    expect(changed(desk)).to_have_count(0)


def test_it_is_said_on_an_empty_desk_too(desk: Any, maya: Expert) -> None:
    for booking in Booking.objects.all():
        lifecycle.refund_now(booking.pk, actor=expert_of(booking), now=timezone.now() - HOUR)
    desk.reload()
    expect(desk.get_by_role("heading", name="Nothing needs you right now")).to_be_visible()
    reported(maya, "Lena Hartmann", 1)
    poll(desk)
    expect(changed(desk)).to_be_visible()
    expect(desk.locator("#lead")).to_contain_text("These followers say")


def test_a_row_that_is_settled_elsewhere_loses_its_buttons(desk: Any, priya: Booking) -> None:
    row(desk).locator(".check").check()
    lifecycle.withdraw_report(priya.pk, actor=FOLLOWER, now=timezone.now())
    poll(desk)
    expect(row(desk)).to_contain_text("Not confirmed")
    expect(row(desk).locator(".act")).to_be_empty()
    expect(row(desk).locator(".check")).to_have_count(0)
    expect(row(desk, "Tom Okafor").get_by_role("link", name="Reschedule")).to_be_visible()
    expect(desk.locator("#need-count")).to_contain_text("1")
    expect(changed(desk)).to_be_visible()
    with desk.expect_response("**/need-action/count/**"):
        desk.clock.fast_forward(61_000)
    expect(row(desk)).to_have_count(1)


def test_the_focus_stays_in_a_row_that_is_settled(desk: Any, priya: Booking) -> None:
    row(desk).get_by_role("link", name="Reschedule").focus()
    lifecycle.withdraw_report(priya.pk, actor=FOLLOWER, now=timezone.now())
    poll(desk)
    expect(row(desk).get_by_role("link", name="Priya Nair")).to_be_focused()


def test_one_for_another_is_a_change_though_the_number_is_the_same(
    desk: Any, maya: Expert, priya: Booking
) -> None:
    lifecycle.withdraw_report(priya.pk, actor=FOLLOWER, now=timezone.now())
    reported(maya, "Lena Hartmann", 1)
    poll(desk)
    expect(changed(desk)).to_be_visible()
    expect(row(desk).locator(".act")).to_be_empty()


def test_what_one_did_oneself_is_no_change(desk: Any) -> None:
    row(desk).get_by_role("link", name="Reschedule").click()
    desk.get_by_role("button", name="Send link").click()
    expect(desk.locator(".call--done")).to_contain_text("New time offered to Priya Nair")
    poll(desk)
    expect(desk.locator("#need-count")).to_contain_text("1")
    expect(changed(desk)).to_have_count(0)
    expect(desk.locator(".call--done")).to_be_visible()


def test_a_dialog_that_is_open_stays_as_it_is(desk: Any, maya: Expert, priya: Booking) -> None:
    row(desk).get_by_role("link", name="Reschedule").click()
    note = desk.get_by_role("textbox", name="Add a note")
    note.fill("So sorry.")
    lifecycle.withdraw_report(priya.pk, actor=FOLLOWER, now=timezone.now())
    poll(desk)
    expect(changed(desk)).to_be_attached()
    expect(note).to_have_value("So sorry.")
    expect(note).to_be_focused()


def test_the_waiting_list_does_the_same(desk: Any, live_server: Any, priya: Booking) -> None:
    for booking in Booking.objects.all():
        offer(booking, now=timezone.now() - HOUR)
    desk.goto(f"{live_server.url}/need-action/waiting/")
    priya.refresh_from_db()
    lifecycle.refund_instead(priya.pk, actor=FOLLOWER, now=timezone.now())
    poll(desk)
    expect(changed(desk)).to_be_visible()
    expect(row(desk).locator(".act")).to_be_empty()
    expect(desk.locator("#waiting-count")).to_have_text("1")
    expect(desk.locator("#stats")).to_contain_text("₹2,400")


def test_a_search_shows_what_it_found_and_says_when_the_number_is_another(
    desk: Any, live_server: Any, maya: Expert
) -> None:
    desk.goto(f"{live_server.url}/need-action/?q=okafor")
    poll(desk)
    expect(changed(desk)).to_have_count(0)
    reported(maya, "Lena Hartmann", 1)
    poll(desk)
    expect(changed(desk)).to_be_visible()


def test_a_link_that_ends_takes_the_buttons_of_its_row_with_it(
    desk: Any, live_server: Any, priya: Booking
) -> None:
    offer(priya, now=timezone.now() - HOUR)
    desk.goto(f"{live_server.url}/need-action/waiting/")
    due(priya)
    row(desk).evaluate("row => { row.dataset.until = '2001-01-01T00:00:00Z'; }")
    desk.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(row(desk)).to_contain_text("Link ending")
    expect(row(desk).locator(".act")).to_be_empty()


def test_a_list_without_deadlines_says_when_it_is_out_of_date(
    desk: Any, live_server: Any, maya: Expert
) -> None:
    make_booking(maya, now=timezone.now(), starts_at=timezone.now() + HOUR)
    desk.goto(f"{live_server.url}/upcoming/")
    expect(changed(desk)).to_have_count(0)
    desk.clock.fast_forward(3_700_000)
    expect(changed(desk)).to_contain_text("The list has changed.")


# --- the page of a booking ----------------------------------------------------------------------


def out_of_date(desk: Any) -> None:
    """As if the moment had come that the page names."""
    desk.evaluate(
        """() => { for (const it of document.querySelectorAll("[data-until]")) it.dataset.until = "2001-01-01T00:00:00Z";
        document.dispatchEvent(new Event("visibilitychange")); }"""
    )


def test_the_page_of_a_booking_shows_itself_again_when_its_time_is_up(
    desk: Any, priya: Booking, live_server: Any
) -> None:
    desk.goto(f"{live_server.url}/bookings/{priya.code}/")
    button = desk.locator(".decide__do").get_by_role("link", name="Reschedule")
    expect(button).to_be_visible()
    button.focus()
    due(priya)
    out_of_date(desk)
    expect(desk.locator(".decide__do")).to_have_count(0)
    expect(desk.locator(".decide__big")).to_have_text("Refund starting")
    expect(desk.locator("#booking")).not_to_contain_text("If you do nothing")
    expect(desk.locator("#h-panel")).to_be_focused()
    expect(desk.locator("#live")).to_have_text("The time is up: Refund starting")
    assert Axe().run(desk).violations_count == 0
    lifecycle.run_deadline(priya.pk, state=State.NO_SHOW_REPORTED, now=timezone.now() + HOUR)
    desk.locator("body").evaluate("body => document.activeElement.blur()")
    desk.clock.fast_forward(31_000)
    expect(desk.locator(".title-row .chip")).to_have_text("Refund on its way")


def test_it_asks_once_where_the_clock_of_the_device_runs_ahead(
    desk: Any, priya: Booking, live_server: Any
) -> None:
    asked: list[str] = []
    desk.goto(f"{live_server.url}/bookings/{priya.code}/")
    desk.on("request", lambda request: asked.append(request.url))
    desk.clock.fast_forward(70 * 3_600_000)
    expect(desk.locator(".decide__big")).to_have_text("Refund starting")
    desk.wait_for_timeout(1500)
    assert len([url for url in asked if url.endswith(f"/bookings/{priya.code}/")]) == 1


def test_a_dialog_above_it_is_not_closed_and_its_focus_finds_a_way_back(
    desk: Any, priya: Booking, live_server: Any
) -> None:
    desk.goto(f"{live_server.url}/bookings/{priya.code}/")
    desk.locator(".decide__do").get_by_role("link", name="Mark as completed").click()
    note = desk.get_by_role("textbox", name="Anything to add?")
    note.fill("We spoke.")
    due(priya)
    out_of_date(desk)
    expect(desk.locator(".decide__do")).to_have_count(0)
    expect(note).to_have_value("We spoke.")
    desk.keyboard.press("Escape")
    expect(desk.locator("dialog[open]")).to_have_count(0)
    assert desk.evaluate("document.activeElement !== document.body")


# --- failures -----------------------------------------------------------------------------------


def test_offline_after_an_earlier_mistake_the_alert_is_seen_and_the_mistake_is_gone(
    desk: Any,
) -> None:
    desk.set_viewport_size({"width": 1280, "height": 500})
    row(desk).get_by_role("link", name="Reschedule").click()
    dialog = desk.locator("dialog[open]")
    dialog.get_by_text("Only times I suggest").click()
    dialog.get_by_role("button", name="Send link").click()
    expect(dialog.locator(".errors")).to_contain_text("Add at least 2 free times")
    expect(dialog.locator(".field__error")).to_have_count(1)
    dialog.get_by_text("My availability").click()
    desk.route("**/reschedule/", lambda route: route.abort("internetdisconnected"))
    dialog.get_by_role("textbox", name="Add a note").fill("So sorry.")
    dialog.get_by_role("button", name="Send link").click()
    alert = dialog.get_by_role("alert")
    expect(alert).to_have_count(1)
    expect(alert).to_contain_text("We lost the connection")
    expect(alert).to_be_in_viewport(ratio=1)
    expect(dialog.locator(".errors, .field__error, [aria-invalid]")).to_have_count(0)
    expect(dialog.get_by_role("textbox", name="Add a note")).to_have_value("So sorry.")
    assert Axe().run(desk).violations_count == 0
    dialog.get_by_role("button", name="Send link").click()
    expect(alert).to_have_count(1)
    desk.unroute("**/reschedule/")
    dialog.get_by_role("button", name="Send link").click()
    expect(desk.locator(".call--done")).to_contain_text("New time offered")


def test_what_the_page_asks_by_itself_fails_without_a_word(desk: Any) -> None:
    """Nothing of the dialog was sent, so nothing is said of it."""
    row(desk).get_by_role("link", name="Reschedule").click()
    dialog = desk.locator("dialog[open]")
    expect(dialog).to_be_visible()
    desk.route("**/need-action/count/**", lambda route: route.abort("internetdisconnected"))
    with desk.expect_event("requestfailed"):
        desk.clock.fast_forward(61_000)
    expect(dialog.get_by_role("alert")).to_have_count(0)
    expect(desk.locator(".toast")).to_have_count(0)


# --- signed out, or signed in again, in another tab ---------------------------------------------


def test_signed_out_in_another_tab_the_note_is_there_again(
    desk: Any, maya: Expert, priya: Booking, live_server: Any
) -> None:
    row(desk).get_by_role("link", name="Reschedule").click()
    desk.get_by_role("textbox", name="Add a note").fill("So sorry, Priya.")
    other = desk.context.new_page()
    other.goto(f"{live_server.url}/account/")
    other.get_by_role("button", name="Sign out").last.click()
    other.wait_for_url("**/sign-in/")  # to close a page that is on its way may take for ever
    other.close()
    desk.get_by_role("button", name="Send link").click()
    desk.wait_for_url("**/sign-in/**")
    expect(desk.locator("main")).to_contain_text("you will find what you typed again")
    assert Axe().run(desk).violations_count == 0
    desk.get_by_label("E-mail").fill("maya@example.com")
    desk.get_by_label("Password", exact=True).fill(PASSWORD)
    desk.get_by_role("button", name="Sign in").click()
    expect(desk.get_by_role("textbox", name="Add a note")).to_have_value("So sorry, Priya.")
    expect(desk.locator(".notice")).to_contain_text("What you typed is still here")
    desk.get_by_role("button", name="Send link").click()
    expect(desk.locator(".notice")).to_contain_text("New time offered to Priya Nair")
    assert desk.url.endswith("/need-action/"), "back to the list the dialog was opened from"
    assert Offer.objects.get().note == "So sorry, Priya."


def test_signed_in_again_in_another_tab_the_form_can_be_opened_again(
    desk: Any, priya: Booking, live_server: Any
) -> None:
    row(desk).get_by_role("link", name="Reschedule").click()
    desk.get_by_role("textbox", name="Add a note").fill("So sorry, Priya.")
    other = desk.context.new_page()
    other.goto(f"{live_server.url}/account/")
    other.get_by_role("button", name="Sign out").last.click()
    other.goto(f"{live_server.url}/sign-in/")
    other.get_by_label("E-mail").fill("maya@example.com")
    other.get_by_label("Password", exact=True).fill(PASSWORD)
    other.get_by_role("button", name="Sign in").click()
    other.wait_for_url("**/need-action/")
    other.close()
    desk.get_by_role("button", name="Send link").click()
    alert = desk.locator("dialog[open]").get_by_role("alert")
    expect(alert).to_contain_text("We have kept what you typed.")
    expect(desk.get_by_role("textbox", name="Add a note")).to_have_value("So sorry, Priya.")
    alert.get_by_role("link", name="Open the form again").click()
    expect(desk.get_by_role("textbox", name="Add a note")).to_have_value("So sorry, Priya.")
    desk.get_by_role("button", name="Send link").click()
    expect(desk.locator(".notice")).to_contain_text("New time offered to Priya Nair")


# --- how it looks -------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1280, 768, 390, 320])
@pytest.mark.parametrize("name", ["Priya Nair", LONG])
def test_no_button_of_a_dialog_breaks_inside_of_a_word(
    page: Any, live_server: Any, maya: Expert, width: int, name: str
) -> None:
    now = timezone.now()
    waiting = offer(reported(maya, name, 30), now=now - HOUR)
    coming = make_booking(maya, make_follower(name), now=now, starts_at=now + DAY)
    past = reported(maya, name, 9)
    sign_in(page, live_server, maya)
    page.set_viewport_size({"width": width, "height": 800})
    for booking, actions in (
        (past, ("reschedule", "mark-completed", "refund")),
        (coming, ("reschedule", "cancel")),
        (waiting, ("withdraw-offer",)),
    ):
        url = f"{live_server.url}/bookings/{booking.code}/"
        page.goto(url)
        assert shown_wrongly(page, name) == [], booking
        for action in actions:
            page.goto(url)
            page.locator(f'a[hx-get*="/{action}/"] >> visible=true').first.click()
            page.locator("dialog[open]").wait_for()
            assert shown_wrongly(page, name) == [], action
            page.goto(f"{url}{action}/")
            assert shown_wrongly(page, name) == [], f"{action} as a page"


def shown_wrongly(page: Any, name: str) -> list[str]:
    """Broken words, but for a name that no line is long enough for; and buttons that stand out."""
    broken = [word for word in page.evaluate(BROKEN_WORDS) if word != name]
    return broken + list(page.evaluate(TOO_WIDE))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_entry_for_the_theme_is_for_the_one_that_is_not_there(
    browser: Any, browser_context_args: Any, live_server: Any, maya: Expert, scheme: str
) -> None:
    context = browser.new_context(**browser_context_args, color_scheme=scheme)
    page = context.new_page()
    sign_in(page, live_server, maya)
    page.goto(f"{live_server.url}/need-action/")
    other = "light" if scheme == "dark" else "dark"
    for word in (other, scheme, other):
        before = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.locator(".menu summary").click()
        entry = page.get_by_role("button", name=re.compile("Switch to .* theme"))
        expect(entry).to_have_count(1)
        expect(entry).to_have_text(f"Switch to {word} theme")
        entry.click()
        expect(page.locator("html")).to_have_attribute("data-theme", word)
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    context.close()


def test_several_offers_are_taken_back_by_one_button(desk: Any) -> None:
    for name in ("Priya Nair", "Tom Okafor"):
        row(desk, name).locator(".check").check()
    desk.get_by_role("button", name="Send reschedule links").click()
    desk.get_by_role("button", name="Send 2 links").click()
    notice = desk.locator(".notice")
    expect(notice).to_contain_text("New times offered to Priya Nair and Tom Okafor.")
    notice.get_by_role("button", name="Undo all").click()
    expect(notice).to_contain_text("Links cancelled.")
    expect(desk.locator("#need-count")).to_contain_text("2")
    assert NoShowReport.objects.filter(outcome="open").count() == 2


def test_the_planned_time_stands_in_the_field_when_a_call_is_marked_as_held(
    desk: Any, priya: Booking
) -> None:
    row(desk).get_by_role("link", name="Mark as completed").click()
    desk.get_by_text("Held as planned").click()
    local = formats.local(priya.starts_at, "Asia/Kolkata")
    expect(desk.get_by_label("When?")).to_have_value(f"{local:%Y-%m-%dT%H:%M}")
    desk.locator("dialog").get_by_role("button", name="Mark as completed").click()
    expect(desk.locator(".call--done")).to_contain_text("Marked as completed: Priya Nair")
