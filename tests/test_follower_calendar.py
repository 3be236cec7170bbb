"""The calendar a follower picks from: days, zones, clocks, and odd addresses."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from bookings import slots
from bookings.models import Expert
from tests.builders import (
    make_booking,
    make_expert,
    make_follower,
    offer,
)
from tests.follower_pages import MOMENT, address, lena, offered, read, value, values_on

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Target": "days"}


@pytest.fixture(autouse=True)
def _at_the_moment() -> Any:
    with time_machine.travel(MOMENT, tick=False):
        yield


# --- what the page says ----------------------------------------------------------------------


def test_the_page_speaks_in_the_followers_own_time(client: Client) -> None:
    text = read(client.get(address(offered(), "pick")))
    assert "Private link for Lena" in text
    assert "Sat 22 Nov, 08:30" in text  # the old time, in Berlin
    assert "earlier time, did not happen" in text
    assert "Already paid ₹2,400, nothing more to pay" in text
    assert "Sorry I missed you, Lena." in text
    assert "Berlin (CET), now 10:58" in text
    assert "Maya is in India, 4 h 30 min ahead of you." in text
    assert "If you pick nothing by Sat 6 Dec, 10:58, you get ₹2,400 back automatically." in text


def test_every_free_time_of_the_day_is_there_once(client: Client) -> None:
    booking = offered()
    page = client.get(address(booking, "pick"), {"day": "2025-11-26"})
    on_day = [
        value(start)
        for start in slots.free_for(booking, now=MOMENT)
        if start.date().isoformat() == "2025-11-26"
    ]
    assert values_on(page) == on_day
    assert (
        "checked" not in re.findall(r'<input type="radio" name="slot"[^>]*>', str(page.content))[0]
    )


def test_an_offer_without_a_report_has_no_refund_and_changes_nothing(client: Client) -> None:
    booking = offer(make_booking(follower=lena(), now=MOMENT), now=MOMENT)
    text = read(client.get(address(booking, "pick")))
    assert "Get a refund instead" not in text
    assert "If you pick nothing by Sat 6 Dec, 10:58, nothing changes." in text


def test_a_call_to_come_keeps_its_time_until_another_is_picked(client: Client) -> None:
    booking = make_booking(follower=lena(), now=MOMENT, starts_at=MOMENT + timedelta(days=2))
    text = read(client.get(address(offer(booking, now=MOMENT), "pick")))
    assert "yours until you pick a new one" in text
    assert "earlier time, did not happen" not in text


def test_listed_times_are_the_only_ones(client: Client) -> None:
    starts = [MOMENT.replace(hour=9, minute=0) + timedelta(days=n) for n in (3, 4, 9)]
    booking = offered(mode="listed", slots=starts)
    first = client.get(address(booking, "pick"))
    assert values_on(first) == [value(starts[0])]
    assert "times Maya suggests" in read(first)
    assert values_on(client.get(address(booking, "pick"), {"day": "2025-12-01"})) == [
        value(starts[2])
    ]


# --- day, zone and clock ---------------------------------------------------------------------


def test_another_zone_moves_days_and_times_together(client: Client) -> None:
    path = address(offered(), "pick")
    query = {"tz": "Pacific/Auckland", "day": "2025-11-26", "clock": "12"}
    text = read(client.get(path, query))
    assert "Wednesday 26 November" in text
    assert "5:00 pm" in text  # 09:30 in Kolkata
    assert "Maya is in India, 7 h 30 min behind you." in text
    assert "Sat 22 Nov, 8:30 pm" in text  # the old time follows


def test_the_many_zones_come_apart_and_are_kept_by_the_browser(client: Client) -> None:
    path = address(offered(), "pick")
    page = client.get(path, {"tz": "Asia/Tokyo", "day": "2025-11-26"}).content.decode()
    assert re.findall(r'<option value="([^"]+)"( selected)?', page) == [
        ("Asia/Tokyo", " selected"), ("Europe/Berlin", ""), ("Asia/Kolkata", ""),
    ]  # fmt: skip
    options = client.get("/time-zones/")
    assert '<option value="America/New_York">New York (UTC-05:00)</option>' in (
        options.content.decode()
    )
    assert options["Cache-Control"] == "public, max-age=3600"
    assert "Cookie" not in options.get("Vary", "")
    with_all = re.search(r'href="([^"]+)">All time zones', page)
    assert with_all
    whole = client.get(path + with_all[1].replace("&amp;", "&")).content.decode()
    assert options.content.decode() in whole
    assert "Wednesday 26 November" in whole
    assert "All time zones" not in whole


def test_a_chosen_time_is_kept_when_the_zone_changes(client: Client) -> None:
    path = address(offered(), "pick")
    chosen = "2025-11-26T11:30Z"
    page = client.get(path, {"slot": chosen, "day": "2025-11-26", "tz": "Pacific/Auckland"})
    assert f'value="{chosen}" required checked' in page.content.decode()
    text = read(page)
    assert "Thursday 27 November" in text
    assert "Thu 27 November, 00:30 – 01:30" in text
    assert "Your time in Auckland · Wed 26 Nov, 17:00 for Maya" in text


@pytest.mark.parametrize(
    "query",
    [
        {"tz": "Mars/Olympus"}, {"tz": "../../etc/passwd"}, {"tz": ""}, {"tz": "\x00"},
        {"day": "2025-13-45"}, {"day": "9999-12-31"}, {"day": "0001-01-01"}, {"day": "x" * 5000},
        {"slot": "0001-01-01T00:00Z", "tz": "America/New_York"}, {"slot": "soon"},
        {"slot": "9999-12-31T23:59Z", "tz": "Pacific/Auckland"}, {"clock": "13"},
        {"day": "2025-11-26", "clock": "12", "slot": "2025-11-26T03:01Z"},
    ],
)  # fmt: skip
def test_an_odd_address_still_shows_the_calendar(query: dict[str, str], client: Client) -> None:
    page = client.get(address(offered(), "pick"), query)
    assert page.status_code == 200
    assert values_on(page)


def test_the_device_decides_only_while_nothing_is_known(client: Client) -> None:
    client.cookies["tz"] = "Asia/Calcutta"
    path = address(offered(), "pick")
    assert "Berlin (CET), now 10:58" in read(client.get(path))
    unknown = make_booking(follower=make_follower("Sam", time_zone="UTC"), now=MOMENT)
    path = address(offer(unknown, now=MOMENT), "pick")
    assert "Kolkata (IST), now 15:28" in read(client.get(path))
    client.cookies["tz"] = "Nowhere/Land"
    assert "UTC, now 09:58" in read(client.get(path))


def test_an_hour_that_comes_twice_is_told_apart(client: Client) -> None:
    expert = make_expert(time_zone="Asia/Kolkata", min_notice_minutes=0, window_days=21)
    with time_machine.travel(datetime(2025, 10, 20, 9, tzinfo=UTC), tick=False):
        now = datetime(2025, 10, 20, 9, tzinfo=UTC)
        booking = make_booking(expert, lena(), now=now)
        starts = [
            datetime(2025, 10, 26, 0, 30, tzinfo=UTC),
            datetime(2025, 10, 26, 1, 30, tzinfo=UTC),
        ]
        offer(booking, now=now, mode="listed", slots=starts)
        text = read(client.get(address(booking, "pick")))
    assert "02:30 CEST" in text
    assert "02:30 CET" in text


def test_far_days_are_a_link_away(client: Client) -> None:
    booking = offered()
    Expert.objects.filter(pk=booking.expert_id).update(window_days=80)
    path = address(booking, "pick")
    first = client.get(path).content.decode()
    assert "Later days" in first
    assert "Earlier days" not in first
    later = re.search(r'href="([^"]+)">Later days', first)
    assert later
    second = client.get(path + later[1].replace("&amp;", "&")).content.decode()
    assert "Earlier days" in second


# --- HTMX ------------------------------------------------------------------------------------


def test_htmx_gets_only_the_days_and_the_summary(client: Client) -> None:
    path = address(offered(), "pick")
    page = client.get(path, {"day": "2025-11-26"}, headers=HTMX)
    assert page.content.decode().lstrip().startswith('<div class="days" id="days">')
    assert 'hx-swap-oob="innerHTML"' in page.content.decode()
    assert "HX-Request" in page["Vary"]
    summary = client.get(
        path, {"slot": "2025-11-26T11:30Z"}, headers={**HTMX, "HX-Target": "summary"}
    )
    assert read(summary) == ("Wed 26 November, 12:30 – 13:30 Your time in Berlin · 17:00 for Maya")
