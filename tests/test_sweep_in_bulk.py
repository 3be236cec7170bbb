"""Many deadlines in one transaction come to what the verb comes to, one booking at a time."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from bookings import lifecycle, reminders, sweeps
from bookings.lifecycle import ending
from bookings.models import (
    Booking,
    Contest,
    NoShowReport,
    Offer,
    OutboxEmail,
    Payment,
    PrivateLink,
    Refund,
    TimelineEvent,
)
from bookings.policy import Policy
from bookings.states import State, TransitionNotAllowed
from tests.builders import DAY, HOUR, NOW, contest, make_booking, make_expert, offer, report
from tests.builders import mark_held_on_zoom as mark
from tests.racing import together

pytestmark = pytest.mark.django_db
LATE = NOW + 30 * DAY
KINDS = 8


def a_desk(each: int = 2) -> None:
    """Everything that a deadline can end, several times over."""
    expert = make_expert()
    starts = (NOW - (2 * n + 2) * HOUR for n in range(KINDS * each))
    patient = replace(Policy.in_force(), grace=timedelta(days=300))
    for _ in range(each):
        report(make_booking(expert, starts_at=next(starts)))
        offer(make_booking(expert, starts_at=next(starts)))
        offer(report(make_booking(expert, starts_at=next(starts))))
        offer(mark(make_booking(expert, starts_at=next(starts))), now=NOW + HOUR)
        contest(mark(make_booking(expert, starts_at=next(starts))))
        report(make_booking(expert, starts_at=next(starts), price_minor=0))
        report(make_booking(expert, starts_at=next(starts), provider="manual"))
        report(make_booking(expert, starts_at=next(starts), limits=patient))
    Payment.objects.filter(pk=Payment.objects.earliest("pk").pk).update(is_disputed=True)


CHANCE = {"uuid", "message_id", "key", "dedupe_key"}
OWN_EVENT = {"event_id", "closed_by_id", "superseded_by_id", "made_by_id"}


def everything() -> dict[str, list[Any]]:
    """All rows that matter, without what chance or a sequence gives them."""
    events = dict(TimelineEvent.objects.values_list("id", "verb"))
    found = {}
    for model in (
        Booking, TimelineEvent, Refund, Payment, NoShowReport, Offer, Contest, PrivateLink,
        OutboxEmail,
    ):  # fmt: skip
        rows = []
        for row in model._default_manager.values():
            shown = {k: v for k, v in row.items() if k not in CHANCE | {"id"}}
            shown |= {k: events.get(row[k]) for k in OWN_EVENT & set(row)}
            shown |= {"request": {**row["request"], "refund_uuid": ""}} if "request" in row else {}
            if model in (Booking, Payment):
                shown["id"] = row["id"]
            told = row.get("facts", row.get("data"))
            if told and "refund" in told:
                shown["facts"] = shown["data"] = {**told, "refund": ""}
            rows.append(repr(sorted(shown.items())))
        found[model.__name__] = sorted(rows)
    return found


def one_by_one() -> None:
    for booking in Booking.objects.overdue(LATE):
        with suppress(TransitionNotAllowed):
            lifecycle.run_deadline(booking.pk, state=booking.state, now=LATE)


def test_together_comes_to_the_same_as_one_by_one() -> None:
    a_desk()
    with transaction.atomic():
        one_by_one()
        alone = everything()
        transaction.set_rollback(True)
    assert sweeps.run_deadlines(now=LATE) == (KINDS - 1) * 2
    together = everything()
    for name, rows in alone.items():
        assert together[name] == rows, name
    assert Refund.objects.count() == 8
    assert Booking.objects.filter(state=State.NO_SHOW_REPORTED).count() == 2, "by their own grace"


def test_many_cost_no_more_statements_than_few() -> None:
    def statements(each: int) -> int:
        a_desk(each)
        with CaptureQueriesContext(connection) as counted:
            sweeps.run_deadlines(now=LATE)
        return len(counted)

    with transaction.atomic():
        few = statements(2)
        transaction.set_rollback(True)
    assert statements(4) - few <= 2, "SQLite takes long lists in two statements"


def test_the_next_batch_goes_on_behind_those_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that stay where they are do not keep the ones behind them from their turn."""
    monkeypatch.setattr(sweeps, "BATCH", 2)
    expert = make_expert()
    patient = replace(Policy.in_force(), grace=timedelta(days=300))
    for n in range(7):
        limits = patient if n < 5 else None
        booking = make_booking(expert, starts_at=NOW - (20 - 2 * n) * HOUR, limits=limits)
        report(booking, now=NOW + n * HOUR)
    assert sweeps.run_deadlines(now=LATE) == 2
    assert sweeps.run_deadlines(now=LATE) == 0


def test_one_broken_booking_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = [report(make_booking()) for _ in range(3)]
    real = ending.transition_all

    def breaks_on_first(steps: Any, *args: Any, **details: Any) -> Any:
        if any(step.booking.pk == first.pk for step in steps):
            raise RuntimeError("poison")
        return real(steps, *args, **details)

    monkeypatch.setattr(ending, "transition_all", breaks_on_first)
    assert sweeps.run_deadlines(now=LATE) == 2
    refunded = Booking.objects.filter(state=State.REFUNDED)
    assert set(refunded) == set(others)
    assert Booking.objects.get(pk=first.pk).state == State.NO_SHOW_REPORTED
    assert Refund.objects.count() == 2


def test_a_batch_that_dies_leaves_nothing_half_done(monkeypatch: pytest.MonkeyPatch) -> None:
    a_desk()
    before = everything()

    class Killed(BaseException):
        """No handler of ours may see it, as with a process that is gone."""

    def dies(*_: Any, **__: Any) -> None:
        raise Killed

    monkeypatch.setattr(ending, "tell", dies)
    with pytest.raises(Killed), transaction.atomic():
        sweeps.run_deadlines(now=LATE)
    assert everything() == before
    monkeypatch.undo()
    assert sweeps.run_deadlines(now=LATE) == (KINDS - 1) * 2


def test_a_row_that_changed_under_us_moves_nobody() -> None:
    """Where a row lock is missing, the UPDATE notices."""
    first, second = report(make_booking()), report(make_booking())
    read = list(Booking.objects.overdue(LATE).with_people())
    Booking.objects.filter(pk=first.pk).update(version=first.version + 7)
    with pytest.raises(TransitionNotAllowed), transaction.atomic():
        lifecycle.run_deadlines(read, now=LATE)
    assert Booking.objects.get(pk=second.pk).state == State.NO_SHOW_REPORTED
    assert not Refund.objects.exists()


def test_reminders_together_are_the_same_as_one_by_one() -> None:
    a_desk()
    when = NOW + DAY + 2 * HOUR
    with transaction.atomic():
        for booking in Booking.objects.reminder_due(when):
            assert reminders.send_one(booking.pk, now=when)
            assert not reminders.send_one(booking.pk, now=when)
        alone = everything()
        transaction.set_rollback(True)
    due = Booking.objects.reminder_due(when).count()
    assert due > 4
    assert sweeps.send_reminders(now=when) == due
    assert everything() == alone
    assert sweeps.send_reminders(now=when) == 0


def test_one_broken_reminder_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = report(make_booking()), report(make_booking())
    real = reminders._facts

    def breaks_on_first(booking: Booking) -> dict[str, Any]:
        if booking.pk == first.pk:
            raise RuntimeError("poison")
        return real(booking)

    monkeypatch.setattr(reminders, "_facts", breaks_on_first)
    assert sweeps.send_reminders(now=NOW + 2 * DAY) == 1
    assert set(OutboxEmail.objects.filter(kind="time_left").values_list("booking", flat=True)) == {
        second.pk
    }


@pytest.mark.django_db(transaction=True)
def test_four_sweeps_at_once_refund_each_booking_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "BATCH", 3)
    expert = make_expert()
    for n in range(24):
        report(make_booking(expert, starts_at=NOW - (2 * n + 2) * HOUR))
    moved = together(*[partial(sweeps.run_deadlines, now=LATE)] * 4)
    assert sum(moved) + sweeps.run_deadlines(now=LATE) == 24
    assert Refund.objects.count() == 24
    assert TimelineEvent.objects.filter(verb="no_answer").count() == 24
