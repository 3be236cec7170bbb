"""The ten parts: how each is stopped and put back, and by which words staff hears of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests import clock
from tests.outages.site import Site, refund_somebody

MAIL, PING = "mail", "ping"
DISK, FILLED = 180, 90
"""Megabytes. The site wants 100 of them free."""
AHEAD = 3600
"""Seconds by which the worker's clock is wrong."""
ALMOST_NOTHING = 1
"""Bytes for the broker, which holds more than that already: it takes nothing."""


class NotPossible(Exception):
    """This machine does not allow it; the text says what would help."""


@dataclass(frozen=True)
class Part:
    name: str
    trouble: str
    """Its name among TROUBLES. Staff is mailed when it is back, too, if it was mailed before."""
    words: tuple[str, ...]
    """One of them stands in the mail and in the text of the failed ping."""
    stopped: Callable[[Site], Any]
    """While it is stopped; leaving puts it back."""
    ways: tuple[str, ...] = (MAIL, PING)
    """By all of these staff must hear of it."""


@contextmanager
def _program(site: Site, name: str) -> Iterator[None]:
    site.stop(name)
    yield
    site.start(name)


def _of(name: str) -> Callable[[Site], Any]:
    return lambda site: _program(site, name)


@contextmanager
def full_broker(site: Site) -> Iterator[None]:
    from redis import Redis

    with Redis.from_url(site.env["REDIS_URL"]) as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", ALMOST_NOTHING)
        yield
        client.config_set("maxmemory", 0)


@contextmanager
def no_mail_server(site: Site) -> Iterator[None]:
    refund = refund_somebody(site)
    site.mail_server.close()
    refund()  # which is told by e-mail
    yield
    site.take_mails()


@contextmanager
def no_provider(site: Site) -> Iterator[None]:
    """A refund notices that it is away. Another one, once it is back, notices that."""
    refunds = [refund_somebody(site) for _ in range(2)]
    site.stop("provider")
    refunds[0]()
    yield
    site.start("provider")
    site.wait(site.provider.is_there, 30)
    refunds[1]()


@contextmanager
def wrong_clock(site: Site) -> Iterator[None]:
    """The worker is started anew under a clock that is ahead."""
    worker = site.program("worker-1")
    right = worker.env or {}
    try:
        worker.env = {**right, **clock.ahead_by(AHEAD)}
    except clock.Unusable as why:
        raise NotPossible(str(why)) from why
    worker.end()
    site.start("worker-1")
    yield
    worker.env = right
    worker.end()
    site.start("worker-1")


@contextmanager
def full_disk(site: Site) -> Iterator[None]:
    """DATA_DIR is a small one of its own since the site began."""
    if not os.path.ismount(site.data):
        raise NotPossible("mounting a small disk needs root")
    filling = site.data / "filling"
    filling.write_bytes(bytes(FILLED * 1024 * 1024))
    yield
    filling.unlink()


@contextmanager
def small_disk(site_data: os.PathLike[str]) -> Iterator[None]:
    """A disk of its own for DATA_DIR, where this user may mount one."""
    command = [
        "mount",
        "-t",
        "tmpfs",
        "-o",
        f"size={DISK}m,mode=0700",
        "outages",
        os.fspath(site_data),
    ]
    if os.geteuid() != 0 or subprocess.run(command, check=False).returncode != 0:
        yield
        return
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", site_data], check=False)


PARTS = [
    Part("beat", "beat", ("Beat has asked for no sweep",), _of("beat")),
    Part("worker", "worker", ("No worker has answered",), _of("worker-1")),
    Part("broker", "broker", ("The broker has taken nothing",), _of("broker")),
    Part("broker full", "broker", ("It is full.",), full_broker),
    Part("database", "database", ("The database has not", "The sweep failed"), _of("database")),
    Part("mail server", "mail", ("The mail server has taken nothing",), no_mail_server, ways=(PING,)),
    Part("payment provider", "provider", ("A payment provider has given no",), no_provider),
    Part("clock", "", ("A clock is wrong", "clock is not the database's",
                       "The clock of this machine"), wrong_clock),
    Part("disk", "disk", ("The disk has been nearly full",), full_disk),
    Part("web process", "web", ("No web process has answered",), _of("web")),
]  # fmt: skip
