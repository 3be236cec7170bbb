"""What the database refuses by itself, whatever the code does. Run on both databases."""

from __future__ import annotations

import re
from importlib import import_module
from types import ModuleType

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from bookings.models import (
    Booking,
    Payment,
    Refund,
    TimelineEvent,
    guards,
    history_chain,
    kept_acts,
)
from bookings.models.money import NOT_LIVE
from bookings.states import HOLDS_A_SLOT, SYSTEM, State
from bookings.timeline import append
from tests.builders import DAY, HOUR, NOW, make_booking, make_expert, make_in_state

pytestmark = pytest.mark.django_db


def make_refund(booking: Booking, amount_minor: int, state: str = "due") -> Refund:
    event = append(booking, "test", actor=SYSTEM, at=NOW)
    return Refund.objects.create(
        payment=booking.payment,
        booking=booking,
        event=event,
        amount_minor=amount_minor,
        currency="INR",
        state=state,
        created_at=NOW,
    )


def reserved(booking: Booking) -> int:
    return Payment.objects.get(booking=booking).reserved_minor


def test_live_refunds_never_add_up_to_more_than_was_captured() -> None:
    booking = make_booking()
    make_refund(booking, 200000)
    make_refund(booking, 40000)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_refund(booking, 1)
    assert reserved(booking) == 240000


def test_a_refund_that_failed_frees_its_money_and_takes_it_again() -> None:
    booking = make_booking()
    refund = make_refund(booking, 240000)
    Refund.objects.filter(pk=refund.pk).update(state="declined")
    assert reserved(booking) == 0
    make_refund(booking, 240000)
    with pytest.raises(IntegrityError), transaction.atomic():
        Refund.objects.filter(pk=refund.pk).update(state="due")
    assert reserved(booking) == 240000


@pytest.mark.parametrize("minutes", [-59, -30, 0, 30, 59])
def test_two_live_calls_of_one_expert_never_overlap(minutes: int) -> None:
    expert = make_expert()
    first = make_booking(expert, starts_at=NOW + DAY)
    at = first.starts_at + HOUR * minutes / 60
    with pytest.raises(IntegrityError, match="booking_no_overlap"), transaction.atomic():
        make_booking(expert, starts_at=at)
    assert make_booking(expert, starts_at=first.ends_at).pk
    assert make_booking(starts_at=at).pk


def test_a_call_that_is_over_for_good_frees_its_time_until_it_is_live_again() -> None:
    booking = make_in_state(State.CANCELLED)
    make_booking(booking.expert, starts_at=booking.starts_at)
    with pytest.raises(IntegrityError, match="booking_no_overlap"), transaction.atomic():
        Booking.objects.filter(pk=booking.pk).update(state="scheduled")


def test_the_timeline_is_append_only() -> None:
    event = append(make_booking(), "test", actor=SYSTEM, at=NOW)
    with pytest.raises(DatabaseError), transaction.atomic():
        TimelineEvent.objects.filter(pk=event.pk).update(note="rewritten")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM bookings_timelineevent WHERE id = %s", [event.pk])


@pytest.mark.parametrize("table", ["booking", "payment", "refund"])
def test_bookings_and_money_are_never_deleted(table: str) -> None:
    make_refund(make_booking(), 1)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM bookings_{table}")


@pytest.mark.parametrize("column", ["amount_minor", "currency"])
def test_a_refund_keeps_its_amount(column: str) -> None:
    refund = make_refund(make_booking(), 100)
    with pytest.raises(DatabaseError), transaction.atomic():
        Refund.objects.filter(pk=refund.pk).update(
            **{column: 200 if column == "amount_minor" else "EUR"}
        )


def test_a_state_that_waits_for_somebody_has_a_clock() -> None:
    booking = make_booking()
    with pytest.raises(IntegrityError), transaction.atomic():
        Booking.objects.filter(pk=booking.pk).update(state="no_show_reported")
    with pytest.raises(IntegrityError), transaction.atomic():
        Booking.objects.filter(pk=booking.pk).update(deadline_at=NOW)


def test_there_is_one_payment_for_a_booking() -> None:
    booking = make_booking()
    payment = booking.payment
    payment.pk, payment.provider_ref = None, "another"
    with pytest.raises(IntegrityError), transaction.atomic():
        payment.save(force_insert=True)


def test_the_sets_in_sql_are_the_sets_of_the_enums() -> None:
    def named(text: str) -> set[str]:
        return set(re.findall(r"'(\w+)'", text))

    assert named(guards.LIVE_CALL) == {str(state) for state in HOLDS_A_SLOT}
    assert named(guards.NOT_LIVE_REFUND) == {str(state) for state in NOT_LIVE}


@pytest.mark.parametrize(
    ("copy", "module", "least"),
    [("_guards", guards, 8), ("_history", history_chain, 10), ("_acts", kept_acts, 5)],
)
def test_the_migrations_install_what_is_in_force(copy: str, module: ModuleType, least: int) -> None:
    """They have a copy of their own. Where this fails, the change of a guard needs a migration."""
    installed, in_force = (
        {name: value for name, value in vars(one).items() if name.isupper()}
        for one in (import_module(f"bookings.migrations.{copy}"), module)
    )
    assert len(installed) >= least
    assert installed == in_force


# --- all rows at once ----------------------------------------------------------------------------


@pytest.mark.postgres
@pytest.mark.parametrize(
    "tables",
    [*(f"bookings_{table}" for table in guards.NEVER_DELETED), "bookings_expert",
     "bookings_historyhead", "bookings_staffact",
     "bookings_timelineevent, bookings_booking", "bookings_outboxemail, bookings_timelineevent"],
)  # fmt: skip
def test_truncate_of_what_is_kept_is_refused(tables: str) -> None:
    make_in_state(State.CONTESTED)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # else it waits for what was just written
        with pytest.raises(IntegrityError, match="is not allowed"), transaction.atomic():
            cursor.execute(f"TRUNCATE {tables} CASCADE")
    assert TimelineEvent.objects.exists()


@pytest.mark.parametrize("table", guards.NEVER_DELETED)
def test_delete_without_a_condition_is_refused(table: str) -> None:
    for state in (State.NO_SHOW_REPORTED, State.CONTESTED, State.REFUNDED):
        make_in_state(state)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM bookings_{table}")


@pytest.mark.postgres
def test_verify_misses_the_guard_when_it_is_gone() -> None:
    assert guards.missing(connection) == []
    guards.allow_truncate(connection)
    assert "booking_is_not_emptied" in guards.missing(connection)
