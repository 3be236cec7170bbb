"""Refunds through a provider and e-mails through a server that take 50 ms for each answer."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from django.test.utils import override_settings
from django.utils import timezone

from benchmarks.backlog import make_due
from benchmarks.databases import ROOT
from benchmarks.measure import Goal, number, table
from benchmarks.provider import DELAY_MS, Provider, SlowMailServer, provider
from bookings import sweeps, tasks
from bookings.models import OutboxEmail, Payment, Refund, RefundState

REFUNDS = 600
RACED = 400
SWEEPERS = 4
IN_FLIGHT = 32
"""calls to a provider at the same time; the ideal is that each takes only its 50 ms"""
PART_OF_IDEAL = 0.6


def run() -> list[Goal]:
    with provider() as stand_in:
        keys = {"STRIPE_SECRET_KEY": "sk_test_standin", "STRIPE_API_BASE": stand_in.url}
        mail = "benchmarks.provider.SlowMailServer"
        with override_settings(**keys, EMAIL_BACKEND=mail):
            refunds, calls = _refunds(stand_in)
            mails = _mails()
        twice = _race(stand_in, keys)
    ideal_calls = IN_FLIGHT / (DELAY_MS / 1000)
    ideal = ideal_calls / calls
    rows = [
        ["refunds", number(refunds), f"{calls:.1f}", number(ideal), f"{refunds / ideal:.0%}"],
        ["e-mails", number(mails), "1", number(ideal_calls), f"{mails / ideal_calls:.0%}"],
    ]
    print("\n" + table(["50 ms an answer", "per s", "calls each", "ideal per s", "part"], rows))
    return [
        Goal("refunds, part of the ideal rate", refunds / ideal, PART_OF_IDEAL, is_least=True),
        Goal("e-mails, part of the ideal rate", mails / ideal_calls, PART_OF_IDEAL, is_least=True),
        Goal(f"payments refunded twice by {SWEEPERS} sweepers", twice, 0),
    ]


def _due_refunds(count: int, stand_in: Provider) -> list[int]:
    ids = make_due(count, now=timezone.now())
    sweeps.run_deadlines(now=timezone.now())
    paid = Payment.objects.filter(booking_id__in=ids).values_list("provider_ref", "captured_minor")
    stand_in.take(list(paid))
    return list(Refund.objects.filter(booking_id__in=ids).values_list("id", flat=True))


def _refunds(stand_in: Provider) -> tuple[float, float]:
    """Refunds a second, and calls to the provider for each."""
    ids = _due_refunds(REFUNDS, stand_in)
    with _counted() as calls:
        began = time.perf_counter()
        tasks.execute_all(ids, now=timezone.now())
        seconds = time.perf_counter() - began
    done = Refund.objects.filter(id__in=ids, state=RefundState.SUCCEEDED).count()
    if not done:
        raise SystemExit("No refund has succeeded.")
    print(f"{done} of {REFUNDS} refunds done in {seconds:.1f} s")
    return done / seconds, len(calls) / done


def _mails() -> float:
    now = timezone.now()
    ids = OutboxEmail.objects.due(now).ids(REFUNDS)
    before = SlowMailServer.taken
    began = time.perf_counter()
    tasks.deliver_all(ids, now=now)
    seconds = time.perf_counter() - began
    sent = SlowMailServer.taken - before
    print(f"{sent} of {len(ids)} e-mails sent in {seconds:.1f} s")
    if not sent:
        states = OutboxEmail.objects.filter(id__in=ids).values_list("kind", "state", "last_error")
        raise SystemExit(f"No e-mail was sent: {set(states)}")
    return sent / seconds


def _race(stand_in: Provider, keys: dict[str, str]) -> int:
    """Several processes drive the same refunds; how many payments were refunded twice."""
    ids = _due_refunds(RACED, stand_in)
    command = [sys.executable, "-m", "benchmarks.sweeper"]
    racing = [
        subprocess.Popen(
            command, cwd=ROOT, env=os.environ | keys, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(SWEEPERS)
    ]
    for process in racing:
        assert process.stdout is not None
        process.stdout.readline()  # it is ready
    began = time.perf_counter()
    told = " ".join([timezone.now().isoformat(), *map(str, ids)]).encode()
    for process in racing:
        assert process.stdin is not None
        process.stdin.write(told + b"\n")
        process.stdin.flush()
    taken = [process.communicate()[0] for process in racing]
    seconds = time.perf_counter() - began
    references = Payment.objects.filter(refunds__id__in=ids).values_list("provider_ref", flat=True)
    books = stand_in.books()
    refunded = [len(books[reference]["refunds"]) for reference in references]
    shares = ", ".join(line.decode().strip() for line in taken)
    print(
        f"{SWEEPERS} sweepers on {RACED} refunds, {seconds:.1f} s: took {shares};"
        f" {sum(map(bool, refunded))} payments refunded, {sum(n > 1 for n in refunded)} twice"
    )
    if not any(refunded):
        raise SystemExit("No sweeper has refunded anything.")
    return sum(n > 1 for n in refunded)


@contextmanager
def _counted() -> Iterator[list[int]]:
    """A one for every request to a provider."""
    calls: list[int] = []
    lock = threading.Lock()
    original = requests.Session.request

    def counting(session: requests.Session, *args: Any, **options: Any) -> requests.Response:
        with lock:
            calls.append(1)
        return original(session, *args, **options)

    requests.Session.request = counting  # type: ignore
    try:
        yield calls
    finally:
        requests.Session.request = original  # type: ignore
