"""Whether somebody new reads 6:00 pm or 18:00: by the languages of their browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
import time_machine
from babel import Locale
from django.test import Client

from bookings.models import Expert, Follower
from bookings.presenters.picker import usual_clock
from tests import shoppers
from tests.builders import make_follower, make_service
from tests.follower_pages import MOMENT, address, offered, read
from tests.shoppers import buy

expert, no_keys = shoppers.expert, shoppers.no_keys
COMMON = [
    "en",
    "en-US",
    "en-GB",
    "en-IN",
    "en-AU",
    "en-CA",
    "en-IE",
    "en-DE",
    "de",
    "de-AT",
    "fr",
    "fr-CA",
    "es",
    "es-MX",
    "es-ES",
    "es-CO",
    "es-CL",
    "es-419",
    "pt",
    "pt-BR",
    "it",
    "nl",
    "sv",
    "da",
    "nb",
    "pl",
    "cs",
    "ru",
    "uk",
    "tr",
    "el",
    "he",
    "ar",
    "ar-EG",
    "ar-SA",
    "ar-MA",
    "fa",
    "hi",
    "hi-IN",
    "bn",
    "ta",
    "te",
    "mr",
    "gu",
    "kn",
    "ml",
    "pa",
    "ur-PK",
    "zh-CN",
    "zh-TW",
    "zh-HK",
    "ja",
    "ko",
    "th",
    "vi",
    "id",
    "ms",
    "fil",
    "my",
    "ne",
    "si",
    "am",
    "sw",
    "so",
]


@pytest.mark.parametrize("tag", COMMON)
def test_a_language_reads_the_time_as_unicode_says(tag: str) -> None:
    pattern = re.sub("'[^']*'", "", Locale.parse(tag, sep="-").time_formats["short"].pattern)
    assert usual_clock(tag) == ("24" if re.search("[Hk]", pattern) else "12")


@pytest.mark.parametrize(
    ("header", "clock"),
    [
        ("", "24"),
        ("*", "24"),
        ("en-US,en;q=0.9", "12"),
        ("de-DE,de;q=0.9,en-US;q=0.8", "24"),
        ("de;q=0.5,en-US;q=0.9", "12"),
        ("*, en-US", "12"),
        ("en-US;q=0, de", "24"),
        ("EN-us", "12"),
        ("en-Latn-US", "12"),
        ("en-001", "12"),
        ("tlh", "24"),
        ("xx-YY", "24"),
        ("\x00", "24"),
        (";;q=,,-", "24"),
        ("en-US," * 5000, "12"),
        ("a" * 100_000, "24"),
    ],
)
def test_what_browsers_and_others_send(header: str, clock: str) -> None:
    assert usual_clock(header) == clock


# --- buyers -----------------------------------------------------------------------------------


def clock_on(page: Any) -> str:
    found = re.search(r'<input type="hidden" name="clock" value="(\d+)">', page.content.decode())
    assert found
    return found[1]


@pytest.mark.django_db
def test_a_new_buyer_reads_their_own_clock_and_may_change_it(
    no_keys: None, expert: Expert, client: Client
) -> None:
    url = f"/with/{expert.slug}/{make_service(expert).pk}/"
    american = {"headers": {"Accept-Language": "en-US,en;q=0.9"}}
    assert clock_on(client.get(url)) == "24"
    assert clock_on(client.get(url, **american)) == "12"
    assert re.search(r"\d [ap]m</span>", client.get(url, **american).content.decode())
    assert clock_on(client.get(url, {"clock": "24"}, **american)) == "24"
    assert clock_on(client.get(url, {"clock": "13"}, **american)) == "12"
    assert "Accept-Language" in client.get(url).headers["Vary"]


@pytest.mark.django_db
def test_the_clock_is_kept_with_the_zone(no_keys: None, expert: Expert, client: Client) -> None:
    checkout = buy(client, make_service(expert), clock="12")
    assert (checkout.clock, checkout.time_zone) == ("12", "Europe/Berlin")
    client.post(f"/checkout/{checkout.key}/pay/")
    assert Follower.objects.get().clock == "12"
    assert re.search(r"\d [ap]m to ", read(client.get(f"/checkout/{checkout.key}/")))


@pytest.mark.django_db
def test_a_follower_of_whom_no_zone_is_known_reads_the_clock_of_their_language(
    client: Client,
) -> None:
    american = {"headers": {"Accept-Language": "en-US"}}
    with time_machine.travel(MOMENT, tick=False):
        booking = offered()
        assert clock_on(client.get(address(booking, "pick"), **american)) == "24", "lena chose it"
        new = make_follower(time_zone="UTC")
        type(booking).objects.filter(pk=booking.pk).update(follower=new)
        assert clock_on(client.get(address(booking, "pick"), **american)) == "12"
        assert clock_on(client.get(address(booking, "pick"))) == "24"
