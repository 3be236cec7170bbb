"""The database is away, full, busy or slow: what a page says of a form, and what is tried again."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections, transaction
from django.test import Client
from django.utils import timezone

from bookings import lifecycle, sweeps, tasks
from bookings.database import failures
from bookings.lifecycle import engine
from bookings.models import Booking, Expert, OutboxEmail, ProviderEvent, Refund, SetAside
from bookings.states import State
from tests import webhooks
from tests.builders import DAY, NOW, expert_of, make_booking, make_expert, report
from tests.racing import together
from tests.test_set_aside import spoil

pytestmark = pytest.mark.django_db(transaction=True)
NOTHING_DONE = "Nothing was done: what you sent was not carried out."
UNCLEAR = "We cannot tell whether this was done"


def words(response: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


@contextmanager
def database_away() -> Iterator[Callable[[], None]]:
    """Yields what takes it away: nothing answers where the settings say it is."""
    name = "HOST" if connection.vendor == "postgresql" else "NAME"
    usual = connection.settings_dict[name]

    def leave() -> None:
        connection.settings_dict[name] = "/nobody/is/here"
        connection.close()

    try:
        yield leave
    finally:
        connection.close()
        connection.settings_dict[name] = usual


def end_this_connection() -> None:
    """As a server that is started again does, seen from one that goes on."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()

    def end() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    assert together(end) == [None]


@pytest.fixture
def asked(desk: Client) -> Client:
    """Maya's browser shows what it is answered."""
    desk.raise_request_exception = False
    return desk


# --- pages ----------------------------------------------------------------------------------------


def test_a_page_says_that_nothing_was_done_and_when_to_ask_again(asked: Client) -> None:
    with database_away() as leave:
        leave()
        response = asked.get("/need-action/")
        assert (response.status_code, response.headers["Retry-After"]) == (503, "10")
        assert "Nothing was done. Please try again in a moment." in words(response)
        assert response.headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert "OperationalError" not in response.content.decode()
    assert asked.get("/need-action/").status_code == 200


def test_a_form_that_found_no_database_was_not_carried_out(asked: Client, maya: Expert) -> None:
    booking = make_booking(maya, now=timezone.now())
    with database_away() as leave:
        leave()
        response = asked.post(f"/bookings/{booking.code}/refund/", {"request_key": "a form"})
    assert (response.status_code, response.headers["X-Not-Now"]) == (503, "nothing-done")
    assert NOTHING_DONE in words(response)


def test_a_form_that_was_carried_out_before_it_went_away_is_not_denied(
    asked: Client, maya: Expert, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = make_booking(maya, now=timezone.now())
    with database_away() as leave:
        monkeypatch.setattr(tasks, "wake", lambda _: transaction.on_commit(leave))
        response = asked.post(
            f"/bookings/{booking.code}/refund/",
            {"request_key": "a form", "reason": "Sorry"},
            headers={"HX-Request": "true"},  # the answer shows the row as it is now
        )
    assert (response.status_code, response.headers["X-Not-Now"]) == (503, "unclear")
    assert UNCLEAR in words(response)
    booking.refresh_from_db()
    assert booking.state == State.REFUNDED


def test_a_statement_that_is_wrong_stays_a_fault_of_ours(
    asked: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(*_: Any, **__: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM no_such_table")

    monkeypatch.setattr("bookings.views.pages.figures", ask)
    assert asked.get("/help/no-shows/").status_code == 500


@pytest.mark.postgres
def test_a_statement_that_takes_too_long_is_a_503(
    asked: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(*_: Any, **__: Any) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 50")
            cursor.execute("SELECT pg_sleep(5)")

    monkeypatch.setattr("bookings.views.pages.figures", ask)
    assert asked.get("/help/no-shows/").status_code == 503


@pytest.mark.postgres
def test_a_row_that_somebody_holds_is_a_503_after_the_tries(asked: Client, maya: Expert) -> None:
    booking = make_booking(maya, now=timezone.now())

    def hold_it_and_ask() -> Any:
        with transaction.atomic():
            Booking.objects.select_for_update().get(pk=booking.pk)
            [answer] = together(ask)
        return answer

    def ask() -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = 100")
        form = {"request_key": "a form", "reason": "Sorry"}
        return asked.post(f"/bookings/{booking.code}/refund/", form)

    response = hold_it_and_ask()
    assert (response.status_code, response.headers["X-Not-Now"]) == (503, "nothing-done")


@pytest.mark.parametrize("name", ["stripe", "razorpay"])
def test_a_provider_is_told_to_send_it_again(client: Client, name: str, settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRET = webhooks.SECRETS["stripe"]
    settings.RAZORPAY_WEBHOOK_SECRET = webhooks.SECRETS["razorpay"]
    client.raise_request_exception = False
    body = json.dumps(webhooks.event_of(name)).encode()
    with database_away() as leave:
        leave()
        assert webhooks.send(client, name, body) == 503
    assert webhooks.send(client, name, body) == 200
    assert ProviderEvent.objects.count() == 1


# --- tried again ----------------------------------------------------------------------------------


def refund_while(
    happens: Callable[[], None], monkeypatch: pytest.MonkeyPatch, **actor: Any
) -> tuple[Booking, Exception | None]:
    """A refund by a form; `happens` the first time, as the last thing before its COMMIT."""
    booking = make_booking()
    waiting = [happens]
    monkeypatch.setattr(tasks, "wake", lambda _: waiting and waiting.pop()())
    try:
        lifecycle.refund_now(booking.pk, actor=expert_of(booking, **actor), now=NOW)
    except Exception as error:
        return booking, error
    return booking, None


@pytest.mark.postgres
def test_a_form_whose_commit_is_lost_acts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    booking, error = refund_while(end_this_connection, monkeypatch, request_key="a form")
    assert error is None
    assert booking.events.filter(verb="refund_now").count() == 1
    assert Refund.objects.filter(booking=booking).count() == 1


@pytest.mark.postgres
def test_a_form_that_was_done_though_its_commit_seems_lost_acts_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The answer to COMMIT gets lost: the hook runs when it is done."""
    commit = connection.commit
    answers = [1]

    def lose_the_answer() -> None:
        commit()
        if answers.pop() if answers else 0:
            error = OperationalError("server closed the connection unexpectedly")
            failures._doubt(error)
            error.__cause__ = _psycopg_error()
            raise error

    monkeypatch.setattr(connections[DEFAULT_DB_ALIAS], "commit", lose_the_answer)
    answers.clear()
    booking, error = refund_while(lambda: answers.append(1), monkeypatch, request_key="a form")
    assert error is None
    assert not answers, "it was lost"
    assert booking.events.filter(verb="refund_now").count() == 1
    assert Refund.objects.filter(booking=booking).count() == 1


def _psycopg_error() -> Exception:
    import psycopg

    return psycopg.OperationalError("server closed the connection unexpectedly")


@pytest.mark.postgres
def test_what_may_be_done_is_not_done_twice_without_a_form(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The connection ends with the COMMIT itself: before it, what was written last may notice."""
    commit, is_near = connection.commit, []

    def end_with_the_commit() -> None:
        if is_near:
            is_near.clear()
            end_this_connection()
        commit()

    monkeypatch.setattr(connections[DEFAULT_DB_ALIAS], "commit", end_with_the_commit)
    booking, error = refund_while(lambda: is_near.append(1), monkeypatch)
    assert failures.may_be_done(error)
    assert booking.events.filter(verb="refund_now").count() <= 1


@pytest.mark.postgres
def test_a_connection_that_breaks_before_the_commit_is_made_again() -> None:
    runs = []

    def once() -> int:
        runs.append(1)
        if len(runs) == 1:
            end_this_connection()
        return Expert.objects.count()

    assert engine.in_transaction(once, "a test") == 0
    assert len(runs) == 2


@pytest.mark.postgres
def test_a_statement_timeout_is_not_tried_again() -> None:
    runs = []

    def once() -> None:
        runs.append(1)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 50")
            cursor.execute("SELECT pg_sleep(5)")

    with pytest.raises(OperationalError) as raised:
        engine.in_transaction(once, "a test")
    assert len(runs) == 1
    assert failures.is_momentary(raised.value)
    assert not failures.may_be_done(raised.value)


# --- what the log says ----------------------------------------------------------------------------


def test_one_booking_of_many_that_fails_is_logged_once(
    caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    settings.STAFF_EMAIL = ["ops@example.com"]
    expert = make_expert()
    bookings = [
        report(make_booking(expert, starts_at=NOW - (n + 2) * DAY / 24, now=NOW)) for n in range(40)
    ]
    spoil(bookings[17])
    with caplog.at_level(logging.INFO):
        assert sweeps.run_deadlines(now=NOW + 30 * DAY) == 39
    assert SetAside.objects.count() == 1
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(told) == 2, told
    assert "in halves" in told[0]
    assert "is set aside" in told[1]
    assert OutboxEmail.objects.filter(kind="staff_bookings_set_aside").count() == 1
