"""Statements of every click are planned once for a connection; what they answer is the same."""

from __future__ import annotations

import threading
from datetime import UTC
from typing import Any

import pytest
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    IntegrityError,
    connection,
    connections,
    transaction,
)
from django.test.utils import CaptureQueriesContext

from bookings import links, lists
from bookings.database import kept_statements, prepared
from bookings.database.prepared import sent_together
from bookings.models import Booking, Expert, PrivateLink
from bookings.states import State
from tests.builders import DAY, NOW, make_booking, make_in_state, report

pytestmark = pytest.mark.django_db


def kept_texts() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [text for (text,) in cursor.fetchall()]


def is_kept(part: str) -> bool:
    return any(part in text for text in kept_texts())


@pytest.mark.parametrize("is_on", [True, False])
def test_a_list_is_planned_once_unless_a_pooler_forbids_it(
    maya: Expert, settings: Any, is_on: bool
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite plans in no time")
    settings.DATABASE_PREPARES = is_on
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")  # of the tests before this one
    for _ in range(3):
        lists.need_action(maya)
    assert is_kept("b.state = 'no_show_reported'") is is_on


@pytest.mark.parametrize("is_on", [True, False])
def test_rows_are_the_same_either_way(settings: Any, is_on: bool) -> None:
    settings.DATABASE_PREPARES = is_on
    booking = report(make_booking())
    for _ in range(3):
        found = lists.need_action(booking.expert).bookings[0]
        assert found.deadline_at == booking.deadline_at
        assert found.deadline_at is not None
        assert found.deadline_at.tzinfo is UTC
        assert found.policy == booking.policy
        assert kept_statements.update(Booking, {"id": booking.pk}, {"updated_at": NOW}) == 1


def test_watchers_and_errors_are_djangos() -> None:
    seen: list[str] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    asked = prepared.executed("SELECT 1 + %s", [2])
    with connection.execute_wrapper(watch), asked as cursor:
        assert cursor.fetchall() == [(3,)]
    assert seen == ["SELECT 1 + %s"]
    with CaptureQueriesContext(connection) as logged, prepared.executed("SELECT %s", [2]) as cursor:
        assert cursor.fetchall() == [(2,)]
    assert [query["sql"] for query in logged.captured_queries] == ["SELECT 2"]
    wrong = prepared.executed("SELECT nothing FROM nowhere WHERE x = %s", [2])
    with pytest.raises(DatabaseError), transaction.atomic(), wrong:
        pass


def test_texts_of_other_statements_are_not_kept(maya: Expert) -> None:
    """A hundred inserts of five hundred rows would be some ten megabytes for each connection."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite keeps no texts")
    lists.need_action(maya)
    before = len(connection.connection._prepared._counts)
    for number in range(5):
        Booking.objects.filter(pk=number).exists()
    assert len(connection.connection._prepared._counts) == before
    assert connection.connection.prepare_threshold is None


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_died_between_two_requests_is_made_anew(maya: Expert) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no server")
    import psycopg

    lists.need_action(maya)
    info = connection.connection.info
    with psycopg.connect(info.dsn, password=info.password, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [info.backend_pid])
    connection.health_check_enabled = True
    connection.health_check_done = False  # as it is when a request begins
    assert lists.need_action(maya).bookings == []


def test_a_connection_belongs_to_its_thread() -> None:
    mine = connections[DEFAULT_DB_ALIAS]
    refused: list[BaseException] = []

    def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(prepared, "connection", mine)
        try:
            with prepared.executed("SELECT %s", [1]):
                pass
        except DatabaseError as error:
            refused.append(error)

    with pytest.MonkeyPatch.context() as patched:
        thread = threading.Thread(target=elsewhere, args=[patched])
        thread.start()
        thread.join()
    assert "thread" in str(refused[0])


@pytest.mark.postgres
def test_a_kept_statement_is_never_planned_again() -> None:
    """The last page of a list looks cheaper than the usual one, and would be planned each time."""
    sql = "SELECT count(*) FROM bookings_booking WHERE id > %s"
    for value in range(8):
        with prepared.executed(sql, [value]) as cursor:
            cursor.fetchall()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(generic_plans), sum(custom_plans) FROM pg_prepared_statements"
            " WHERE statement LIKE 'SELECT count(*) FROM bookings_booking WHERE id > %%'"
        )
        generic, custom = cursor.fetchone()
    assert (generic >= 7, custom) == (True, 0)


def new_link(booking: Booking) -> PrivateLink:
    return PrivateLink(booking=booking, purpose="contest", created_at=NOW, expires_at=NOW + DAY)


def current_links(booking: Booking) -> set[str]:
    return set(booking.links.filter(superseded_at=None).values_list("purpose", flat=True))


def test_what_is_sent_together_is_written_and_its_ids_are_known_afterwards() -> None:
    booking = make_in_state(State.SCHEDULED)
    links.issue(booking, "status", now=NOW)
    booking.links.filter(purpose="contest").delete()
    of_status = {"booking_id": booking.pk, "purpose": "status"}
    for _ in range(3):  # put together, kept, and prepared
        with transaction.atomic():
            link = new_link(booking)
            with sent_together(), sent_together():
                kept_statements.insert([link])
                kept_statements.update(PrivateLink, of_status, {"superseded_at": NOW})
                assert Booking.objects.filter(pk=booking.pk).exists()
            assert booking.links.get(purpose="contest") == link
            assert "status" not in current_links(booking)
            transaction.set_rollback(True)


@pytest.mark.parametrize("is_read_inside", [True, False])
def test_an_error_among_what_is_sent_together_takes_all_of_it_back(is_read_inside: bool) -> None:
    booking = make_in_state(State.SCHEDULED)
    links.issue(booking, "status", now=NOW)
    links.issue(booking, "contest", now=NOW)
    of_status = {"booking_id": booking.pk, "purpose": "status"}

    def write() -> None:
        booking.events.create(verb="note", actor_kind="system", at=NOW)
        with sent_together():
            kept_statements.update(PrivateLink, of_status, {"superseded_at": NOW})
            kept_statements.insert([new_link(booking)])
            if is_read_inside:
                Booking.objects.filter(pk=booking.pk).exists()

    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        write()
    assert "privatelink" in str(refused.value) or "one_current" in str(refused.value)
    assert {"status", "contest"} <= current_links(booking)
    assert not booking.events.filter(verb="note").exists()
