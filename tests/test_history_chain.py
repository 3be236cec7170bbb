"""What is done to a history behind the application's back is noticed, whoever did it; erasing the
words of a person is the one change that is let through. Run on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from bookings import invariants, timeline
from bookings.models import Booking, Heartbeat, TimelineEvent, history_chain
from bookings.models.history_chain import ERASED, EVENTS, HEADS
from bookings.states import SYSTEM
from tests.builders import NOW, make_booking, make_expert, report

pytestmark = pytest.mark.django_db


def found() -> list[str]:
    return list(invariants.ALL["history_is_as_written"].offenders(NOW))


def run(sql: str, *values: object) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.rowcount)


@contextmanager
def without_guards() -> Iterator[None]:
    """As the owner of a database can make it."""
    if connection.vendor == "postgresql":
        run("SET CONSTRAINTS ALL IMMEDIATE")
        for table in (EVENTS, HEADS):
            run(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        yield
        for table in (EVENTS, HEADS):
            run(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
    else:
        from bookings.models import guards

        guards.remove(connection)
        yield
        guards.install(connection)


def ids(booking: Booking) -> list[int]:
    return list(booking.events.order_by("pk").values_list("pk", flat=True))


def with_three_events() -> Booking:
    """None of which another row refers to, so that each can be deleted."""
    booking = make_booking()
    for note in ("My name is Priya Nair.", "Hello?"):
        timeline.append(booking, "test", actor=SYSTEM, at=NOW, note=note)
    return booking


# --- what somebody with all rights might do -------------------------------------------------------


def change(column: str, value: object) -> Callable[[list[int]], None]:
    def act(events: list[int]) -> None:
        assert run(f"UPDATE {EVENTS} SET {column} = %s WHERE id = %s", value, events[1]) == 1

    return act


def delete_the_last(events: list[int]) -> None:
    run(f"DELETE FROM {EVENTS} WHERE id = %s", events[-1])


def delete_one_between(events: list[int]) -> None:
    run(f"DELETE FROM {EVENTS} WHERE id = %s", events[1])


def insert_one(events: list[int]) -> None:
    columns = "booking_id, verb, from_state, to_state, actor_kind, note, data, request_key, at"
    run(
        f"INSERT INTO {EVENTS} ({columns}) SELECT {columns} FROM {EVENTS} WHERE id = %s",
        events[0],
    )


def insert_one_with_a_hash(events: list[int]) -> None:
    columns = (
        "booking_id, verb, from_state, to_state, actor_kind, note, data, request_key, at,"
        " chain_hash, note_salt, note_digest"
    )
    run(
        f"INSERT INTO {EVENTS} ({columns}, chain_position)"
        f" SELECT {columns}, chain_position + 1 FROM {EVENTS} WHERE id = %s",
        events[-1],
    )


def swap_two(events: list[int]) -> None:
    one, other = events[1], events[2]
    for new, old in ((0, one), (one, other), (other, 0)):
        run(f"UPDATE {EVENTS} SET id = %s WHERE id = %s", new, old)
    run(
        f"UPDATE {EVENTS} SET chain_position = CASE id WHEN {one} THEN 2 ELSE 3 END"
        f" WHERE id IN ({one}, {other})"
    )


def empty_the_words_without_a_trace(events: list[int]) -> None:
    run(f"UPDATE {EVENTS} SET note = '' WHERE id = %s", events[1])


def erase_with_another_digest(events: list[int]) -> None:
    run(
        f"UPDATE {EVENTS} SET note = %s, note_salt = '', note_digest = %s WHERE id = %s",
        ERASED, "0" * 64, events[1],
    )  # fmt: skip


def take_the_head_away(events: list[int]) -> None:
    run(f"DELETE FROM {HEADS}")


def take_the_hashes_away(events: list[int]) -> None:
    run(f"UPDATE {EVENTS} SET chain_position = 0, chain_hash = '' WHERE id = %s", events[-1])


CRIMES = [
    change("verb", "mark_completed"), change("note", "Everything was fine."),
    change("at", NOW + timedelta(days=1)), change("actor_kind", "staff"),
    change("from_state", "completed"), change("to_state", "completed"),
    change("data", '{"refund_minor": 1}'), change("request_key", "another"),
    change("note_salt", "0" * 32),
    delete_the_last, delete_one_between, insert_one, insert_one_with_a_hash, swap_two,
    empty_the_words_without_a_trace, erase_with_another_digest,
    take_the_head_away, take_the_hashes_away,
]  # fmt: skip


@pytest.mark.parametrize("crime", CRIMES, ids=lambda crime: crime.__qualname__)
def test_what_is_done_behind_its_back_is_noticed(crime: Callable[[list[int]], None]) -> None:
    booking = with_three_events()
    if crime is not take_the_head_away:
        report(make_booking(make_expert()))  # whose history nobody touches
    assert len(ids(booking)) == 3
    assert found() == []
    with without_guards():
        crime(ids(booking))
    assert found() == [booking.code]


# --- what happens every day -----------------------------------------------------------------------


def test_many_events_of_many_bookings_in_one_statement_are_chained() -> None:
    first, second = make_booking(), make_booking(make_expert())
    lines = [timeline.Line(booking, "reminder") for booking in (first, second, first, second)]
    timeline.append_all(lines, actor=SYSTEM, at=NOW)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT length FROM {HEADS}")
        assert cursor.fetchall() == [(3,), (3,)]
    assert found() == []


def test_a_server_of_the_release_before_writes_hashes_too() -> None:
    """It knows none of the columns; neither does this one, see `history_chain.COLUMNS`."""
    names = {field.column for field in TimelineEvent._meta.concrete_fields}
    assert not names & set(history_chain.COLUMNS)


def test_what_is_older_than_the_chain_needs_no_hash() -> None:
    booking = with_three_events()
    with without_guards():
        run(f"UPDATE {EVENTS} SET chain_position = 0, chain_hash = '', note_salt = ''")
        run(f"DELETE FROM {HEADS}")
    assert found() == [booking.code]
    history_chain.begin(connection, NOW)
    assert Heartbeat.objects.get(name=history_chain.BEGAN).counts == {
        "after_event": max(ids(booking))
    }
    assert found() == []
    timeline.append(booking, "test", actor=SYSTEM, at=NOW)
    assert found() == []
    with without_guards():
        delete_the_last(ids(booking))
    assert found() == [booking.code]


# --- erasing --------------------------------------------------------------------------------------


def erased(event: int) -> int:
    digest = history_chain.kept_digest(connection.vendor, EVENTS)
    return run(
        f"UPDATE {EVENTS} SET note = %s, note_digest = {digest}, note_salt = '' WHERE id = %s",
        ERASED, event,
    )  # fmt: skip


def reported_with_words() -> int:
    booking = report(make_booking())
    event = timeline.append(booking, "test", actor=SYSTEM, at=NOW, note="My name is Priya Nair.")
    timeline.append(booking, "test", actor=SYSTEM, at=NOW)
    return event.pk


def test_words_can_be_erased_and_the_chain_holds() -> None:
    event = reported_with_words()
    assert erased(event) == 1
    assert TimelineEvent.objects.get(pk=event).note == ERASED
    assert found() == []
    assert erased(event) == 1  # once more, by whoever was interrupted
    assert found() == []


@pytest.mark.parametrize(
    "also",
    ["at = at, verb = 'booked'", "actor_kind = 'staff'", "from_state = 'completed'",
     "to_state = 'completed'", "request_key = 'x'", "chain_position = 7", "chain_hash = 'x'",
     "data = '{}'", "booking_id = 0", "at = '2020-01-01 00:00:00'"],
)  # fmt: skip
def test_erasing_words_changes_nothing_else(also: str) -> None:
    booking = report(make_booking())
    event = booking.events.get(verb="report_no_show").pk
    digest = history_chain.kept_digest(connection.vendor, EVENTS)
    erasing = f"note = '{ERASED}', note_digest = {digest}, note_salt = ''"
    with pytest.raises(DatabaseError), transaction.atomic():
        run(f"UPDATE {EVENTS} SET {erasing}, {also} WHERE id = %s", event)


@pytest.mark.parametrize(
    "words",
    ["note = 'Something else'", f"note = '{ERASED}'", f"note = '{ERASED}', note_salt = ''",
     "note_salt = ''", f"note = '{ERASED}', note_salt = '', note_digest = '1'"],
)  # fmt: skip
def test_words_are_not_replaced_by_others(words: str) -> None:
    event = reported_with_words()
    with pytest.raises(DatabaseError), transaction.atomic():
        run(f"UPDATE {EVENTS} SET {words} WHERE id = %s", event)


def test_an_event_without_words_cannot_be_changed_at_all() -> None:
    booking = make_booking()
    with pytest.raises(DatabaseError), transaction.atomic():
        erased(booking.events.get().pk)
