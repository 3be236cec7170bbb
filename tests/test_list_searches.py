"""What narrows a list and cannot be meant is left out, and said so: for experts and for staff."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from bookings.models import Booking, Expert, User
from tests.builders import make_booking
from tests.follower_pages import read

pytestmark = pytest.mark.django_db
LISTS = ["/need-action/", "/need-action/waiting/", "/completed-calls/", "/upcoming/"]
PAST = "/completed-calls/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def booking(maya: Expert) -> Booking:
    return make_booking(maya, now=timezone.now())


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("length", [81, 301, 4000])
def test_a_long_search_of_an_expert_is_told(desk: Client, path: str, length: int) -> None:
    typed = "x" * length
    said = f"A search has at most 80 characters and yours has {length}, so it was ignored."
    page = desk.get(path, {"q": typed})
    assert (page.status_code, said in read(page)) == (200, True)
    assert f'value="{typed}"' in page.content.decode(), "it can be shortened"
    part = desk.get(path, {"q": typed}, headers=HTMX).content.decode()
    assert part.count(said) == 2, "in the list, and in what is read out"


@pytest.mark.parametrize("path", LISTS)
def test_a_search_that_is_long_enough_is_not(desk: Client, path: str) -> None:
    for query in ({}, {"q": "x" * 80}, {"q": "Priya"}):
        assert "left out" not in read(desk.get(path, query))


def test_dates_the_wrong_way_round_are_told(desk: Client, booking: Booking) -> None:
    said = "The last day is before the first, so both were ignored."
    wrong = {"date_from": "2026-11-26", "date_to": "2026-11-24"}
    page = desk.get(PAST, wrong)
    assert said in read(page)
    assert booking.code in page.content.decode()
    html = page.content.decode()
    assert 'value="2026-11-26"' in html
    assert 'value="2026-11-24"' in html
    assert not any("date" in link["url"] for link in page.context["filters"]), (
        "nothing carries them on"
    )
    assert said in desk.get(PAST, wrong, headers=HTMX).content.decode()
    for right in (wrong | {"date_from": "2026-11-24"}, {"date_to": "2026-11-24"}):
        assert said not in read(desk.get(PAST, right))


@pytest.mark.parametrize(("end", "which"), [("date_from", "first"), ("date_to", "last")])
def test_a_date_that_is_none_is_told(desk: Client, booking: Booking, end: str, which: str) -> None:
    page = desk.get(PAST, {end: "soon"})
    assert f"The {which} day is not a date such as 2026-11-26, so it was ignored." in read(page)
    assert booking.code in page.content.decode()


def test_one_that_is_wrong_leaves_the_others_in_force(desk: Client, booking: Booking) -> None:
    page = desk.get(PAST, {"q": "nobody", "date_from": "2026-11-26", "date_to": "0001-01-01"})
    assert booking.code not in page.content.decode()
    assert "The last day is too far in the past" in read(page)


def test_what_only_links_carry_is_not_told(desk: Client, booking: Booking) -> None:
    page = desk.get(PAST, {"outcome": "nonsense", "after": "x" * 90, "shown": "x"})
    assert "left out" not in read(page)
    assert booking.code in page.content.decode()


# --- staff ------------------------------------------------------------------------------------

ADMIN = ["booking", "refund", "payment", "contest", "outboxemail", "supportrequest", "expert",
         "follower", "user", "checkout", "providerevent"]  # fmt: skip


@pytest.mark.parametrize("name", ADMIN)
def test_a_long_search_of_staff_is_told(client: Client, staff: User, name: str) -> None:
    path, typed = f"/admin/bookings/{name}/", "x" * 301
    said = "A search has at most 254 characters and yours has 301, so it was ignored."
    page = client.get(path, {"q": typed})
    assert (page.status_code, said in read(page)) == (200, True)
    assert f'value="{typed}"' in page.content.decode()
    assert said not in read(client.get(path, {"q": "x" * 254}))
    assert said not in read(client.get(path)), "once"


def test_rows_of_staff_stay_where_a_search_is_left_out(
    client: Client, staff: User, booking: Booking
) -> None:
    path = "/admin/bookings/booking/"
    assert booking.code in client.get(path, {"q": "x" * 300}).content.decode()
    assert booking.code not in client.get(path, {"q": "x" * 200}).content.decode()
