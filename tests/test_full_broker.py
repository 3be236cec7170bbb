"""A broker that is full, or was gone: worker and beat go on by themselves. Real servers."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from bookings import figures
from tests import servers
from tests.test_embedded_broker import private_server, start, wait_until
from topmate.embedded import broker

pytestmark = pytest.mark.broker
__all__ = ["private_server"]
PATIENCE = 60.0


@dataclass
class Scene:
    command: list[str]
    url: str
    folder: Path
    server: subprocess.Popen[bytes]
    worker: subprocess.Popen[bytes]
    beat: subprocess.Popen[bytes]

    @property
    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def last_answer(self) -> str:
        """When the worker has last taken something from the broker."""
        with sqlite3.connect(self.folder / "data" / "topmate.sqlite3", timeout=20) as database:
            ask = "SELECT finished_at FROM bookings_heartbeat WHERE name = 'worker'"
            return str((database.execute(ask).fetchone() or [""])[0])

    def goes_on(self) -> bool:
        before = self.last_answer()
        return wait_until(lambda: self.last_answer() > before, PATIENCE)

    def is_complete(self) -> bool:
        return self.worker.poll() is None and self.beat.poll() is None


def environment(folder: Path, url: str) -> dict[str, str]:
    return {
        **os.environ,
        "DATA_DIR": str(folder / "data"),
        "DATABASE_URL": "",
        "REDIS_URL": url,
        "SWEEP_EVERY": "1s",
        "LOG_LEVEL": "ERROR",
        "PYTHONWARNINGS": "ignore",
    }


@pytest.fixture
def scene(root: Path, tmp_path: Path, private_server: tuple[list[str], str]) -> Iterator[Scene]:
    command, url = private_server
    env = environment(tmp_path, url)
    server = start(command)
    celery = [sys.executable, "-m", "celery", "--app", "topmate", "--quiet"]
    worker = [*celery, "worker", "--pool", "threads", "--concurrency", "2", "--loglevel", "ERROR"]
    beat = [*celery, "beat", "--pidfile=", "--loglevel", "ERROR"]
    options: dict[str, Any] = {"cwd": root, "env": env}
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, check=True, **options)
    assert broker.wait_for(url, lambda: server.poll() is None) == ""
    options |= {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    options["preexec_fn"] = servers.dies_with_us(signal.SIGKILL)
    it = Scene(
        command,
        url,
        tmp_path,
        server,
        subprocess.Popen(worker, **options),
        subprocess.Popen(beat, **options),
    )
    try:
        assert it.goes_on()
        yield it
    finally:
        for process in (it.worker, it.beat, it.server):
            process.kill()
            process.wait()


def test_worker_and_beat_outlive_a_broker_that_is_full(scene: Scene) -> None:
    """With messages in it: what cannot be noted down as taken ended a worker."""
    scene.worker.send_signal(signal.SIGSTOP)
    assert wait_until(lambda: scene.client.llen("topmate") > 0, 15)
    scene.client.config_set("maxmemory", "1")
    scene.worker.send_signal(signal.SIGCONT)
    time.sleep(6)
    assert scene.is_complete()
    scene.client.config_set("maxmemory", "0")
    assert scene.goes_on()
    assert scene.is_complete()


def test_worker_and_beat_outlive_a_broker_that_was_gone(scene: Scene) -> None:
    scene.server.kill()
    scene.server.wait()
    time.sleep(3)
    scene.server = start(scene.command)
    assert scene.goes_on()
    assert scene.is_complete()


def test_a_broker_that_answers_and_takes_nothing_is_seen(
    private_server: tuple[list[str], str], settings: Any
) -> None:
    command, url = private_server
    server = start(command)
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": url}}
    try:
        assert broker.wait_for(url, lambda: server.poll() is None) == ""
        assert figures.broker() == "ok"
        redis.Redis.from_url(url).config_set("maxmemory", "1")
        assert broker.answers(url) == "", "it answers"
        assert figures.broker() == "full"
    finally:
        server.kill()
        server.wait()
    assert figures.broker() == "failed"
