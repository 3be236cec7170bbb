"""What staff looks for is found, and no search and no queue reads a table as a whole."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from bookings import lifecycle
from bookings.models import Booking, Payment, Refund, SupportRequest, User
from bookings.states import State
from tests.builders import (
    NOW,
    expert_of,
    make_booking,
    make_expert,
    make_follower,
    make_in_state,
)
from tests.plans import whole_reads
from tests.shoppers import make_checkout, make_event

pytestmark = pytest.mark.django_db
WITH_BOOKING = ["refund", "payment", "contest", "outboxemail", "checkout", "supportrequest"]


def make_all_rows(number: int) -> Booking:
    """A booking with a row in each table that staff searches."""
    contested = make_in_state(State.CONTESTED)
    booking = lifecycle.refund_now(contested.pk, actor=expert_of(contested), now=NOW)
    Refund.objects.filter(booking=booking).update(
        provider_refund_id=f"re_{number}", reference=f"BANK {number}"
    )
    make_checkout(
        booking=booking, state="paid", request_key=f"form {number}", provider_ref=f"cs_{number}",
        email=f"buyer{number}@example.com",
    )  # fmt: skip
    SupportRequest.objects.create(expert=booking.expert, booking=booking, subject="s", message="m")
    make_event(event_id=f"evt_{number}", body_sha256=str(number), kind=f"kind.{number}")
    return booking


def found(client: Client, name: str, term: str) -> list[Any]:
    page = client.get(reverse(f"admin:bookings_{name}_changelist"), {"q": term})
    assert page.status_code == 200
    return list(page.context["cl"].result_list)


def reads(client: Client, name: str, **query: str) -> list[str]:
    path = reverse(f"admin:bookings_{name}_changelist")
    return whole_reads(lambda: client.get(path, query))


# --- by code ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WITH_BOOKING)
def test_the_rows_of_a_booking_are_found_by_its_code(
    client: Client, staff: User, name: str
) -> None:
    wanted, _ = make_all_rows(1), make_all_rows(2)
    rows = found(client, name, f" {wanted.code.lower()} ")
    assert rows
    assert {row.booking for row in rows} == {wanted}
    assert found(client, name, "TM-2222222") == []


@pytest.mark.parametrize("name", ["booking", *WITH_BOOKING])
def test_a_search_by_code_reads_no_table_as_a_whole(client: Client, staff: User, name: str) -> None:
    booking = make_all_rows(1)
    assert not reads(client, name, q=booking.code)
    assert not reads(client, name, q="tm-2222222")


# --- by other names -----------------------------------------------------------------------------

NAMES = [
    ("refund", "re_1"),
    ("refund", "bank 1"),
    ("checkout", "cs_1"),
    ("checkout", "Buyer1@example.com"),
    ("providerevent", "evt_1"),
    ("providerevent", "Kind.1"),
]


@pytest.mark.parametrize(("name", "term"), NAMES)
def test_a_row_is_found_by_a_name_of_its_own(
    client: Client, staff: User, name: str, term: str
) -> None:
    make_all_rows(1), make_all_rows(2)
    assert len(found(client, name, term)) == 1
    assert found(client, name, f"{term} and more") == []
    assert not reads(client, name, q=term)


def test_a_payment_is_found_by_its_providers_id(client: Client, staff: User) -> None:
    booking, _ = make_booking(payment_ref="pi_7"), make_booking(payment_ref="pi_8")
    assert found(client, "payment", "pi_7") == [Payment.objects.get(booking=booking)]
    assert not reads(client, "payment", q="pi_7")


def test_emails_of_a_kind_are_found(client: Client, staff: User) -> None:
    make_all_rows(1)
    assert {row.kind for row in found(client, "outboxemail", "Contested")} == {"contested"}
    assert not reads(client, "outboxemail", q="contested")


def test_what_has_no_index_is_looked_for_among_the_latest(
    client: Client, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_all_rows(1), make_all_rows(2), make_all_rows(3)
    monkeypatch.setattr("bookings.admin.base.LATEST", 2)
    assert [len(found(client, "refund", f"BANK {n}")) for n in (1, 2, 3)] == [0, 1, 1]


@pytest.mark.parametrize("term", ["Maya@Example.com", "LENA@example.com", "order-1"])
def test_a_booking_is_found_by_a_whole_name(client: Client, staff: User, term: str) -> None:
    maya = make_expert(email="maya@example.com")
    booking = make_booking(maya, make_follower(email="lena@example.com"))
    Booking.objects.filter(pk=booking.pk).update(external_ref="order-1")
    make_booking()
    assert found(client, "booking", term) == [booking]
    fine = ["LIKE"]  # names are looked through
    if connection.vendor == "postgresql":  # of two experts an index is read as fast end to end
        fine.append("booking_external_ref_once")
    steps = reads(client, "booking", q=term)
    assert not [step for step in steps if not any(word in step for word in fine)]


# --- the queues of the first page ---------------------------------------------------------------

QUEUES = [
    ("refund", {"needs": "staff"}, "refund_needs_staff"),
    ("outboxemail", {"state__exact": "failed"}, "outbox_given_up"),
    ("booking", {"late": "yes"}, "booking_deadline"),
]


def reads_of_the_first_page(client: Client) -> list[str]:
    """Contests are few, and with a handful of bookings it does not matter which come first."""
    steps = whole_reads(lambda: client.get("/admin/"))
    return [step for step in steps if "bookings_contest" not in step]


@pytest.mark.postgres
def test_the_first_page_reads_no_table_as_a_whole(client: Client, staff: User) -> None:
    make_all_rows(1)
    assert not reads_of_the_first_page(client)


@pytest.mark.postgres
@pytest.mark.parametrize(("name", "query", "index"), QUEUES)
def test_a_queue_reads_no_table_as_a_whole(
    client: Client, staff: User, name: str, query: dict[str, str], index: str
) -> None:
    make_all_rows(1)
    assert not reads(client, name, **query)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {index}")
    assert reads(client, name, **query), "this test cannot fail"
    assert reads_of_the_first_page(client)
