"""The bench itself: its data keep every promise, and its figures cannot lie."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.db import connection

from benchmarks import queries
from benchmarks.databases import ROOT
from benchmarks.measure import DROPPED, Goal, Series, take_turns
from benchmarks.transport import Answer, Page, Request, WrongAnswer
from bookings.models import Booking
from bookings.states import State
from tests.provider import server as stand_in
from tests.provider.client import call


@pytest.fixture
def empty_database(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database of its own, of the kind this part of the tests runs on."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{tmp_path / 'generated.sqlite3'}"
        return
    request.getfixturevalue("django_db_blocker").unblock()
    name = f"generated_{uuid4().hex[:12]}"
    settings = connection.settings_dict
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    try:
        login = f"{settings['USER']}:{settings['PASSWORD']}"
        yield f"postgres://{login}@:{settings['PORT']}/{name}?host={settings['HOST']}"
    finally:
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
        request.getfixturevalue("django_db_blocker").restore()


def _run(url: str, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "DATA_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
        "BREAKER_LEAST": "1000",
    }
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True
    )


SWEPT = """
from benchmarks.backlog import make_due
from benchmarks.clock import NOW
from bookings import sweeps
from bookings.models import Refund
ids = make_due(60, now=NOW)
print(sweeps.run_deadlines(now=NOW), Refund.objects.filter(booking__in=ids, state="due").count())
"""
COUNT = """
from benchmarks.clock import NOW
from bookings.models import Booking, Expert
from django.db.models import Count
print(sorted(set(Booking.objects.values_list("state", flat=True))))
print(sorted(set(Expert.objects.annotate(n=Count("bookings")).values_list("n", flat=True))))
print(Booking.objects.past(NOW).count(), Booking.objects.overdue(NOW).count())
"""


def test_generated_bookings_keep_every_promise(empty_database: str, tmp_path: Path) -> None:
    made = _run(empty_database, tmp_path, "-m", "benchmarks.generate", "10000")
    assert made.returncode == 0, made.stderr

    verified = _run(empty_database, tmp_path, "manage.py", "verify")
    assert verified.returncode == 0, verified.stdout
    counted = _run(empty_database, tmp_path, "manage.py", "shell", "-v0", "-c", COUNT)
    states, calls, past = counted.stdout.splitlines()
    assert states == str(sorted(State.values))
    assert calls == "[1000]"  # of so few bookings the busy experts have as many as the others
    assert past == "9930 0"

    swept = _run(empty_database, tmp_path, "manage.py", "shell", "-v0", "-c", SWEPT)
    assert swept.stdout.split() == ["60", "60"], swept.stderr
    verified = _run(empty_database, tmp_path, "manage.py", "verify")
    assert verified.returncode == 0, verified.stdout
    if empty_database.startswith("sqlite"):
        path = empty_database.removeprefix("sqlite:///")
        assert sqlite3.connect(path).execute("PRAGMA foreign_key_check").fetchall() == []


def test_who_begins_changes_and_the_first_of_a_block_do_not_count() -> None:
    asked: list[str] = []

    def rival(name: str, seconds: float) -> float:
        is_warm = asked[-DROPPED:] == [name] * DROPPED
        asked.append(name)
        return seconds if is_warm else 100.0

    series = take_turns(
        {"first": lambda: rival("first", 2.0), "second": lambda: rival("second", 3.0)},
        rounds=2,
        block=4,
        floor=lambda: rival("floor", 1.0),
    )

    half, block = ["floor"] * (DROPPED + 2), DROPPED + 4
    first, second = [*half, *["first"] * block, *half], [*half, *["second"] * block, *half]
    assert asked == [*first, *second, *second, *first]
    assert (series["first"].times_floor, series["second"].times_floor) == (2.0, 3.0)
    assert series["second"].ratio_to(series["first"]) == 1.5


def test_one_noisy_round_does_not_move_a_ratio() -> None:
    floor = Series(((1.0, 1.0), (10.0, 10.0), (1.0, 1.0)))
    page = Series(((2.0, 2.0), (90.0, 90.0), (2.0, 2.0)))

    assert (page.ratio_to(floor), page.p50) == (2.0, 2.0)


def test_a_goal_is_a_bound_from_above_or_from_below() -> None:
    assert Goal("ratio", 2.3, 2.3).is_met
    assert not Goal("ratio", 2.31, 2.3).is_met
    assert Goal("rate", 8, 8, is_least=True).is_met
    assert not Goal("rate", 7.9, 8, is_least=True).is_met


@pytest.mark.parametrize(
    "answer",
    [
        Answer(302, b"need action" * 100),
        Answer(500, b"need action" * 100),
        Answer(200, b"need action"),
        Answer(200, b"Sign in" * 100),
    ],
)
def test_what_was_not_asked_for_gives_no_figure(answer: Answer) -> None:
    page = Page("need action", lambda: Request("/need-action/"), "need action")
    page.check(Answer(200, b"need action" * 100))

    with pytest.raises(WrongAnswer):
        page.check(answer)


@pytest.mark.django_db
def test_a_query_is_slowed_down_on_purpose_and_only_that_one(monkeypatch) -> None:
    slept: list[float] = []
    this, sleep = threading.get_ident(), time.sleep  # other threads sleep as well

    def slept_here(seconds: float) -> None:
        (slept.append if threading.get_ident() == this else sleep)(seconds)

    monkeypatch.setattr(queries.time, "sleep", slept_here)

    with queries.slowed("bookings_booking", 0.002):
        Booking.objects.count()
        connection.cursor().execute("SELECT 1")

    assert slept == [0.002]


def test_the_standin_waits_before_it_answers_as_a_provider(monkeypatch) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.sleep(seconds)

    monkeypatch.setattr(stand_in, "time", SimpleNamespace(sleep=sleep))
    with stand_in.StandIn() as server:
        server.delay_seconds = 0.0123
        threading.Thread(target=server.serve_forever, daemon=True).start()

        call(server, "GET", "/_books")
        assert 0.0123 not in slept
        call(server, "GET", "/v1/refunds?payment_intent=pi_1")
        assert slept.count(0.0123) == 1
        server.shutdown()
