"""One run: start, trade, kill, heal, compare."""

from __future__ import annotations

import os
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

from bookings.standin.calls import Call
from bookings.standin.faults import RANDOM_KINDS, Dice, Fault
from bookings.standin.server import StandIn
from tests import servers
from tests.chaos.processes import Site

ROOT = Path(__file__).resolve().parent.parent.parent
HEAL_SECONDS = 240.0
SLOW, VERY_SLOW = 2.0, 15.0
"""Seconds: long after the client has stopped waiting, and has tried again."""
KINDS = (*(kind for kind in RANDOM_KINDS if kind != "huge"), *(("slow", "queued") * 6))
"""More of the ones that do the work when nobody expects it any more."""


@dataclass(frozen=True)
class Options:
    seed: int
    kills: int
    minutes: float = 600
    fresh_keys: bool = False
    sqlite: bool = False
    crash_rate: float = 0.03
    crash_at: str = ""
    fault_rate: float = 0.5
    at_once: int = 30


PATIENCE = 4.0


class Lies(Dice):
    """What is done late is done very late: a list that was read meanwhile did not have it."""

    def throw(self, call: Call) -> Fault:
        fault = super().throw(call)
        return replace(fault, seconds=VERY_SLOW) if fault.kind in ("slow", "queued") else fault


class Quiet(StandIn):
    """A client that is killed in the middle of a call is what this is about."""

    def handle_error(self, request: object, client_address: object) -> None:
        return


def run(options: Options, say: Callable[[str], None]) -> bool:
    """True when no refund is doubled, lost or mismatched and every invariant holds."""
    with tempfile.TemporaryDirectory(prefix="topmate-chaos-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        started: list[servers.Running] = []
        try:
            return _run(options, folder, started, say)
        finally:
            for server in started:
                server.stop()


def _run(
    options: Options, folder: Path, started: list[servers.Running], say: Callable[[str], None]
) -> bool:
    began = time.monotonic()
    server = Quiet(file=str(folder / "books.sqlite3"))
    server.webhooks.is_off = True
    server.books.settles_after = 1.0
    server.faults.dice = Lies(str(options.seed), options.fault_rate, kinds=KINDS, seconds=SLOW)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    env = _environment(options, folder, server, started)
    say(" · ".join(one.label for one in started) + f" · seed {options.seed}")
    _become_the_site(env)

    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    site = Site(env, folder, ROOT)
    try:
        kills = _trade_and_kill(options, folder, server, site, say)
        _heal(folder, server, site, say)
    finally:
        site.stop()
    minutes = (time.monotonic() - began) / 60
    return _report(server, site, kills, folder, minutes, say)


def _environment(
    options: Options, folder: Path, server: StandIn, started: list[servers.Running]
) -> dict[str, str]:
    redis = servers.start_redis(folder)
    started.append(redis)
    database = f"sqlite:////{str(folder / 'chaos.sqlite3').lstrip('/')}"
    if options.sqlite:
        started.append(servers.Running(database, "SQLite"))
    else:
        started.append(servers.start_postgres(folder))
        database = started[-1].url
        _make_database(database)
    keys = server.keys
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("CHAOS_")},
        "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
        "DATABASE_URL": database,
        "REDIS_URL": redis.url,
        "DATA_DIR": str(folder / "data"),
        "SWEEP_EVERY": "1s",
        "LOG_LEVEL": "ERROR",
        "STRIPE_API_BASE": server.url,
        "STRIPE_SECRET_KEY": keys.stripe_secret_key,
        "RAZORPAY_API_BASE": server.url,
        "RAZORPAY_KEY_ID": keys.razorpay_key_id,
        "RAZORPAY_KEY_SECRET": keys.razorpay_key_secret,
        "CHAOS_SEED": str(options.seed),
        "CHAOS_CRASH_RATE": str(options.crash_rate),
        "CHAOS_CRASH_AT": options.crash_at,
        "CHAOS_FOLDER": str(folder),
        "CHAOS_FRESH_KEYS": "1" if options.fresh_keys else "",
    }


def _make_database(url: str) -> None:
    import psycopg

    host = url.partition("host=")[2]
    with psycopg.connect(host=host, user="topmate", dbname="postgres", autocommit=True) as it:
        it.execute("CREATE DATABASE topmate")


def _become_the_site(env: dict[str, str]) -> None:
    """This process trades and compares; it is never killed, so it carries no killer."""
    os.environ.update({**env, "CHAOS_CRASH_RATE": ""})
    import django

    django.setup()


def _trade_and_kill(
    options: Options, folder: Path, server: StandIn, site: Site, say: Callable[[str], None]
) -> int:
    from tests.chaos.customers import Customers

    dice = random.Random(options.seed)
    customers = Customers(server, random.Random(options.seed + 1))
    next_kill, ends = time.monotonic(), time.monotonic() + 60 * options.minutes
    said = tries = killed = 0
    while killed < options.kills and time.monotonic() < ends:
        killed = sum(site.kills.values()) + len(crashes(folder))
        site.keep_up()
        customers.undo()
        if customers.in_hand() < options.at_once:
            customers.come()
        if not tries:  # nothing is up yet
            tries, next_kill = customers.tries(), time.monotonic()
        elif time.monotonic() > next_kill:
            # A site that is killed faster than it can start does nothing that could go wrong.
            is_stuck = time.monotonic() > next_kill + PATIENCE
            if (now_tried := customers.tries()) != tries or is_stuck:
                site.kill(dice)
                tries, next_kill = now_tried, time.monotonic() + dice.uniform(0.05, 0.6)
        if killed >= said + 50:
            said = killed - killed % 50
            say(f"{killed} kills, {customers.calls} calls")
        time.sleep(0.05)
    return killed


def crashes(folder: Path) -> list[str]:
    path = folder / "crashes"
    return path.read_text().split() if path.exists() else []


def _heal(folder: Path, server: StandIn, site: Site, say: Callable[[str], None]) -> None:
    """The provider behaves, nobody is killed; everything that is due has to end."""
    (folder / "healing").touch()
    server.faults.dice = None
    from bookings.models import Booking, Refund
    from bookings.states import State
    from tests.chaos.arming import DAY_HERE
    from tests.chaos.comparing import IN_HAND

    began = time.monotonic()
    while time.monotonic() - began < HEAL_SECONDS:
        site.keep_up()
        left = Refund.objects.filter(state__in=IN_HAND).count()
        left += Booking.objects.filter(state=State.NO_SHOW_REPORTED).count()
        if not left:
            break
        time.sleep(0.5)
    say(f"healed in {time.monotonic() - began:.0f} s")
    from bookings.models import Payment

    healed_at = time.time()
    while Payment.objects.filter(reconciled_at=None).exists() or _compared_before(healed_at):
        site.keep_up()
        if time.monotonic() - began > 2 * HEAL_SECONDS:
            say(f"not every payment was compared again within {DAY_HERE}")
            break
        time.sleep(0.5)


def _compared_before(moment: float) -> bool:
    """A payment that was compared last before the healing ended."""
    from datetime import UTC, datetime

    from bookings.models import Payment

    return Payment.objects.filter(reconciled_at__lt=datetime.fromtimestamp(moment, UTC)).exists()


def _report(
    server: StandIn,
    site: Site,
    kills: int,
    folder: Path,
    minutes: float,
    say: Callable[[str], None],
) -> bool:
    from django.core.management import CommandError, call_command

    from bookings.models import Refund
    from tests.chaos.comparing import compare

    found = compare(server.books.summary())
    states = Counter(Refund.objects.values_list("state", flat=True))
    say(f"kills: {kills}: {dict(site.kills)}, at points {dict(Counter(crashes(folder)))}")
    say(f"faults of the provider: {server.faults.counts}")
    say(f"payments: {found.payments}, refunds: {found.refunds} {dict(states)}, {minutes:.1f} min")
    for name in ("doubled", "lost", "mismatched"):
        offenders: list[str] = getattr(found, name)
        say(f"{name}: {len(offenders)}")
        for line in offenders[:20]:
            say(f"    {line}")
    out = StringIO()
    try:
        call_command("verify", stdout=out)
        is_verified = True
    except CommandError as error:
        is_verified = False
        out.write(str(error))
    say(out.getvalue().strip())
    return found.is_clean and is_verified
