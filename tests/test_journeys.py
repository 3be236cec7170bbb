"""What the customer asked for, lived through in a browser against the running site.

Each journey runs with scripts on and with scripts off. Clocks are real; those that must run out
were set to seconds on their own booking.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.house import Call, House, complaints_of, new_page

pytestmark = pytest.mark.browser
QUICK = {"no_show_window": "20s", "grace": "1s"}


@pytest.fixture(params=[True, False], ids=["scripts", "no-scripts"])
def scripts(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def expert(browser: Any, house: House, scripts: bool) -> Iterator[Page]:
    page = new_page(browser, scripts=scripts)
    complaints = complaints_of(page)
    house.sign_in(page)
    yield page
    assert complaints == []
    page.context.close()


@pytest.fixture
def follower(browser: Any, scripts: bool) -> Iterator[Page]:
    page = new_page(browser, scripts=scripts)
    complaints = complaints_of(page)
    yield page
    assert complaints == []
    page.context.close()


# --- steps ----------------------------------------------------------------------------------


def open_booking(expert: Page, house: House, call: Call, where: str) -> None:
    expert.goto(f"{house.url}/{where}/?q={call.first_name}")
    expert.get_by_role("link", name=call.name).first.click()
    expect(expert.get_by_role("heading", level=1)).to_contain_text(call.name)


def send_link(expert: Page, call: Call) -> None:
    expert.get_by_role("link", name="Reschedule").first.click()
    expert.get_by_role("button", name=f"Send link to {call.first_name}").click()
    expect(expert.locator("main")).to_contain_text(f"New time offered to {call.first_name}")


def mark_held_on_zoom(expert: Page) -> None:
    expert.get_by_role("link", name="Mark as completed").first.click()
    expert.get_by_label("Held somewhere else").check()
    expert.get_by_label("Where did it take place?").select_option("video")
    if not expert.get_by_label("When?").input_value():
        an_hour_ago = datetime.now(ZoneInfo("Asia/Kolkata")) - timedelta(hours=1)
        expert.get_by_label("When?").fill(f"{an_hour_ago:%Y-%m-%dT%H:%M}")
    expert.get_by_role("button", name="Mark as completed").last.click()
    expect(expert.locator("main")).to_contain_text("Marked as completed")


def report_no_show(follower: Page, house: House, call: Call) -> None:
    house.follow_mail(follower, call.email, "Did your call with Maya happen", "report")
    follower.get_by_label("Maya did not join").check()
    follower.get_by_label("Tell Maya").fill("I waited for 25 minutes.")
    follower.get_by_role("button", name="Report the no-show").click()
    expect(follower.get_by_role("button", name="Report the no-show")).to_have_count(0)


def pick_first_time(follower: Page) -> str:
    if follower.locator(".slot").count() == 0:
        follower.locator(".cal a").first.click()
    slot = follower.locator(".slot").first
    label = slot.inner_text()
    slot.click()
    follower.get_by_role("button", name="Confirm new time").click()
    expect(follower.get_by_text("Your new time is set").first).to_be_visible()
    return label


def code_of(expert: Page) -> str:
    found = re.search(r"TM-[0-9A-Z]{7}", expert.inner_text("main"))
    assert found
    return found.group()


# --- journeys -------------------------------------------------------------------------------


def test_a_completed_call_is_rescheduled_before_anybody_asks(
    house: House, expert: Page, follower: Page
) -> None:
    call = house.past_call()
    open_booking(expert, house, call, "completed-calls")
    code, page = code_of(expert), expert.url
    send_link(expert, call)
    house.follow_mail(follower, call.email, "find a new time", "pick")
    pick_first_time(follower)
    house.open_mail(follower, call.email, "Your call with Maya is on")
    expert.goto(page)
    assert code_of(expert) == code
    expert.goto(f"{house.url}/upcoming/")
    expect(expert.get_by_text(call.name).first).to_be_visible()


def test_a_reported_no_show_is_rescheduled_from_need_action(
    house: House, expert: Page, follower: Page
) -> None:
    call = house.past_call()
    report_no_show(follower, house, call)
    house.open_mail(follower, "maya@demo.example", f"{call.first_name} reported a no-show")
    open_booking(expert, house, call, "need-action")
    expect(expert.locator("main")).to_contain_text("I waited for 25 minutes.")
    send_link(expert, call)
    house.follow_mail(follower, call.email, "find a new time", "pick")
    pick_first_time(follower)
    expert.goto(f"{house.url}/need-action/?q={call.first_name}")
    expect(expert.locator("main")).to_contain_text("No calls match")


def test_nobody_answers_and_the_money_goes_back_by_itself(
    house: House, expert: Page, follower: Page
) -> None:
    call = house.past_call(**QUICK)
    report_no_show(follower, house, call)
    house.open_mail(follower, call.email, "refund has started|refund is approved|is approved")
    house.open_mail(follower, "maya@demo.example", f"is going back to {call.first_name}")
    house.follow_mail(follower, call.email, "is with your bank", "status")
    expect(follower.get_by_role("heading", level=1)).to_contain_text(re.compile("refund", re.I))
    expect(follower.locator("main")).to_contain_text("₹2,400")
    expert.goto(f"{house.url}/completed-calls/?q={call.first_name}")
    expect(expert.locator("main")).to_contain_text("Refund")


def test_a_call_held_elsewhere_is_marked_and_never_refunded(
    house: House, expert: Page, follower: Page
) -> None:
    call = house.past_call(no_show_window="30s", grace="1s")
    report_no_show(follower, house, call)
    refunded_at = time.monotonic() + 31
    open_booking(expert, house, call, "need-action")
    page = expert.url
    mark_held_on_zoom(expert)
    house.open_mail(follower, call.email, "Maya says your call took place")

    house.never_mails(call.email, "refund", until=refunded_at)
    expert.goto(page)
    expect(expert.locator("main")).to_contain_text("Completed")


def test_an_offer_nobody_picks_after_a_report_is_refunded(
    house: House, expert: Page, follower: Page
) -> None:
    call = house.past_call(offer_window="15s", grace="1s")
    report_no_show(follower, house, call)
    open_booking(expert, house, call, "need-action")
    send_link(expert, call)
    house.open_mail(follower, call.email, "find a new time")
    house.open_mail(follower, call.email, "refund")
    house.follow_mail(follower, call.email, "find a new time", "pick")
    expect(follower.locator("main")).to_contain_text(re.compile("refund", re.I))


def test_an_undone_offer_sends_nothing(house: House, expert: Page, follower: Page) -> None:
    call = house.past_call(undo_window="30s")
    open_booking(expert, house, call, "completed-calls")
    page = expert.url
    send_link(expert, call)
    expert.get_by_role("button", name="Undo").first.click()
    expect(expert.locator("main")).to_contain_text(re.compile("cancelled|undone", re.I))
    expert.goto(page)
    expect(expert.get_by_role("link", name="Reschedule").first).to_be_visible()
    house.never_mails(call.email, "new time", until=time.monotonic() + 33)


def test_a_follower_contests_a_mark(house: House, expert: Page, follower: Page) -> None:
    call = house.past_call()
    open_booking(expert, house, call, "completed-calls")
    mark_held_on_zoom(expert)
    house.follow_mail(follower, call.email, "Maya says your call took place", "contest")
    follower.get_by_label("Not right?").fill("We never spoke, not on Zoom either.")
    follower.get_by_role("button", name="Tell us it is not right").click()
    expect(follower.locator("main")).to_contain_text("decide")
    house.open_mail(follower, "maya@demo.example", call.first_name + " says the call was not")
    house.open_mail(follower, call.email, "looking into")


def test_the_follower_takes_the_money_instead(house: House, expert: Page, follower: Page) -> None:
    call = house.past_call()
    report_no_show(follower, house, call)
    open_booking(expert, house, call, "need-action")
    send_link(expert, call)
    house.follow_mail(follower, call.email, "find a new time", "pick")
    follower.get_by_role("link", name="Get a refund instead").click()
    follower.get_by_role("button", name=re.compile("refund", re.I)).click()
    expect(follower.get_by_role("heading", level=1)).to_contain_text(re.compile("refund", re.I))
