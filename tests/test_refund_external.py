"""Money that goes back without us, and money that comes back: M09, M10, M12, M13, I7."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from bookings import invariants, links, refunds, sweeps
from bookings.models import OutboxEmail, Payment, Refund, RefundState
from tests.builders import DAY, HOUR, NOW, staff
from tests.engine import (
    LATER,
    MINUTE,
    drive,
    lines,
    paid,
    payment_of,
    refetch,
    refund_of,
    taken,
    verbs,
)
from tests.provider.running import Provider

pytestmark = pytest.mark.django_db


def refund_externally(provider: Provider, refund: Refund, amount: int | None = None) -> None:
    """Somebody refunds in the provider's dashboard."""
    told = {"payment": refund.payment.provider_ref}
    provider.tell(external_refund=told | ({"amount": amount} if amount else {}))


def all_hold() -> None:
    for one in invariants.ALL.values():
        assert list(one.offenders(LATER)) == [], one.name


# --- M09 ------------------------------------------------------------------------------------------


def test_m09_a_full_refund_outside_voids_ours_before_it_is_sent(
    provider: Provider, client: Client
) -> None:
    refund = refund_of(provider)
    refund_externally(provider, refund)
    refetch(refund)
    payment = payment_of(refund)
    assert refund.state == RefundState.VOID
    assert (payment.returned_external_minor, payment.reserved_minor) == (240000, 0)
    assert {"returned_elsewhere", "refund_voided"} <= set(verbs(refund))
    drive(refund)
    assert paid(provider, refund) == [240000]
    all_hold()
    booking = refund.booking
    links.ensure(booking, links.Purpose.STATUS, now=NOW)
    page = client.get(links.url(links.current(booking, links.Purpose.STATUS)))
    assert "₹2,400 went back to you directly." in page.content.decode()


def test_m09_a_partial_refund_outside_shrinks_ours(provider: Provider) -> None:
    refund = refund_of(provider)
    refund_externally(provider, refund, 100000)
    refetch(refund)
    smaller = Refund.objects.exclude(pk=refund.pk).get()
    assert (refund.state, smaller.amount_minor) == (RefundState.VOID, 140000)
    drive(smaller)
    assert smaller.state == RefundState.ACCEPTED
    assert sorted(paid(provider, refund)) == [100000, 140000]
    all_hold()


def test_m09_an_outside_refund_that_leaves_room_changes_nothing(provider: Provider) -> None:
    refund = refund_of(provider, part=80000)
    refund_externally(provider, refund, 100000)
    refetch(refund)
    drive(refund)
    assert refund.state == RefundState.ACCEPTED
    assert payment_of(refund).refundable_minor == 60000


def test_m09_a_fact_beyond_the_cap_is_written_down_and_staff_is_told_once(
    provider: Provider,
) -> None:
    """I7: ours is with the provider already, and money goes back another way as well."""
    refund = drive(refund_of(provider, part=200000))
    with provider.server.books.store.work():
        books = provider.server.books
        doc = books.payment(provider.name, refund.payment.provider_ref)
        assert doc is not None
        books._book(doc, 100000, is_external=True)  # a provider that pays too much
    for _ in range(2):
        refetch(refund)
    payment = payment_of(refund)
    assert payment.reserved_minor + payment.returned_external_minor == 300000
    assert payment.alerted_at is not None
    assert OutboxEmail.objects.filter(kind="staff_money_differs").count() == 1
    all_hold()
    Payment.objects.update(alerted_at=None)
    broken = invariants.ALL["all_returns_within_capture"].offenders(LATER)
    assert list(broken) == [refund.booking.code]


def test_m09_an_outside_refund_that_fails_gives_the_room_back(provider: Provider) -> None:
    refund = refund_of(provider, part=80000)
    refund_externally(provider, refund, 100000)
    refetch(refund)
    with provider.server.books.store.work():
        for line in provider.server.books.refunds_of(refund.payment.provider_ref):
            line["falls_back_at"] = 0
    for _ in range(2):
        refetch(refund, LATER + MINUTE)
    assert payment_of(refund).returned_external_minor == 0
    assert verbs(refund).count("came_back_elsewhere") == 1
    assert OutboxEmail.objects.filter(kind="staff_money_differs").count() == 1


def test_a_double_payment_of_one_refund_is_seen(provider: Provider) -> None:
    """It cannot happen with our keys; if it does, it is not hidden behind the first one."""
    refund = drive(refund_of(provider, part=80000))
    with provider.server.books.store.work():
        doc = provider.server.books.payment(provider.name, refund.payment.provider_ref)
        assert doc is not None
        first = provider.server.books.refunds_of(doc["id"])[0]
        provider.server.books.refund(doc, 80000, metadata=first["metadata"])
    refetch(refund)
    assert payment_of(refund).returned_external_minor == 80000


# --- M10, M12, M13 --------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(permutations(["drive", "refetch", "later"])))
def test_m10_whoever_looks_first_the_end_is_the_same(
    provider: Provider, order: tuple[str, ...]
) -> None:
    refund = refund_of(provider, part=80000)
    provider.fault("drop")
    drive(refund)
    for what in order:
        if what == "later":
            provider.tell(advance=61)
        for _ in range(3):
            (drive if what == "drive" else refetch)(refund)
    drive(refund)
    assert (refund.state, bool(refund.reference)) == (RefundState.SUCCEEDED, True)
    assert paid(provider, refund) == [80000]
    told = verbs(refund)
    assert told.count("refund_succeeded") == 1
    assert OutboxEmail.objects.filter(kind="refund_confirmed").count() == 1


def test_m10_news_that_come_while_a_driver_asks_are_kept(provider: Provider) -> None:
    from bookings.gateways import Answer, Status
    from bookings.refunds.answers import record
    from bookings.refunds.planning import request_of

    refund = refund_of(provider, part=80000)
    slow = taken(refund)
    gateway = provider.gateway()
    gateway.send(request_of(slow), now=LATER)  # and before its answer is written:
    assert refetch(refund).state == RefundState.ACCEPTED
    assert record(slow, Answer(Status.UNKNOWN), now=LATER) is False
    refund.refresh_from_db()
    assert refund.state == RefundState.ACCEPTED


def test_m11_without_webhooks_the_sweeps_alone_find_everything(provider: Provider) -> None:
    refund = refund_of(provider)
    Payment.objects.update(paid_at=NOW)
    drive(refund)
    provider.tell(advance=61)
    for minute in range(1, 5):
        sweeps.run(now=LATER + minute * MINUTE)
    refund.refresh_from_db()
    assert refund.state == RefundState.SUCCEEDED
    provider.server.books.refunds_of(refund.payment.provider_ref)[0]["falls_back_at"] = 1
    sweeps.run(now=LATER + 25 * HOUR)  # the daily comparison
    refund.refresh_from_db()
    assert refund.state == RefundState.REVERSED


def test_m12_a_late_failure_is_loud_and_frees_the_money(provider: Provider) -> None:
    refund = refund_of(provider, part=80000)
    provider.fault("late_failure", seconds=5 * 24 * 3600)
    drive(refund)
    provider.tell(advance=61)
    assert drive(refund).state == RefundState.SUCCEEDED
    provider.tell(advance=5 * 24 * 3600)
    refetch(refund, LATER + 5 * DAY)
    assert (refund.state, refund.alerted_at is not None) == (RefundState.REVERSED, True)
    kinds = set(OutboxEmail.objects.values_list("kind", flat=True))
    assert {"staff_refund_failed", "refund_failed"} <= kinds
    assert payment_of(refund).reserved_minor == 0
    assert Refund.objects.needing_staff().filter(pk=refund.pk).exists()


def test_m12_paid_by_hand_afterwards_stays_paid(provider: Provider) -> None:
    refund = refund_of(provider, part=80000)
    provider.fault("fails", seconds=1)
    drive(refund)
    provider.tell(advance=61)
    assert drive(refund).state == RefundState.REVERSED
    refunds.record_paid_by_hand(
        refund.pk, actor=staff(), now=LATER, reference="SEPA 1", reason="By transfer."
    )
    refetch(refund)
    assert refund.state == RefundState.SUCCEEDED


def test_m13_ten_days_with_the_bank_tells_staff_once_and_sends_nothing(provider: Provider) -> None:
    provider.tell(settles_after=30 * 24 * 3600)
    refund = drive(refund_of(provider, part=80000))
    for day in range(1, 14):
        drive(refund, LATER + day * DAY)
    assert (refund.state, refund.alerted_at is not None) == (RefundState.ACCEPTED, True)
    assert OutboxEmail.objects.filter(kind="staff_refund_failed").count() == 1
    assert len(lines(provider, refund)) == 1


# --- reconcile ------------------------------------------------------------------------------------


def test_reconcile_finds_what_nobody_told_us(provider: Provider, capsys: Any) -> None:
    from django.utils import timezone

    refund = refund_of(provider)
    Payment.objects.update(paid_at=timezone.now() - timedelta(days=1))
    refund_externally(provider, refund)
    call_command("reconcile", since="7d")
    assert "1 payments compared" in capsys.readouterr().out
    refund.refresh_from_db()
    assert refund.state == RefundState.VOID


def test_a_refund_that_was_given_back_unsent_gives_way_to_other_money(
    provider: Provider,
) -> None:
    """A driver that runs out of time has marked it as sent already; nobody has sent it."""
    refund = refund_of(provider)
    refunds.drive([refund.pk], now=LATER, seconds=0.0)
    refund_externally(provider, refund, 100000)
    refetch(refund)
    rows = Refund.objects.filter(booking=refund.booking).order_by("pk")
    assert list(rows.values_list("state", "amount_minor", "attempts")) == [
        ("void", 240000, 0),
        ("due", 140000, 0),
    ]
    all_hold()
