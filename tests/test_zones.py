"""Zones go by the names they have today, whatever a browser or a file calls them."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from bookings import links, zones
from bookings.forms.zones import ZoneSelect, zone_choices
from bookings.models import validate_time_zone
from bookings.presenters.picker import likely
from tests.builders import make_booking, make_follower, offer

WINTER = datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("older", "today"),
    [
        ("Asia/Calcutta", "Asia/Kolkata"),
        ("Europe/Kiev", "Europe/Kyiv"),
        ("US/Pacific", "America/Los_Angeles"),
        ("Europe/Oslo", "Europe/Oslo"),  # keeps its own name, though its clocks are Berlin's
        ("UTC", "UTC"),
        ("No/Where", "No/Where"),
    ],
)
def test_an_older_name_leads_to_todays(older: str, today: str) -> None:
    assert zones.todays_name(older) == today


def test_the_list_has_each_place_once_and_no_older_name() -> None:
    listed = [zone for _, group in zone_choices(current="UTC", now=WINTER) for zone, _ in group]
    assert len(listed) == len(set(listed)) > 400
    assert {"Asia/Kolkata", "Europe/Kyiv", "Europe/Oslo", "America/Argentina/Ushuaia"} <= {*listed}
    assert not {"Asia/Calcutta", "Europe/Kiev", "Australia/ACT", "America/Knox_IN"} & {*listed}


def test_a_place_is_offered_once_under_both_its_names() -> None:
    found = likely(["Asia/Calcutta", "Asia/Kolkata"], chosen="Asia/Kolkata", clock="24", now=WINTER)
    assert [option["name"] for option in found] == ["Asia/Kolkata"]


@pytest.mark.parametrize("chosen", ["Europe/Berlin", "UTC", "Mars/<Base>", "", None])
def test_the_select_says_what_djangos_own_would_say(chosen: str | None) -> None:
    current = chosen or "Asia/Kolkata"
    choices, attrs = zone_choices(current=current, now=WINTER), {"id": "id_zone", "required": True}
    ours, djangos = (
        re.sub(r">\s+<", "><", kind(choices=choices).render("zone", chosen, attrs).strip())
        for kind in (ZoneSelect, forms.Select)
    )
    assert ours.count("<option") > 400
    assert ours == djangos


def test_a_list_of_zones_is_packed_for_who_takes_it_so(client: Client) -> None:
    plain = client.get("/time-zones/")
    packed = client.get("/time-zones/", headers={"Accept-Encoding": "br, gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain.content
    assert len(packed.content) < len(plain.content) / 3
    assert {"Content-Encoding"} & {*plain.headers} == set()
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"


@pytest.mark.django_db
def test_a_follower_whose_browser_uses_an_older_name_reads_todays(client: Client) -> None:
    now = timezone.now()
    follower = make_follower(time_zone="UTC")
    booking = offer(make_booking(follower=follower, now=now), now=now)
    link = links.current(booking, "pick")
    assert link is not None
    client.cookies["tz"] = "Asia/Calcutta"

    html = client.get(links.url(link)).content.decode()

    assert "Kolkata (IST)" in html
    assert "Calcutta" not in html


@pytest.mark.parametrize("name", ["localtime", "Factory", "", "../etc/passwd", "Europe/berlin"])
def test_what_is_no_place_is_no_zone(name: str) -> None:
    assert not zones.is_known(name)
    with pytest.raises(ValidationError):
        validate_time_zone(name)
