"""A queryset that was put together once gives what it gives when it is put together anew."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connections
from django.db.models import Model, QuerySet

from bookings.compiled import Compiled
from bookings.models import Booking, TimelineEvent
from bookings.states import State
from tests.builders import make_in_state

pytestmark = pytest.mark.django_db


def events(booking_id: int) -> QuerySet[TimelineEvent]:
    return TimelineEvent.objects.filter(booking_id=booking_id).select_related("refund")


def own(expert_id: int, code: str) -> QuerySet[Booking]:
    return Booking.objects.filter(expert_id=expert_id, code=code).select_related(
        "follower", "payment"
    )


def columns(row: Model | None) -> dict[str, Any] | None:
    return row and {field.attname: getattr(row, field.attname) for field in row._meta.fields}


def test_rows_and_what_belongs_to_them_are_the_same(django_assert_num_queries: Any) -> None:
    kept_events, kept_own = Compiled(events, 1), Compiled(own, 1, "TM-0000000")
    for state in State:
        booking = make_in_state(state)
        plain = list(events(booking.pk))
        with django_assert_num_queries(1):
            kept = kept_events(booking.pk)
            refunds = [columns(getattr(event, "refund", None)) for event in kept]
        assert [columns(event) for event in kept] == [columns(event) for event in plain]
        assert refunds == [columns(getattr(event, "refund", None)) for event in plain]
        with django_assert_num_queries(1):
            found = kept_own.first(booking.expert_id, booking.code)
            assert found is not None
            people = columns(found.follower), columns(getattr(found, "payment", None))
        expected = own(booking.expert_id, booking.code).get()
        assert columns(found) == columns(expected)
        assert people == (
            columns(expected.follower),
            columns(getattr(expected, "payment", None)),
        )


def test_every_value_counts() -> None:
    kept = Compiled(own, 1, "TM-0000000")
    mine, other = make_in_state(State.SCHEDULED), make_in_state(State.COMPLETED)
    assert kept.first(mine.expert_id, mine.code) == mine
    assert kept.first(other.expert_id, other.code) == other
    assert kept.first(mine.expert_id + other.expert_id + 1, mine.code) is None
    assert kept.first(mine.expert_id, "TM-XXXXXXX") is None


def test_a_statement_with_another_parameter_is_refused() -> None:
    kept = Compiled(lambda pk: Booking.objects.filter(pk=pk, state="scheduled"), 1)
    with pytest.raises(ValueError, match="are not the values"):
        kept(1)


@pytest.mark.django_db(transaction=True)
def test_each_thread_asks_through_its_own_connection() -> None:
    kept = Compiled(own, 1, "TM-0000000")
    booking = make_in_state(State.SCHEDULED)
    assert kept.first(booking.expert_id, booking.code) == booking
    found = []

    def look() -> None:
        try:
            found.append(kept.first(booking.expert_id, booking.code))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [booking] * 3
