"""One clock for money and deadlines: the database's, whatever a machine's own clock says."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from bookings import clock_check, database_time, lifecycle, sweeps, tasks
from bookings.models import (
    Booking,
    Expert,
    Heartbeat,
    OutboxEmail,
    OutboxState,
    Refund,
    StoredMessage,
)
from bookings.states import State
from tests.builders import DAY, HOUR, expert_of, make_booking, report
from tests.clocks_apart import forget_the_reading, two_clocks, wrong_by
from tests.mail_settings import use_mail

__all__ = ["two_clocks"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("two_clocks")]
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
NEARLY = timedelta(seconds=20)
"""More than a slow test takes, less than 30 seconds."""
FAR_OFF = [4 * DAY, -4 * DAY, 45 * SECOND, -45 * SECOND]
ALARMS = OutboxEmail.objects.filter(kind=clock_check.ALARM)


def is_now(instant: datetime) -> bool:
    """By the real clock, which nothing here moves."""
    return abs(instant - datetime.now(instant.tzinfo)) < NEARLY


def reported(maya: Expert, *, ago: timedelta, hours_before: int = 2) -> Booking:
    at = database_time.now() - ago
    return report(make_booking(maya, now=at, starts_at=at - hours_before * HOUR), now=at)


# --- what the time is -----------------------------------------------------------------------------


@pytest.mark.parametrize("offset", FAR_OFF)
def test_the_time_is_the_databases_whatever_the_machine_says(offset: timedelta) -> None:
    with wrong_by(offset):
        assert not is_now(timezone.now())
        assert is_now(database_time.now())
        assert is_now(database_time.now()), "also from the reading that is kept"


@pytest.mark.parametrize("offset", [4 * DAY, -4 * DAY])
def test_a_clock_that_is_set_between_two_readings_changes_nothing(offset: timedelta) -> None:
    first = database_time.now()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timezone, "now", lambda: datetime.now(first.tzinfo) + offset)
        assert timedelta(0) <= database_time.now() - first < NEARLY


def test_a_reading_is_kept_for_seconds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[datetime] = []
    steady = [1000.0]

    def read() -> datetime:
        asked.append(timezone.now())
        return asked[-1]

    monkeypatch.setattr(database_time, "read", read)
    monkeypatch.setattr(database_time, "_steady", lambda: steady[0])
    forget_the_reading(monkeypatch)
    first = database_time.now()
    steady[0] += 9
    assert (database_time.now() - first, len(asked)) == (9 * SECOND, 1)
    steady[0] += 2
    database_time.now()
    steady[0] = 5.0  # a machine that was started again, or a process that was moved
    database_time.now()
    assert len(asked) == 3


def test_a_slow_answer_of_the_database_is_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    at = timezone.now()
    moments = iter([at, at + 3 * MINUTE])
    monkeypatch.setattr(timezone, "now", lambda: next(moments))
    monkeypatch.setattr(database_time, "read", lambda: at + 2 * MINUTE)
    assert database_time.compare().ahead == timedelta(0)


# --- what is due is left alone by a machine with a wrong clock -----------------------------------------


@pytest.mark.parametrize("offset", FAR_OFF)
def test_a_sweep_with_a_wrong_clock_does_nothing_but_raise_the_alarm(
    maya: Expert, offset: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    early, due = reported(maya, ago=HOUR), reported(maya, ago=73 * HOUR, hours_before=5)
    with wrong_by(offset), caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert sweeps.sweep() is None
    for booking in (early, due):
        booking.refresh_from_db()
        assert booking.state == State.NO_SHOW_REPORTED
    assert not Refund.objects.exists()
    assert not Heartbeat.objects.filter(name="sweep").exists()
    assert not OutboxEmail.objects.filter(kind__startswith="time_left").exists()
    assert ALARMS.get().state == OutboxState.SENT, "one mail, and nobody else had to send it"
    assert is_now(ALARMS.get().sent_at)  # type: ignore[arg-type]
    assert len([r for r in caplog.records if "nothing that is due is done" in r.message]) == 3


def test_a_right_clock_pays_what_is_due_and_nothing_else(maya: Expert) -> None:
    early, due = reported(maya, ago=HOUR), reported(maya, ago=73 * HOUR, hours_before=5)
    with wrong_by(NEARLY):
        counts = sweeps.sweep()
    assert counts is not None
    early.refresh_from_db()
    due.refresh_from_db()
    assert (early.state, due.state) == (State.NO_SHOW_REPORTED, State.REFUNDED)
    assert not ALARMS.exists()
    assert is_now(Heartbeat.objects.get(name="sweep").finished_at)


@pytest.mark.parametrize("offset", FAR_OFF)
def test_no_task_of_a_worker_with_a_wrong_clock_does_anything(
    maya: Expert, offset: timedelta
) -> None:
    """The expert may still undo it for half a minute: nothing may leave before that."""
    booking = make_booking(maya, now=database_time.now())
    lifecycle.refund_now(booking.pk, actor=expert_of(booking), now=database_time.now())
    waiting = OutboxEmail.objects.filter(booking=booking, state=OutboxState.QUEUED)
    before = waiting.count()
    with wrong_by(offset):
        tasks.follow_up(booking.pk)
        tasks.send(waiting.first().pk)  # type: ignore[union-attr]
        tasks.work_on_event(1)
    assert (waiting.count(), before > 0) == (before, True)
    assert (Refund.objects.get().attempts, ALARMS.count()) == (0, 1)


def test_an_outage_is_told_once_and_the_next_one_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with wrong_by(4 * DAY):
        sweeps.sweep()
    assert sweeps.sweep() is not None, "another worker's clock is right: it goes on"
    with wrong_by(4 * DAY):
        sweeps.sweep()
    assert ALARMS.count() == 1
    later = database_time.now() + clock_check.OVER_AFTER + MINUTE
    monkeypatch.setattr(database_time, "read", lambda: later)
    with wrong_by(4 * DAY):
        sweeps.sweep()
    assert ALARMS.count() == 2


def test_the_mail_names_the_machine_and_how_far_it_is_off(settings: Any) -> None:
    use_mail(settings)
    with wrong_by(4 * DAY + MINUTE):
        sweeps.sweep()
    mail = StoredMessage.objects.get()
    assert "4 d ahead" in mail.subject
    assert ("--accept" in mail.text) == (connection.vendor == "sqlite")


def test_the_command_for_cron_says_why_it_does_nothing() -> None:
    with wrong_by(4 * DAY), pytest.raises(CommandError, match="nothing was done") as refused:
        call_command("sweep")
    assert refused.value.returncode == 1
    with wrong_by(-4 * DAY), pytest.raises(CommandError, match="4 d behind"):
        call_command("clock")


# --- the web ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [4 * DAY, -4 * DAY])
@pytest.mark.parametrize(
    ("ago", "counts"), [(72 * HOUR - 5 * MINUTE, True), (72 * HOUR + 5 * MINUTE, False)]
)
def test_a_click_near_the_deadline_is_judged_by_the_databases_time(
    desk: Client, maya: Expert, offset: timedelta, ago: timedelta, counts: bool
) -> None:
    booking = reported(maya, ago=ago)
    with wrong_by(offset):
        page = desk.get(f"/bookings/{booking.code}/").content.decode()
        desk.post(
            f"/bookings/{booking.code}/mark-completed/",
            {"request_key": "key-1", "from": "need_action", "outcome": "follower_absent"},
        )
    booking.refresh_from_db()
    assert booking.state == (State.COMPLETED if counts else State.NO_SHOW_REPORTED)
    assert ("/mark-completed/" in page) == counts, "the page offers what a click may do"
    if counts:
        assert is_now(booking.marked_at)  # type: ignore[arg-type]


@pytest.mark.parametrize("offset", FAR_OFF)
def test_the_deep_probe_is_red_where_a_clock_is_wrong(client: Client, offset: timedelta) -> None:
    sweeps.sweep()
    state = client.get("/healthz/deep").json()
    assert (state["database"], state["sweep"], state["clock"]) == ("ok", "ok", "ok")
    assert 0 <= state["sweep_age_s"] < NEARLY.seconds
    with wrong_by(offset):
        response = client.get("/healthz/deep")
        assert (response.status_code, response.json()["clock"]) == (503, "wrong")
        sweeps.sweep()
    response = client.get("/healthz/deep")
    assert (response.status_code, response.json()["clock"]) == (503, "wrong"), "a worker's is"


@pytest.mark.parametrize("finished", [MINUTE, 4 * DAY, -20000 * DAY])
def test_an_age_that_cannot_be_is_no_age(client: Client, finished: timedelta) -> None:
    at = database_time.now() + finished
    Heartbeat.objects.update_or_create(name="sweep", defaults={"finished_at": at})
    response = client.get("/healthz/deep")
    assert response.status_code == 503
    assert (response.json()["sweep"], response.json()["sweep_age_s"]) == ("wrong", None)


def test_staff_sees_it_on_every_page_of_the_admin(client: Client, staff: Any) -> None:
    sweeps.sweep()
    assert "A clock is wrong." not in client.get("/admin/").content.decode()
    with wrong_by(4 * DAY):
        sweeps.sweep()
    assert "A clock is wrong." in client.get("/admin/").content.decode()


# --- SQLite, whose only clock is the machine's ----------------------------------------------------------


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the system says of itself; a sweep has just looked."""
    if connection.vendor == "postgresql":
        pytest.skip("PostgreSQL has a clock of its own")
    says = {"uptime": 5000.0, "boot": "one"}
    monkeypatch.setattr(database_time, "_uptime", lambda: says["uptime"])
    monkeypatch.setattr(database_time, "_read", lambda path: says["boot"])
    database_time.remember()
    return says


def ahead() -> timedelta:
    return database_time.compare().ahead


def test_sqlite_a_clock_that_was_set_since_the_last_sweep_is_seen(machine: dict[str, Any]) -> None:
    machine["uptime"] += 60
    with wrong_by(MINUTE):
        assert abs(ahead()) < NEARLY, "only time has passed"
    with wrong_by(4 * DAY + MINUTE):
        assert abs(ahead() - 4 * DAY) < NEARLY
    with wrong_by(MINUTE - HOUR):
        assert abs(ahead() + HOUR) < NEARLY


def test_sqlite_a_person_says_that_the_clock_is_right_now(machine: dict[str, Any]) -> None:
    with wrong_by(8 * HOUR):
        assert sweeps.sweep() is None
        assert clock_check.is_any_wrong(database_time.now())
        call_command("clock", "--accept")
        assert not clock_check.is_any_wrong(database_time.now())
        assert sweeps.sweep() is not None
        assert abs(ahead()) < NEARLY


def test_sqlite_after_a_start_of_the_machine_only_a_clock_that_is_behind_is_seen(
    machine: dict[str, Any],
) -> None:
    machine |= {"uptime": 3.0, "boot": "two"}
    with wrong_by(8 * HOUR):
        assert ahead() == timedelta(0), "it was off for eight hours"
    with wrong_by(-8 * HOUR):
        assert abs(ahead() + 8 * HOUR) < NEARLY


def test_sqlite_where_the_system_counts_nothing_a_clock_that_is_behind_is_seen(
    machine: dict[str, Any],
) -> None:
    machine |= {"uptime": 0.0, "boot": ""}
    database_time.remember()
    with wrong_by(8 * HOUR):
        assert ahead() == timedelta(0)
    with wrong_by(-8 * HOUR):
        assert abs(ahead() + 8 * HOUR) < NEARLY


def test_sqlite_without_any_sweep_the_machine_is_believed(machine: dict[str, Any]) -> None:
    Heartbeat.objects.all().delete()
    with wrong_by(8 * HOUR):
        assert ahead() == timedelta(0)


@pytest.mark.postgres
def test_the_clock_of_postgresql_cannot_be_accepted_away() -> None:
    with pytest.raises(CommandError, match="set the one that is wrong"):
        call_command("clock", "--accept")
