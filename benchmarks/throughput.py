"""Refunds through a provider and e-mails through a server that take 50 ms for each answer."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import urllib3
from django.conf import settings
from django.test.utils import override_settings
from django.utils import timezone

from benchmarks.backlog import make_due
from benchmarks.measure import Goal, number, table
from benchmarks.provider import DELAY_MS, Provider, SlowMailServer, provider
from benchmarks.racing import race
from bookings import emails, refunds, sweeps
from bookings.models import OutboxEmail, Payment, Refund, RefundState
from topmate.services import Mail

REFUNDS = 2000
MAILS = 600
RACED = 400
SWEEPERS = 4
PART_OF_IDEAL = 0.6


def run(*, rounds: int) -> list[Goal]:
    with provider() as stand_in:
        mail = Mail("benchmarks.provider.SlowMailServer").settings()
        with override_settings(**keys_of(stand_in), **mail):
            refunds = [_refunds(stand_in) for _ in range(rounds)]
            mails = [_mails() for _ in range(rounds)]
        twice = _race(stand_in)
    calls = statistics.median(calls for _, calls in refunds)
    found = (
        ("refunds", [rate for rate, _ in refunds], calls, settings.PROVIDER_IN_FLIGHT),
        ("e-mails", mails, 1.0, settings.MAIL_IN_FLIGHT),
    )
    rows, goals = [], []
    for name, rates, each, in_flight in found:
        rate = statistics.median(rates)
        ideal = in_flight / (DELAY_MS / 1000) / each  # nothing takes time but the answers
        part = rate / ideal
        row = [name, number(rate), f"{each:.1f}", str(in_flight), number(ideal), f"{part:.0%}"]
        rows.append(row)
        goals.append(Goal(f"{name}, part of the ideal", part, PART_OF_IDEAL, is_least=True))
    head = ["50 ms an answer", "per s", "calls each", "in flight", "ideal per s", "part"]
    print("\n" + table(head, rows))
    return [
        *goals,
        Goal(f"payments refunded twice by {SWEEPERS} sweepers", twice, 0),
    ]


def keys_of(stand_in: Provider) -> dict[str, str]:
    return {"STRIPE_SECRET_KEY": "sk_test_standin", "STRIPE_API_BASE": stand_in.url}


def due_refunds(count: int, stand_in: Provider) -> list[int]:
    ids = make_due(count, now=timezone.now())
    sweeps.run_deadlines(now=timezone.now())
    paid = Payment.objects.filter(booking_id__in=ids).values_list("provider_ref", "captured_minor")
    stand_in.take(list(paid))
    return list(Refund.objects.filter(booking_id__in=ids).values_list("id", flat=True))


def _refunds(stand_in: Provider) -> tuple[float, float]:
    """Refunds a second, and calls to the provider for each."""
    ids = due_refunds(REFUNDS, stand_in)
    with _counted() as calls:
        began = time.perf_counter()
        refunds.drive(ids, now=timezone.now())
        seconds = time.perf_counter() - began
    done = Refund.objects.filter(id__in=ids, state=RefundState.SUCCEEDED).count()
    if not done:
        raise SystemExit("No refund has succeeded.")
    print(f"{done} of {REFUNDS} refunds done in {seconds:.1f} s")
    return done / seconds, len(calls) / done


def _mails() -> float:
    now = timezone.now()
    ids = OutboxEmail.objects.due(now).ids(MAILS)
    before = SlowMailServer.taken
    began = time.perf_counter()
    emails.deliver_all(ids, now=now)
    seconds = time.perf_counter() - began
    sent = SlowMailServer.taken - before
    print(f"{sent} of {len(ids)} e-mails sent in {seconds:.1f} s")
    if not sent:
        states = OutboxEmail.objects.filter(id__in=ids).values_list("kind", "state", "last_error")
        raise SystemExit(f"No e-mail was sent: {set(states)}")
    return sent / seconds


def _race(stand_in: Provider) -> int:
    """Several processes drive the same refunds; how many payments were refunded twice."""
    ids = due_refunds(RACED, stand_in)
    found = race(SWEEPERS, "refunds", ids=ids, environment=keys_of(stand_in))
    references = Payment.objects.filter(refunds__id__in=ids).values_list("provider_ref", flat=True)
    books = stand_in.books()
    refunded = [len(books[reference]["refunds"]) for reference in references]
    print(
        f"{SWEEPERS} sweepers on {RACED} refunds, {found.seconds:.1f} s: took {found.taken};"
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
    original = urllib3.HTTPConnectionPool.urlopen

    def counting(pool: urllib3.HTTPConnectionPool, *args: Any, **options: Any) -> Any:
        with lock:
            calls.append(1)
        return original(pool, *args, **options)

    urllib3.HTTPConnectionPool.urlopen = counting  # type: ignore
    try:
        yield calls
    finally:
        urllib3.HTTPConnectionPool.urlopen = original  # type: ignore
