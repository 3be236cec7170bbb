"""Anybody can write an address into a form: a booking shows what was written with it, nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bookings import emails, links
from bookings.models import Booking, Expert, Follower, OutboxEmail, Service, StoredMessage, User
from bookings.slots import free_of
from tests import shoppers
from tests.builders import make_booking, make_service, offer
from tests.follower_pages import PAGES, address, read
from tests.mail_settings import use_mail
from tests.shoppers import EMAIL, assert_sound, buy, shown
from tests.test_import_bookings import LINE, run, write  # noqa: F401 - fixtures

pytestmark = pytest.mark.django_db
expert, no_keys = shoppers.expert, shoppers.no_keys
STORED = ("Lena", "Vogel", "Tokyo", EMAIL)
"""what is kept of her, with the address as she wrote it"""


@pytest.fixture
def lena() -> Follower:
    return Follower.objects.create(
        name="Lena Vogel", email=EMAIL, time_zone="Asia/Tokyo", clock="12"
    )


@pytest.fixture
def bought(no_keys: None, lena: Follower, expert: Expert, client: Client) -> Booking:
    """By somebody who calls themselves otherwise and lives elsewhere."""
    service = make_service(expert, price_minor=0)
    checkout = buy(client, service, name="Tom Okafor", email=EMAIL.upper())
    assert checkout.booking is not None
    return checkout.booking


def unfolded(response: Any) -> str:
    return str(response.content.decode().replace("\r\n ", ""))


def test_page_mail_and_file_show_what_this_buyer_wrote(
    bought: Booking, lena: Follower, client: Client, settings: Any
) -> None:
    use_mail(settings)
    checkout = bought.checkout
    file = unfolded(client.get(f"/checkout/{checkout.key}/call.ics"))
    assert 'CN="Tom Okafor"' in file or "CN=Tom Okafor" in file
    assert f"mailto:{EMAIL.upper()}" in file
    page = shown(client, checkout)
    assert EMAIL.upper() in page
    for stored in STORED:
        assert stored not in file
        assert stored not in page
    for row in OutboxEmail.objects.filter(booking=bought):
        assert emails.deliver_all([row.pk], now=timezone.now())
    to_buyer = StoredMessage.objects.get(to=EMAIL)
    to_expert = StoredMessage.objects.exclude(to=EMAIL).get()
    assert "Hi Tom," in to_buyer.text
    assert "(Berlin)" in to_buyer.text
    assert to_buyer.headers["To"] == f"Tom Okafor <{EMAIL}>"
    assert "Tom Okafor" in to_expert.text + to_expert.subject
    for message in (to_buyer, to_expert):
        written = message.text + message.html + message.calendar + message.subject
        for stored in STORED[:3]:
            assert stored not in written
    lena.refresh_from_db()
    assert (lena.name, lena.time_zone, lena.clock) == ("Lena Vogel", "Asia/Tokyo", "12")
    assert_sound()


def test_the_pages_of_the_call_show_it_too(bought: Booking, client: Client) -> None:
    pages = [address(bought, purpose, name) for purpose, name in PAGES]
    seen = [client.get(page).content.decode() for page in pages]
    client.force_login(bought.expert.user)
    desk = ["/upcoming/", f"/bookings/{bought.code}/"]
    desk += [f"/bookings/{bought.code}/{action}/" for action in ("reschedule", "cancel")]
    seen += [client.get(page).content.decode() for page in desk]
    for page in seen[len(pages) :]:
        assert "Tom" in page
    for page in seen:
        for stored in STORED[:2]:
            assert stored not in page


def test_other_bookings_of_that_address_keep_their_name(
    bought: Booking, lena: Follower, client: Client
) -> None:
    hers = make_booking(bought.expert, lena, now=timezone.now())
    assert (hers.buyer.name, hers.buyer.time_zone) == ("Lena Vogel", "Asia/Tokyo")
    assert (bought.buyer.name, bought.buyer.time_zone) == ("Tom Okafor", "Europe/Berlin")
    assert bought.follower == hers.follower


def test_the_expert_finds_it_by_the_name_that_is_shown(bought: Booking, client: Client) -> None:
    client.force_login(bought.expert.user)
    assert bought.code in client.get("/upcoming/", {"q": "okafor"}).content.decode()
    assert bought.code not in client.get("/upcoming/", {"q": "vogel"}).content.decode()


def test_staff_finds_it_by_either_name_and_sees_both(
    bought: Booking, client: Client, staff: User
) -> None:
    for term in ("Okafor", "vogel", EMAIL):
        assert bought.code in read(client.get("/admin/bookings/booking/", {"q": term})), term
    page = read(client.get(f"/admin/bookings/booking/{bought.pk}/change/"))
    assert "Tom Okafor" in page
    assert "Lena Vogel" in page


def test_somebody_new_is_kept_as_they_wrote_it(
    no_keys: None, expert: Expert, client: Client
) -> None:
    booking = buy(client, make_service(expert, price_minor=0)).booking
    assert booking is not None
    assert (booking.buyer_name, booking.buyer_zone, booking.buyer_clock) == ("", "", "")
    booking.follower.name = "Lena V. Vogel"  # corrected by staff
    booking.follower.save()
    assert Booking.objects.get().buyer.name == "Lena V. Vogel"


def test_a_time_picked_by_private_link_is_shown_in_the_zone_it_was_picked_in(
    bought: Booking, client: Client
) -> None:
    """Who has the link reads the mails of that address: what they choose is theirs to change."""
    Booking.objects.filter(pk=bought.pk).update(buyer_zone="Asia/Dubai", buyer_clock="24")
    offer(bought, now=timezone.now())
    at = free_of(Service.objects.get(), now=timezone.now())[3]
    link = links.current(bought, "pick")
    assert link is not None
    sent = {"slot": f"{at:%Y-%m-%dT%H:%MZ}", "tz": "America/New_York", "clock": "12",
            "request_key": "k" * 20}  # fmt: skip
    assert client.post(address(bought, "pick"), sent).status_code == 302
    buyer = Booking.objects.get().buyer
    assert (buyer.name, buyer.time_zone, buyer.clock) == ("Tom Okafor", "America/New_York", "12")


def test_an_imported_call_keeps_the_name_of_its_line(
    write: Any,  # noqa: F811
    run: Any,  # noqa: F811
    lena: Follower,
) -> None:
    from tests.builders import make_expert

    make_expert(email=LINE["expert_email"])
    changes = {"follower_email": EMAIL, "follower_name": "Tom Okafor"}
    status, out = run(write(changes))
    assert status == 0, out
    booking = Booking.objects.get()
    assert (booking.buyer.name, booking.follower.name) == ("Tom Okafor", "Lena Vogel")
    assert booking.buyer.time_zone == "Asia/Kolkata"
