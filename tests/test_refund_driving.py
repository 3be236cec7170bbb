"""Many refunds at a time: claimed, asked about side by side, and written down together."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, connection

from bookings import gateways, refunds
from bookings.gateways import Answer, RefundRequest, Status
from bookings.models import Refund, RefundState, TimelineEvent
from bookings.refunds import answers, crash_points, sending, timing
from bookings.refunds.planning import request_of
from tests.builders import HOUR, NOW, staff
from tests.effort import effort
from tests.engine import LATER, MINUTE, connect, drive, lines, paid, refund_of, taken, verbs
from tests.many_refunds import many_due
from tests.provider.running import Provider
from tests.provider.server import StandIn
from tests.racing import together

pytestmark = pytest.mark.django_db


def all_paid_once(provider: Provider, ids: list[int], amount: int = 240000) -> None:
    """In the provider's books, under the key of the refund; and our rows know it."""
    known = {refund.uuid.hex: refund for refund in Refund.objects.filter(pk__in=ids)}
    paid = [line for doc in provider.server.books.summary().values() for line in doc["refunds"]]
    assert Counter(line["key"] for line in paid) == {f"rf_{name}_1": 1 for name in known}
    assert {line["amount_minor"] for line in paid} == {amount}
    assert {refund.state for refund in known.values()} == {RefundState.ACCEPTED}
    assert {refund.provider_refund_id for refund in known.values()} == {line["id"] for line in paid}


def test_a_batch_is_claimed_sent_and_written_down(
    provider: Provider, django_assert_max_num_queries: Any
) -> None:
    ids = many_due(provider, 30)
    with django_assert_max_num_queries(40):
        assert refunds.drive(ids, now=LATER) == 30
    all_paid_once(provider, ids)
    told = TimelineEvent.objects.filter(verb="refund_accepted")
    assert told.values("booking").distinct().count() == told.count() == 30
    assert refunds.drive(ids, now=LATER) == 0


def test_no_thread_of_ours_opens_a_connection(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, bool]] = []
    call = sending._Driver.call

    def watched(self: Any, errand: Any) -> None:
        call(self, errand)
        is_main = threading.current_thread() is threading.main_thread()
        seen.append((is_main, connection.connection is None))

    monkeypatch.setattr(sending._Driver, "call", watched)
    ids = many_due(provider, 5)
    refunds.drive(ids, now=LATER)
    refunds.drive(ids, now=LATER + HOUR)  # and when they are polled
    assert seen == [(False, True)] * 10


def test_what_writes_to_our_database_is_called_in_the_thread_of_the_caller(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    callers = []

    class Watched(gateways.SandboxGateway):
        def send(self, request: RefundRequest, *, now: datetime) -> Answer:
            callers.append(threading.current_thread())
            return super().send(request, now=now)

    monkeypatch.setitem(gateways._GATEWAYS, "sandbox", Watched())
    from tests.test_refunds import refund_of as sandboxed

    ids = [sandboxed().pk for _ in range(3)]
    assert refunds.drive(ids, now=LATER) == 3
    assert callers == [threading.current_thread()] * 3


# --- one that is poisoned -------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["claim", "may_send", "record"])
def test_one_that_cannot_be_written_stops_nobody(
    provider: Provider, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = many_due(provider, 6)
    poisoned = ids[2]

    def poison(act: Callable[..., Any], pks: Callable[[Any], list[int]]) -> Callable[..., Any]:
        def poisonous(rows: Any, **more: Any) -> Any:
            if poisoned in pks(rows):
                raise DatabaseError("This row cannot be written.")
            return act(rows, **more)

        return poisonous

    with monkeypatch.context() as patch:
        if where == "claim":
            patch.setattr(sending, "claim", poison(sending.claim, list))
        elif where == "may_send":
            spoiled = poison(sending.may_send, lambda rows: [row.pk for row in rows])
            patch.setattr(sending, "may_send", spoiled)
        else:
            spoiled = poison(answers._record, lambda rows: [row.pk for row, _ in rows])
            patch.setattr(answers, "_record", spoiled)
        assert refunds.drive(ids, now=LATER) == 5
    others = Refund.objects.exclude(pk=poisoned)
    assert set(others.values_list("state", flat=True)) == {RefundState.ACCEPTED}
    refunds.drive([poisoned], now=LATER + timing.LEASE)
    all_paid_once(provider, ids)


def test_those_the_provider_is_silent_about_do_not_keep_the_others(
    provider: Provider, settings: Any
) -> None:
    settings.PROVIDER_TIMEOUT = timedelta(seconds=0.3)
    ids = many_due(provider, 12)
    provider.fault("late", calls=4, seconds=2)
    assert refunds.drive(ids, now=LATER) == 12
    states = Counter(Refund.objects.values_list("state", flat=True))
    assert states == {RefundState.ACCEPTED: 8, RefundState.UNKNOWN: 4}
    refunds.drive(ids, now=LATER + MINUTE)
    all_paid_once(provider, ids)


# --- fencing, and death ---------------------------------------------------------------------------


def test_in_a_batch_only_rows_that_are_as_they_were_read_are_written(provider: Provider) -> None:
    slow = [taken(Refund.objects.get(pk=pk)) for pk in many_due(provider, 4)]
    refunds.drive([slow[1].pk], now=LATER + timing.LEASE)  # another driver, after the lease
    Refund.objects.filter(pk=slow[2].pk).update(state=RefundState.DECLINED)
    answered = [(refund, Answer(Status.UNKNOWN, message="slow")) for refund in slow]
    written = answers.record_all(answered, now=LATER + timing.LEASE)
    assert [refund.pk for refund in written] == [slow[0].pk, slow[3].pk]
    last = dict(Refund.objects.values_list("pk", "last_answer"))
    assert [last[refund.pk] == "slow" for refund in slow] == [True, False, False, True]


def test_rows_of_one_batch_keep_their_own_answers(provider: Provider) -> None:
    slow = [taken(Refund.objects.get(pk=pk)) for pk in many_due(provider, 5)]
    theirs = [
        Answer(Status.SUCCEEDED, provider_refund_id="a", reference="A"),
        Answer(Status.SUCCEEDED, provider_refund_id="b", reference="B"),
        Answer(Status.ACCEPTED, provider_refund_id="c"),
        Answer(Status.DECLINED, message="No."),
        Answer(Status.UNKNOWN, message="Hm."),
    ]
    answers.record_all(list(zip(slow, theirs, strict=True)), now=LATER)
    rows = {row.pk: row for row in Refund.objects.all()}
    said = [
        (row.state, row.provider_refund_id, row.reference, row.last_answer)
        for row in (rows[refund.pk] for refund in slow)
    ]
    assert said == [
        ("succeeded", "a", "A", ""),
        ("succeeded", "b", "B", ""),
        ("accepted", "c", "", ""),
        ("declined", "", "", "No."),
        ("unknown", "", "", "Hm."),
    ]
    assert [verbs(rows[refund.pk])[-1] for refund in slow[:4]] == [
        "refund_succeeded", "refund_succeeded", "refund_accepted", "refund_declined",
    ]  # fmt: skip
    assert {row.lease_token for row in rows.values()} == {None}


class Died(BaseException):
    """Not an Exception: no code of ours may catch it."""


@pytest.mark.parametrize("point", ["claimed", "marked", "answered", "recording"])
def test_m06_a_driver_that_dies_with_a_batch_leaves_nothing_undone_and_pays_nothing_twice(
    provider: Provider, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = many_due(provider, 40)

    def reached(here: str) -> None:
        if here == point:
            raise Died(here)

    with monkeypatch.context() as patch:
        patch.setattr(crash_points, "reached", reached)
        with pytest.raises(Died):
            refunds.drive(ids, now=LATER)
    leased = Refund.objects.exclude(lease_token=None).count()
    assert leased >= 1
    assert refunds.drive(ids, now=LATER) == 40 - leased, "the leases of the dead one still hold"
    refunds.drive(ids, now=LATER + timing.LEASE)
    all_paid_once(provider, ids)


# --- the first try needs no list ------------------------------------------------------------------


def test_the_first_try_is_one_call(provider: Provider) -> None:
    refund = refund_of(provider, part=80000)
    provider.on_lists("gateway", calls=10**9)
    assert drive(refund).state == RefundState.ACCEPTED
    assert paid(provider, refund) == [80000]


def test_m24_what_a_lost_life_of_the_database_sent_is_not_paid_again(provider: Provider) -> None:
    """The backup knows it as due; nobody held anything. Same key, which is remembered."""
    refund = refund_of(provider, part=80000)
    provider.gateway().send(request_of(refund), now=LATER)
    drive(refund, LATER + 22 * HOUR)
    assert refund.state == RefundState.ACCEPTED
    assert paid(provider, refund) == [80000]


def test_m24_when_the_key_may_be_forgotten_the_list_is_read_before_the_first_try(
    provider: Provider,
) -> None:
    refund = refund_of(provider, part=80000)
    provider.gateway().send(request_of(refund), now=LATER)
    provider.tell(advance=25 * 3600)
    drive(refund, LATER + 25 * HOUR)
    assert refund.state == RefundState.SUCCEEDED
    assert paid(provider, refund) == [80000]


def test_m12_a_retry_by_staff_reads_the_list_first(provider: Provider) -> None:
    """The try that came back may move money after all."""
    refund = refund_of(provider, part=80000)
    provider.fault("fails", seconds=60)
    drive(refund)
    provider.tell(advance=61)
    assert drive(refund).state == RefundState.REVERSED
    refunds.retry(refund.pk, actor=staff(), now=LATER, reason="New card.")
    provider.server.books.refunds_of(refund.payment.provider_ref)[0]["ends"] = "succeeded"
    assert drive(refund).state == RefundState.SUCCEEDED
    assert len(lines(provider, refund)) == 1


# --- many drivers ---------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["stripe", "razorpay"])
def test_m08_four_drivers_race_over_hundreds_and_each_is_paid_once(
    server: StandIn, settings: Any, name: str
) -> None:
    provider = connect(server, name, settings, seconds=20)
    settings.PROVIDER_IN_FLIGHT = 8
    ids = many_due(provider, effort(500) if connection.vendor == "postgresql" else 100)
    Refund.objects.filter(pk__in=ids).update(next_attempt_at=NOW)
    taken_by = together(*[partial(refunds.drive, ids, now=LATER)] * 4)
    assert sum(taken_by) == len(ids)
    all_paid_once(provider, ids)
    told = TimelineEvent.objects.filter(verb="refund_accepted")
    assert told.count() == len(ids)
    assert set(Refund.objects.values_list("attempts", flat=True)) == {1}
