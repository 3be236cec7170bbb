"""What is missing is told once, by whoever is left to tell it, and so is that it is back."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from bookings import alarms, emails, figures, outages, ping, sweeps, tasks
from bookings.models import Heartbeat, OutboxEmail, OutboxState
from tests import pinged, smtp_server
from tests.builders import HOUR
from tests.engine import connect, refund_of
from tests.mail_settings import SMTP, use_mail
from tests.provider.server import StandIn
from tests.smtp_server import Mailbox
from topmate import watch

pytestmark = pytest.mark.django_db
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    settings.STAFF_EMAIL = ["ops@example.com"]
    with smtp_server.running() as mailbox:
        use_mail(settings, SMTP, host="127.0.0.1", port=mailbox.port, timeout=2)
        yield mailbox


@pytest.fixture(autouse=True)
def a_fresh_process(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(alarms, "_undelivered", set())
    monkeypatch.setattr(alarms, "_sweeps_are_late", False)
    monkeypatch.setattr(watch, "_remembered", None)


def subjects(mailbox: Mailbox) -> list[str]:
    return [smtp_server.as_read(one, "Subject") for one in mailbox.received]


def beats(name: str, ago: timedelta) -> None:
    at = timezone.now() - ago
    Heartbeat.objects.update_or_create(name=name, defaults={"finished_at": at})


def look(times: int = 1, *, time_machine: Any, apart: timedelta = 30 * SECOND) -> None:
    for _ in range(times):
        watch.look()
        time_machine.shift(apart)


# --- the sweeps stand still -----------------------------------------------------------------------


def test_sweeps_that_stand_still_are_told_once_and_so_is_their_end(
    mailbox: Mailbox, time_machine: Any
) -> None:
    time_machine.move_to(timezone.now())
    beats("sweep", 4 * MINUTE)
    look(1, time_machine=time_machine)
    assert subjects(mailbox) == [], "one look is not enough"
    look(4, time_machine=time_machine)
    assert subjects(mailbox) == ["No sweep has run for 4 minutes"]
    assert mailbox.received[0].recipients == ["ops@example.com"]
    time_machine.shift(20 * MINUTE)
    sweeps.sweep()
    assert subjects(mailbox)[1:] == ["The sweeps run again; they had stopped for 26 minutes"]
    look(3, time_machine=time_machine)
    sweeps.sweep()
    assert len(mailbox.received) == 2


def test_a_sweep_that_nobody_missed_tells_of_it_itself(mailbox: Mailbox) -> None:
    beats("sweep", 4 * MINUTE)
    sweeps.sweep()
    assert subjects(mailbox) == ["No sweep ran for 4 minutes"]


def test_a_site_that_is_started_after_a_night_tells_of_no_outage(
    mailbox: Mailbox, time_machine: Any
) -> None:
    time_machine.move_to(timezone.now())
    beats("sweep", 4 * MINUTE)
    look(1, time_machine=time_machine)
    time_machine.shift(9 * HOUR)
    look(1, time_machine=time_machine)
    assert subjects(mailbox) == []


def test_experts_read_that_things_are_late_and_no_page_asks_for_it(
    desk: Client, mailbox: Mailbox, django_assert_num_queries: Any
) -> None:
    def page() -> str:
        with django_assert_num_queries(4):
            return desk.get("/need-action/").content.decode()

    desk.get("/need-action/")
    assert "delayed right now" not in page()
    beats("sweep", 4 * MINUTE)
    watch.look()
    assert "Deadlines and e-mails are delayed right now. Nothing is lost" in page()
    beats("sweep", 0 * MINUTE)
    watch.look()
    assert "delayed right now" not in page()


def test_an_alarm_that_the_mail_server_did_not_take_is_sent_by_a_later_look(
    mailbox: Mailbox, time_machine: Any
) -> None:
    time_machine.move_to(timezone.now())
    beats("sweep", 4 * MINUTE)
    mailbox.fail_data = [b"451 later"]
    look(2, time_machine=time_machine)
    assert subjects(mailbox) == []
    look(2, time_machine=time_machine)
    assert len(subjects(mailbox)) == 1


# --- other parts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "beat"), [("worker", figures.WORKER), ("web", figures.WEB)])
def test_a_part_that_is_silent_is_told(
    name: str, beat: str, mailbox: Mailbox, time_machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "broker", lambda: "ok")
    time_machine.move_to(timezone.now())
    beats(beat, 4 * MINUTE)
    for _ in range(2):
        sweeps.sweep()
        time_machine.shift(MINUTE)
    assert len(subjects(mailbox)) == 1
    assert ("worker" in subjects(mailbox)[0]) == (name == "worker")
    beats(beat, 0 * MINUTE)
    sweeps.sweep()
    assert "again" in subjects(mailbox)[1]


@pytest.mark.parametrize("other", ["sweep", "broker"])
def test_a_worker_is_not_back_because_nobody_can_know(
    other: str, mailbox: Mailbox, time_machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second trigger is slower than beat: before each of its sweeps they seem to be late."""
    state = ["ok"]
    monkeypatch.setattr(figures, "broker", lambda: state[0])
    time_machine.move_to(timezone.now())
    beats("worker", 4 * MINUTE)
    for _ in range(2):
        sweeps.sweep()
        time_machine.shift(MINUTE)
    assert subjects(mailbox) == ["No worker has answered for 5 minutes"]
    if other == "broker":
        state[0] = "failed"
    else:
        beats("sweep", 4 * MINUTE)
    look(1, time_machine=time_machine)
    state[0] = "ok"
    sweeps.sweep()
    assert not any("A worker answers again" in subject for subject in subjects(mailbox))


def test_a_beat_that_is_dead_is_told_though_a_second_trigger_sweeps(
    mailbox: Mailbox, time_machine: Any, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.SWEEP_EVERY = MINUTE
    monkeypatch.setattr(figures, "broker", lambda: "ok")
    time_machine.move_to(timezone.now())
    tasks.note_worker(is_for_beat=True)
    time_machine.shift(SECOND)
    for minute in range(1, 6):
        time_machine.shift(MINUTE)
        tasks.note_worker()
        sweeps.sweep()
        assert len(subjects(mailbox)) == (minute >= 4)
    assert subjects(mailbox) == ["Beat has asked for no sweep for 4 minutes"]
    tasks.note_worker(is_for_beat=True)
    sweeps.sweep()
    assert subjects(mailbox)[1:] == ["Beat asks for sweeps again; it had not for 5 minutes"]


@pytest.mark.parametrize("is_back", [False, True])
def test_workers_that_are_dead_are_no_sign_that_beat_is(
    is_back: bool,
    mailbox: Mailbox,
    time_machine: Any,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
) -> None:
    """Nor is a worker that is back, until beat's next sweep can have reached it."""
    settings.SWEEP_EVERY = MINUTE
    monkeypatch.setattr(figures, "broker", lambda: "ok")
    time_machine.move_to(timezone.now())
    tasks.note_worker(is_for_beat=True)
    time_machine.shift(MINUTE - SECOND)
    tasks.note_worker()
    for _ in range(40):
        time_machine.shift(10 * SECOND)
        sweeps.sweep()
    assert subjects(mailbox) == ["No worker has answered for 4 minutes"]
    if is_back:
        tasks.note_worker()
        look(3, time_machine=time_machine, apart=20 * SECOND)
        tasks.note_worker(is_for_beat=True)
        sweeps.sweep()
        assert len(subjects(mailbox)) == 2, "and one that it is back"


def test_a_sweep_that_a_worker_asks_for_is_none_of_beats() -> None:
    """The other one is in test_embedded_broker.py, with a beat."""
    sweeps.sweep.apply()
    assert Heartbeat.objects.filter(name=figures.WORKER).exists()
    assert not Heartbeat.objects.filter(name=figures.BEAT).exists()


def test_a_disk_that_is_full_is_told(
    mailbox: Mailbox, time_machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    time_machine.move_to(timezone.now())
    sweeps.sweep()
    monkeypatch.setattr(figures, "LEAST_FREE", 10**18)
    look(2, time_machine=time_machine)
    assert subjects(mailbox) == ["The disk has been nearly full for 1 minute"]
    monkeypatch.undo()


def test_a_wrong_clock_stops_the_sweep_and_is_a_failed_ping(
    pings: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bookings.clock_check.time_to_act", lambda: None)
    sweeps.sweep()
    assert pings[-1] == ("/check/fail", "The clock of this machine is not the database's")


# --- without a database ---------------------------------------------------------------------------


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    def refuse() -> None:
        raise OperationalError("connection refused\nIs the server running?")

    monkeypatch.setattr(connection, "cursor", refuse)
    return monkeypatch


def test_a_database_that_is_away_is_told_once_from_all_processes(
    mailbox: Mailbox, away: pytest.MonkeyPatch, time_machine: Any
) -> None:
    time_machine.move_to(timezone.now())
    look(1, time_machine=time_machine)
    assert subjects(mailbox) == [], "it may only be started again"
    look(5, time_machine=time_machine)
    assert subjects(mailbox) == ["The database has not answered for 1 minute"]
    assert "connection refused" in mailbox.received[0].message.as_string()
    away.undo()
    for _ in range(2):
        watch.look()
    assert subjects(mailbox)[1:] == ["The database answers again; it had not for 3 minutes"]


def test_one_process_of_a_machine_tells_it_at_a_time(
    mailbox: Mailbox, away: pytest.MonkeyPatch, time_machine: Any
) -> None:
    time_machine.move_to(timezone.now())
    with watch._alone() as is_alone:
        assert is_alone
        look(5, time_machine=time_machine)
    assert subjects(mailbox) == []


def test_without_a_folder_to_write_to_it_is_told_all_the_same(
    mailbox: Mailbox, away: pytest.MonkeyPatch, time_machine: Any, settings: Any
) -> None:
    settings.DATA_DIR = Path("/nobody/is/here")
    time_machine.move_to(timezone.now())
    look(5, time_machine=time_machine)
    assert len(subjects(mailbox)) == 1


# --- the mail server, a provider ------------------------------------------------------------------


def test_a_mail_server_that_takes_nothing_fails_the_ping_until_it_is_back(
    mailbox: Mailbox, pings: list[tuple[str, str]], time_machine: Any
) -> None:
    time_machine.move_to(timezone.now())
    for number in range(3):
        row = emails.queue("staff_sweep_late", now=timezone.now(), dedupe=str(number))
    mailbox.fail_data = [b"451 later"] * 100
    sweeps.sweep()
    assert pings[-1][0] == "/check", "not yet"
    for _ in range(4):
        time_machine.shift(MINUTE)
        sweeps.sweep()
    assert pings[-1] == ("/check/fail", "The mail server has taken nothing for 4 minutes")
    row.refresh_from_db()
    assert row.attempts <= 3, "looking whether it is back is no try"
    mailbox.fail_data = []
    for _ in range(2):
        time_machine.shift(MINUTE)
        sweeps.sweep()
    assert pings[-1][0] == "/check"
    waiting = OutboxEmail.objects.filter(state=OutboxState.QUEUED)
    assert not waiting.exists(), "the others need not wait for their next try"


def test_one_recipient_that_is_refused_is_no_outage(mailbox: Mailbox) -> None:
    mailbox.refuse_recipient = b"450 try later"
    emails.queue("staff_sweep_late", now=timezone.now())
    sweeps.sweep()
    assert outages.failing_since(outages.MAIL) is None


def test_a_provider_that_gives_no_answer_fails_the_ping(
    server: StandIn, pings: list[tuple[str, str]], settings: Any, time_machine: Any
) -> None:
    provider = connect(server, "stripe", settings)
    time_machine.move_to(timezone.now())
    refund = refund_of(provider, now=timezone.now())
    settings.STRIPE_API_BASE = f"http://127.0.0.1:{closed_port()}"
    for _ in range(5):
        time_machine.shift(MINUTE)
        sweeps.sweep()
    assert pings[-1][0] == "/check/fail"
    assert "A payment provider has given no answer for 4 minutes: Stripe" in pings[-1][1]
    settings.STRIPE_API_BASE = server.url
    time_machine.shift(HOUR)
    sweeps.sweep()
    assert pings[-1][0] == "/check"
    refund.refresh_from_db()
    assert refund.state != "unknown"


# --- pings ----------------------------------------------------------------------------------------


@pytest.fixture
def pings(settings: Any) -> Iterator[list[tuple[str, str]]]:
    settings.STAFF_EMAIL = ["ops@example.com"]
    with pinged.listening() as (url, received):
        settings.PING_URL = url
        yield received


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_sweep_pings_when_it_begins_and_when_it_ends(pings: list[tuple[str, str]]) -> None:
    sweeps.sweep()
    assert [path for path, _ in pings] == ["/check/start", "/check"]


def test_a_sweep_that_fails_says_so(
    pings: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise OperationalError("the secret detail")

    monkeypatch.setattr(sweeps, "run", fail)
    with pytest.raises(OperationalError):
        sweeps.sweep()
    assert pings[-1] == ("/check/fail", "The sweep failed: OperationalError")


def test_a_ping_that_nobody_takes_never_hurts_the_sweep(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ping, "SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for address in (
            f"http://127.0.0.1:{silent.getsockname()[1]}/secret-check",
            f"http://127.0.0.1:{closed_port()}/secret-check",
            "http://nobody.invalid/secret-check",
        ):
            settings.PING_URL = address
            began = time.monotonic()
            assert sweeps.sweep() is not None
            assert time.monotonic() - began < 3
    assert "secret-check" not in caplog.text
