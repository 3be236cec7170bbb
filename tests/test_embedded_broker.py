"""Celery on a real server: what a worker, a kill and a dead broker do to our messages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import transaction
from django.utils import timezone

from tests import servers
from topmate import app
from topmate import broker as our_broker
from topmate.embedded import broker

pytestmark = pytest.mark.broker


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.1)
    return holds()


@pytest.fixture
def queue() -> Iterator[redis.Redis]:
    """The broker's database, empty before and after."""
    with app.connection_for_write() as connection:
        client = connection.default_channel.client
        client.flushdb()
        yield client
        client.flushdb()


@pytest.fixture
def private_server(tmp_path: Path) -> Iterator[tuple[list[str], str]]:
    server = broker.find_server()
    if server is None:
        pytest.skip("no server binary of our own to kill; only TEST_REDIS_URL")
    folder = broker.make_socket_folder()
    command = broker.command(server, folder / "b.sock", tmp_path / "data")
    yield command, f"unix://{folder / 'b.sock'}"
    for leftover in folder.iterdir():
        leftover.unlink()
    folder.rmdir()


def start(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, preexec_fn=servers.dies_with_us(signal.SIGKILL)
    )


def test_messages_survive_a_kill_of_the_broker(private_server: tuple[list[str], str]) -> None:
    command, url = private_server
    process = start(command)
    assert broker.wait_for(url, lambda: process.poll() is None) == ""
    with redis.Redis.from_url(url) as client:
        client.rpush("topmate", *range(5))
        time.sleep(1.2)  # the file is written each second
        process.kill()
        process.wait()
    process = start(command)
    assert broker.wait_for(url, lambda: process.poll() is None) == ""
    try:
        with redis.Redis.from_url(url) as client:
            assert client.lrange("topmate", 0, -1) == [b"0", b"1", b"2", b"3", b"4"]
    finally:
        process.terminate()
        process.wait()


@pytest.mark.django_db(transaction=True)
def test_a_worker_sweeps_at_its_start_and_knows_what_beat_asks_for(queue: redis.Redis) -> None:
    from bookings.models import Heartbeat

    before = timezone.now() - timedelta(seconds=1)
    heartbeats = Heartbeat.objects.filter(finished_at__gt=before)
    name = str(settings.DATABASES["default"]["NAME"])
    env = os.environ | {"DATABASE_URL": f"sqlite:///{name}", "SWEEP_EVERY": "1s"}
    celery = [sys.executable, "-m", "celery", "--app", "topmate", "--quiet"]
    started = []

    def start_program(*command: str) -> None:
        dies = servers.dies_with_us(signal.SIGKILL)
        started.append(subprocess.Popen([*celery, *command], env=env, preexec_fn=dies))

    try:
        start_program("worker", "--pool", "threads", "--concurrency", "2", "--loglevel", "WARNING")
        assert wait_until(heartbeats.filter(name="sweep").exists, 30)
        assert not heartbeats.filter(name="beat").exists(), "beat has asked for nothing"
        start_program("beat", "--pidfile=", "--loglevel", "WARNING")
        assert wait_until(heartbeats.filter(name="beat").exists, 30)
    finally:
        for process in started:
            process.terminate()
            process.wait(30)


@app.task(name="tests.nothing")
def nothing() -> None:
    """Something to publish."""


@pytest.mark.django_db(transaction=True)
def test_a_message_goes_out_after_the_commit_and_not_before(queue: redis.Redis) -> None:
    with transaction.atomic():
        nothing.delay_on_commit()
        assert queue.llen("topmate") == 0
    assert queue.llen("topmate") == 1


@pytest.mark.django_db(transaction=True)
def test_in_a_request_a_message_goes_out_when_the_answer_has_left(queue: redis.Redis) -> None:
    request_started.send(None)
    nothing.delay_on_commit()
    assert queue.llen("topmate") == 0
    request_finished.send(None)
    assert queue.llen("topmate") == 1
    nothing.delay_on_commit()
    assert queue.llen("topmate") == 2, "outside of a request at once"


def test_only_json_is_accepted() -> None:
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1
    assert not app.conf.task_always_eager


SLOW_PUBLISH = """
import time, django
django.setup()
from topmate import app
@app.task(name="tests.nothing")
def nothing(): pass
began = time.monotonic()
for _ in range(3):
    nothing.delay_on_commit()
print(time.monotonic() - began)
"""


@pytest.mark.parametrize("how", ["frozen", "dead"])
def test_a_click_does_not_wait_for_a_broken_broker(
    how: str, private_server: tuple[list[str], str], tmp_path: Path
) -> None:
    command, url = private_server
    process = start(command)
    assert broker.wait_for(url, lambda: process.poll() is None) == ""
    if how == "frozen":
        process.send_signal(signal.SIGSTOP)
    else:
        process.kill()
        process.wait()
    env = os.environ | {"REDIS_URL": url, "DATABASE_URL": f"sqlite:///{tmp_path / 'x.sqlite3'}"}
    result = subprocess.run(
        [sys.executable, "-c", SLOW_PUBLISH], env=env, capture_output=True, text=True, timeout=120
    )
    process.kill()
    process.wait()
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) < 5
    assert "left to the sweep" in result.stderr


def test_the_pause_ends() -> None:
    assert settings.SWEEP_EVERY.total_seconds() > our_broker.PAUSE_AFTER_FAILURE
