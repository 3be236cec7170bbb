"""Refunds that wait for a person: the breaker, a restored database, by hand (M22, M23, M24)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from bookings import lifecycle, refunds, sweeps
from bookings.models import Heartbeat, OutboxEmail, Refund, RefundState
from bookings.refunds import holds, planning
from bookings.states import TransitionNotAllowed
from tests.builders import (
    DAY,
    HOUR,
    NOW,
    expert_of,
    make_booking,
    make_expert,
    make_staff,
    report,
    staff,
)
from tests.engine import LATER, drive, paid, payment_of, refetch, refund_of
from tests.provider.running import Provider
from tests.staff_pages import act

pytestmark = pytest.mark.django_db


def refund_many(count: int, now: Any = NOW) -> list[Refund]:
    expert = make_expert()
    before = set(Refund.objects.values_list("pk", flat=True))
    for n in range(count):
        booking = make_booking(expert, now=now, starts_at=now - (2 * n + 3) * HOUR)
        lifecycle.refund_now(booking.pk, actor=staff(), now=now, reason="Sorry")
    return list(Refund.objects.exclude(pk__in=before).order_by("pk"))


# --- M22 ------------------------------------------------------------------------------------------


def test_m22_the_breaker_stops_a_mass_refund_and_staff_lets_it_go_on(settings: Any) -> None:
    settings.BREAKER_LEAST = 5
    due = refund_many(9)
    assert [bool(r.hold_reason) for r in due] == [False] * 5 + [True] * 4
    assert {r.hold_reason for r in due[5:]} == {holds.BREAKER}
    assert OutboxEmail.objects.filter(kind="staff_refunds_held").count() == 1
    sweeps.run(now=LATER)
    held = Refund.objects.filter(pk__in=[r.pk for r in due[5:]])
    assert set(held.values_list("state", flat=True)) == {RefundState.DUE}
    assert Refund.objects.needing_staff().filter(pk__in=held).count() == 4
    assert refunds.continue_all(actor=staff(), now=LATER, reason="A course was called off.") == 4
    assert refund_many(1, LATER)[0].hold_reason == "", "the count has started again"
    for minutes in range(1, 4):
        sweeps.run(now=LATER + timedelta(minutes=minutes))
    assert set(held.values_list("state", flat=True)) == {RefundState.SUCCEEDED}


def test_m22_the_clock_alone_cannot_refund_everybody(settings: Any) -> None:
    """A sweep with a wrong idea of now: the limit holds for what it plans by itself, too."""
    settings.BREAKER_LEAST = 3
    expert = make_expert()
    for n in range(6):
        report(make_booking(expert, starts_at=NOW - (2 * n + 3) * HOUR))
    wrong = NOW + 30 * DAY
    for _ in range(2):
        sweeps.run(now=wrong)
    assert Refund.objects.count() == 6
    assert Refund.objects.filter(hold_reason=holds.BREAKER).count() == 3


def test_m22_what_is_usual_raises_the_limit(settings: Any) -> None:
    settings.BREAKER_LEAST = 2
    settings.BREAKER_TIMES = 5
    refund_many(2)
    Refund.objects.update(created_at=NOW - DAY)
    assert planning.limit(now=NOW) == 2
    template = Refund.objects.first()
    assert template is not None
    week = 7 * 24
    for _ in range(4):
        refund_many(1, NOW - 2 * DAY)
    Refund.objects.update(created_at=NOW - DAY)
    assert planning.limit(now=NOW) == max(2, -(-5 * 6 // week))


def test_m22_after_a_gap_the_work_of_its_hours_may_come_at_once(settings: Any) -> None:
    settings.BREAKER_LEAST = 2
    Heartbeat.objects.create(name="sweep", finished_at=NOW - 3 * HOUR)
    sweeps.run(now=NOW)
    assert planning.limit(now=NOW) == 6
    assert planning.limit(now=NOW + 2 * HOUR) == 2


def test_only_staff_continues_and_says_why() -> None:
    booking = make_booking()
    with pytest.raises(TransitionNotAllowed) as refused:
        refunds.continue_all(actor=expert_of(booking), now=NOW, reason="Mine")
    assert refused.value.code == "not_yours"
    with pytest.raises(TransitionNotAllowed) as refused:
        refunds.continue_all(actor=staff(), now=NOW, reason=" ")
    assert refused.value.code == "reason_missing"


def test_staff_continues_in_the_admin(client: Client, settings: Any) -> None:
    settings.BREAKER_LEAST = 2
    held = refund_many(4)[2:]
    client.force_login(make_staff("staff@example.com"))
    said = act(client, held[:1], "continue", reason="A course was called off.")
    assert "2 refunds go on." in said
    assert not Refund.objects.exclude(hold_reason="").exists()
    assert "not held because" in client.get(
        f"{reverse('admin:bookings_refund_act', args=['continue'])}?ids={held[0].pk}"
    ).content.decode().replace("\n", " ")


# --- M23 ------------------------------------------------------------------------------------------


def test_m23_a_refund_by_hand_that_nobody_pays_is_told_once() -> None:
    booking = make_booking(provider="manual")
    lifecycle.refund_now(booking.pk, actor=staff(), now=NOW, reason="Sorry")
    sweeps.run(now=NOW + HOUR)
    mails = OutboxEmail.objects.filter(kind="staff_refund_failed")
    assert mails.count() == 0
    for days in (1, 2):
        sweeps.run(now=NOW + days * DAY)
    assert mails.count() == 1
    assert Refund.objects.get().state == RefundState.MANUAL_DUE


# --- M24: restored from a backup --------------------------------------------------------------------


def test_m24_a_restored_database_sends_nothing_until_staff_lets_go(
    provider: Provider, settings: Any
) -> None:
    """The backup knows the refund as due; since then it was sent, and its answer written."""
    refund = refund_of(provider, part=80000)
    gateway = provider.gateway()
    from bookings.refunds.planning import request_of

    gateway.send(request_of(refund), now=LATER)
    settings.REFUNDS_HOLD = True
    drive(refund)
    assert (refund.state, refund.hold_reason) == (RefundState.DUE, holds.RESTORE)
    assert OutboxEmail.objects.filter(kind="staff_refunds_held").count() == 1
    with pytest.raises(TransitionNotAllowed):
        refunds.release(refund.pk, actor=staff(), now=LATER, reason="Go.")
    refetch(refund)  # manage.py reconcile
    assert (refund.state, refund.hold_reason) == (RefundState.ACCEPTED, "")
    assert paid(provider, refund) == [80000]


def test_m24_released_without_reconcile_it_is_still_found(
    provider: Provider, settings: Any
) -> None:
    """Even if the provider has forgotten the key: the list is asked before the first try, too."""
    refund = refund_of(provider, part=80000)
    from bookings.refunds.planning import request_of

    provider.gateway().send(request_of(refund), now=LATER)
    provider.tell(advance=25 * 3600)
    settings.REFUNDS_HOLD = True
    drive(refund)
    settings.REFUNDS_HOLD = False
    refunds.release(refund.pk, actor=staff(), now=LATER, reason="Checked.")
    drive(refund)
    assert refund.state == RefundState.SUCCEEDED
    assert paid(provider, refund) == [80000]


def test_m24_a_refund_the_backup_does_not_know_makes_the_new_one_void(
    provider: Provider, settings: Any
) -> None:
    """It was planned after the backup; the clock plans it again, under another name."""
    settings.REFUNDS_HOLD = True
    again = refund_of(provider)
    lost = provider.request(payment_ref=again.payment.provider_ref, amount=240000, currency="INR")
    provider.gateway().send(lost, now=LATER)
    assert again.hold_reason == holds.RESTORE
    refetch(again)
    assert again.state == RefundState.VOID
    assert payment_of(again).returned_external_minor == 240000


def test_a_hold_is_loud_and_never_done() -> None:
    refund = refund_many(1)[0]
    refunds.hold(refund.pk, actor=staff(), now=NOW, reason="Looks odd.")
    for minutes in range(1, 4):
        sweeps.run(now=NOW + timedelta(minutes=minutes))
    refund.refresh_from_db()
    assert refund.state == RefundState.DUE
    assert Refund.objects.needing_staff().filter(pk=refund.pk).exists()
    assert OutboxEmail.objects.filter(kind="staff_refund_failed").count() == 1
