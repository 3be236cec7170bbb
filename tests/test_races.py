"""Two people, or a person and the sweep, at the same moment: one wins, on both databases."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection

from bookings import emails, lifecycle, refunds, slots, sweeps
from bookings.models import Booking, OutboxEmail, Refund, SandboxRefund
from bookings.models.money import NOT_LIVE
from bookings.states import Actor, ActorKind, State, TransitionNotAllowed
from tests.builders import (
    DAY,
    FOLLOWER,
    HOUR,
    NOW,
    expert_of,
    make_booking,
    make_expert,
    offer,
    report,
    staff,
)
from tests.racing import together

pytestmark = pytest.mark.django_db(transaction=True)


def winners(results: list[Any]) -> int:
    for result in results:
        assert not isinstance(result, Exception) or isinstance(result, TransitionNotAllowed), result
    return sum(not isinstance(result, Exception) for result in results)


def test_many_followers_want_the_same_slot_and_one_gets_it() -> None:
    expert = make_expert()
    waiting = [offer(make_booking(expert, starts_at=NOW - (n + 2) * HOUR)) for n in range(8)]
    at = slots.free_for(waiting[0], now=NOW)[0]
    results = together(
        *(
            lambda pk=booking.pk: lifecycle.pick_time(pk, actor=FOLLOWER, now=NOW, starts_at=at)
            for booking in waiting
        )
    )
    assert winners(results) == 1
    assert all(r.code == "taken" for r in results if isinstance(r, TransitionNotAllowed))
    assert Booking.objects.filter(starts_at=at).count() == 1


def test_the_same_form_twice_at_once_acts_once_and_both_see_the_result() -> None:
    booking = make_booking()
    actor = expert_of(booking, request_key="one-form")
    results = together(
        *(lambda: lifecycle.refund_now(booking.pk, actor=actor, now=NOW) for _ in range(4))
    )
    assert winners(results) == 4
    assert Refund.objects.count() == 1
    assert OutboxEmail.objects.filter(kind="refund_started").count() == 1


@pytest.mark.parametrize("_round", range(5))
def test_reschedule_and_refund_at_once_leave_one_of_them(_round: int) -> None:
    booking = report(make_booking())
    actor = expert_of(booking)
    results = together(
        lambda: lifecycle.offer_reschedule(booking.pk, actor=actor, now=NOW),
        lambda: lifecycle.mark_completed(
            booking.pk,
            actor=actor,
            now=NOW,
            outcome="held_elsewhere",
            channel="phone",
            held_at=NOW - HOUR,
        ),
    )
    # Marking is allowed from an open offer as well, so both may win one after the other.
    assert winners(results) in (1, 2)
    final = Booking.objects.get(pk=booking.pk)
    path = [(e.from_state, e.to_state) for e in booking.events.exclude(to_state="")]
    assert all(a[1] == b[0] for a, b in pairwise(path))
    assert path[-1][1] == final.state


@pytest.mark.parametrize("_round", range(10))
def test_many_sweeps_at_the_edge_refund_once(_round: int) -> None:
    booking = report(make_booking())
    edge = booking.deadline_at + booking.limits.grace
    before = edge - timedelta(microseconds=1)
    results = together(
        lambda: lifecycle.offer_reschedule(booking.pk, actor=expert_of(booking), now=before),
        *(lambda: sweeps.run_deadlines(now=edge) for _ in range(3)),
    )
    final = Booking.objects.get(pk=booking.pk)
    expert_won = not isinstance(results[0], Exception)
    assert expert_won == (final.state == State.RESCHEDULE_OFFERED)
    assert Refund.objects.filter(booking=booking).count() == (0 if expert_won else 1)
    assert sum(r for r in results[1:] if isinstance(r, int)) == (0 if expert_won else 1)


def test_many_drivers_send_one_refund_once() -> None:
    booking = make_booking()
    lifecycle.refund_now(booking.pk, actor=staff(), now=NOW, reason="Sorry")
    refund = Refund.objects.get()
    results = together(*(lambda: refunds.drive([refund.pk], now=NOW + DAY) for _ in range(6)))
    assert winners(results) == 6
    assert sum(results) == 1
    assert SandboxRefund.objects.count() == 1


def test_many_workers_send_one_mail_once(mailoutbox: list[Any]) -> None:
    booking = offer(make_booking())
    mail = OutboxEmail.objects.get(booking=booking, kind="offer")
    together(*(lambda: emails.deliver_all([mail.pk], now=NOW + HOUR) for _ in range(6)))
    mail.refresh_from_db()
    assert mail.state == "sent"
    assert len(mailoutbox) == 1


def test_a_withdrawn_report_and_a_mark_at_once_leave_one_history() -> None:
    booking = report(make_booking())
    together(
        lambda: lifecycle.withdraw_report(booking.pk, actor=FOLLOWER, now=NOW),
        lambda: lifecycle.refund_now(booking.pk, actor=expert_of(booking), now=NOW),
        lambda: lifecycle.refund_now(
            booking.pk, actor=Actor(ActorKind.STAFF, booking.expert.user_id), now=NOW, reason="x"
        ),
    )
    assert Refund.objects.exclude(state__in=NOT_LIVE).filter(booking=booking).count() <= 1
    path = [(e.from_state, e.to_state) for e in booking.events.exclude(to_state="").order_by("id")]
    assert all(a[1] == b[0] for a, b in pairwise(path))


@pytest.mark.postgres
def test_a_deadlock_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    from bookings.lifecycle import engine

    booking = make_booking()
    real, calls = engine.lock, []

    class Deadlock(Exception):
        sqlstate = "40P01"

    def lock(booking_id: int, *, claims_slot: bool) -> Booking:
        calls.append(booking_id)
        if len(calls) < 3:
            raise OperationalError("deadlock detected") from Deadlock()
        return real(booking_id, claims_slot=claims_slot)

    monkeypatch.setattr(engine, "lock", lock)
    assert connection.vendor == "postgresql"
    assert report(booking).state == State.NO_SHOW_REPORTED
    assert len(calls) == 3
