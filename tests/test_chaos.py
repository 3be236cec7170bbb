"""The chaos run can see what it looks for: each kind of difference between the ledgers, and
whatever was answered and is forgotten. And a seed says who is killed when."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from bookings.models import OutboxEmail, ProviderEvent, Refund, RefundState
from bookings.refunds import answers
from tests.chaos import killing
from tests.chaos.arming import _take_the_next_key_at_once, _use_a_fresh_key_per_try
from tests.chaos.comparing import Comparison, compare, find_early, find_forgotten
from tests.chaos.killing import Reaper
from tests.chaos.options import KINDS, kinds_in
from tests.chaos.processes import Program
from tests.engine import drive, paid, refetch, refund_of
from tests.provider.running import Provider, until

pytestmark = pytest.mark.django_db
LONG_AFTER = datetime(2100, 1, 1, tzinfo=UTC)


def compared(provider: Provider) -> Comparison:
    return compare(provider.server.books.summary())


def finished(provider: Provider) -> Refund:
    refund = drive(refund_of(provider, part=80000))
    provider.tell(advance=61)
    return drive(refund)


def test_equal_ledgers_are_clean(provider: Provider) -> None:
    finished(provider)
    found = compared(provider)
    assert (found.is_clean, found.refunds) == (True, 1)


@pytest.mark.parametrize("is_fresh", [False, True])
def test_m07_a_fresh_key_per_try_pays_twice_and_is_seen(
    provider: Provider, is_fresh: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Refund, "idempotency_key", Refund.idempotency_key)  # put back at the end
    if is_fresh:
        _use_a_fresh_key_per_try()
    refund = refund_of(provider, part=80000)
    provider.fault("queued", seconds=1.5)
    assert drive(refund).state == RefundState.UNKNOWN
    assert drive(refund).state == RefundState.ACCEPTED  # looked for, not found, sent again
    if is_fresh:
        until(lambda: len(paid(provider, refund)) == 2)
    provider.tell(advance=61)
    drive(refund)
    assert len(compared(provider).doubled) == (1 if is_fresh else 0)


def test_a_lost_refund_is_seen(provider: Provider) -> None:
    refund = finished(provider)
    provider.server.books.by_payment[refund.payment.provider_ref].clear()
    assert len(compared(provider).lost) == 1


def test_an_unfinished_refund_is_lost(provider: Provider) -> None:
    refund_of(provider)
    assert len(compared(provider).lost) == 1


def test_outside_money_that_is_not_written_down_is_a_mismatch(provider: Provider) -> None:
    refund = finished(provider)
    provider.tell(external_refund={"payment": refund.payment.provider_ref, "amount": 100})
    assert len(compared(provider).mismatched) == 1
    refetch(refund)
    assert compared(provider).is_clean


# --- what must not be forgotten -----------------------------------------------------------------


def test_a_verb_that_was_answered_and_is_not_there_is_forgotten(provider: Provider) -> None:
    booking = finished(provider).booking
    OutboxEmail.objects.update(next_attempt_at=None)
    answered = {booking.external_ref: booking.version}
    assert find_forgotten(answered, []) == []
    assert len(find_forgotten({booking.external_ref: booking.version + 1}, [])) == 1
    assert len(find_forgotten({**answered, "a booking that is gone": 1}, [])) == 1


def test_a_webhook_that_was_taken_and_is_not_there_is_forgotten() -> None:
    taken = {"id": "evt_1", "body": "{}", "delivered": 2}
    assert len(find_forgotten({}, [taken])) == 1
    assert find_forgotten({}, [{**taken, "delivered": 0}]) == []
    row = ProviderEvent.objects.create(
        provider="stripe", event_id="evt_1", body_sha256=hashlib.sha256(b"{}").hexdigest(),
        kind="x", body="{}", received_at=timezone.now(), next_attempt_at=timezone.now(),
    )  # fmt: skip
    assert len(find_forgotten({}, [taken])) == 1, "kept, but nobody works on it"
    ProviderEvent.objects.filter(pk=row.pk).update(next_attempt_at=None)
    assert find_forgotten({}, [taken]) == []


def test_an_email_that_was_never_sent_is_forgotten(provider: Provider) -> None:
    finished(provider)
    waiting = OutboxEmail.objects.exclude(next_attempt_at=None).count()
    assert waiting
    assert len(find_forgotten({}, [])) == waiting


# --- who is killed ------------------------------------------------------------------------------


def sleepers(folder: Path) -> list[Program]:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    return [Program(kind, kind, command, folder, folder / "log") for kind in KINDS]


def test_a_seed_says_who_is_killed_whoever_else_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(killing.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(Program, "kill", lambda self, dice, down_for=0.0: self.name)

    def played(seed: int, kinds: tuple[str, ...]) -> list[tuple[float, str]]:
        clock[0] = 0.0
        reaper, seen = Reaper(sleepers(tmp_path), seed, kinds), []
        for step in range(1, 2000):
            clock[0], before = step / 20, reaper.kills.copy()
            reaper.turn(tries=step)
            seen += [(clock[0], name) for name in reaper.kills - before]
        return seen

    everybody = played(7, KINDS)
    assert everybody == played(7, KINDS)
    assert everybody != played(8, KINDS)
    assert {name for _, name in everybody} == set(KINDS)
    alone = played(7, ("database",))
    assert alone == [(at, name) for at, name in everybody if name == "database"]


def test_what_is_killed_is_started_again_and_what_falls_is_counted(tmp_path: Path) -> None:
    program = sleepers(tmp_path)[0]
    try:
        program.keep_up()
        first = program.process
        program.end(down_for=60)
        program.keep_up()
        assert (program.process, program.is_up) == (first, False), "it stays down for a while"
        program.up_at = 0
        program.keep_up()
        assert (program.is_up, program.fell) == (True, 0)
        assert isinstance(program.process, subprocess.Popen)
        program.process.kill()
        program.process.wait(10)
        program.keep_up()
        assert program.fell == 1
    finally:
        program.end()


def test_only_known_kinds_can_be_chosen() -> None:
    assert kinds_in("database, workers") == ("workers", "database")
    assert kinds_in("") == KINDS
    with pytest.raises(ValueError, match="moon"):
        kinds_in("moon")


# --- early ----------------------------------------------------------------------------------------


def test_what_is_paid_before_its_deadline_is_early(provider: Provider) -> None:
    refund = finished(provider)
    books = provider.server.books.summary()
    ref, now = refund.payment.provider_ref, timezone.now()
    assert find_early(books, {ref: now - timedelta(hours=1)}, now=LONG_AFTER) == []
    [line] = find_early(books, {ref: now + timedelta(hours=1)}, now=LONG_AFTER)
    assert ref in line
    provider.tell(external_refund={"payment": ref, "amount": 100})
    books = provider.server.books.summary()
    assert len(find_early(books, {ref: now + timedelta(hours=1)}, now=LONG_AFTER)) == 1


def test_what_a_clock_that_is_ahead_has_written_is_early(provider: Provider) -> None:
    refund = finished(provider)
    last = refund.booking.events.latest("at")
    assert find_early({}, {}, now=last.at) == []
    found = find_early({}, {}, now=last.at - timedelta(days=4))
    assert found
    assert all("ahead" in line for line in found)


@pytest.mark.parametrize("is_hasty", [False, True])
def test_a_young_absence_and_a_new_key_pay_twice_and_are_seen(
    provider: Provider, is_hasty: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work is done, the provider's own error is stored, and lists are behind."""
    monkeypatch.setattr(answers, "_repeated", answers._repeated)  # put back at the end
    if is_hasty:
        _take_the_next_key_at_once()
    refund = refund_of(provider, part=80000)
    provider.tell(list_lag=300)
    provider.fault("error_done")
    name = "payment_intents/[^/]+" if provider.name == "stripe" else "payments/[^/]+"
    for _ in range(4):
        provider.fault("gateway", calls=9, match=f"^GET /v1/{name}$")  # it cannot be read
        drive(refund)
        provider.tell(advance=130)
    provider.tell(advance=3600)
    drive(refund)
    assert len(paid(provider, refund)) == (2 if is_hasty else 1)
    assert len(compared(provider).doubled) == (1 if is_hasty else 0)
