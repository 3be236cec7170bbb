"""A booking with which the sweep cannot do what is due is left out, told, and moved on by a
person or by time; all others keep their pace."""

from __future__ import annotations

from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.models import JSONField, Value
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bookings import lifecycle, reminders, sweeps
from bookings.models import Booking, Expert, OutboxEmail, Refund, SetAside
from bookings.states import State, TransitionNotAllowed
from tests.builders import (
    DAY,
    HOUR,
    NOW,
    expert_of,
    make_booking,
    make_expert,
    offer,
    report,
    staff,
)
from tests.outbox_rows import rendered
from tests.staff_pages import act

pytestmark = pytest.mark.django_db
LATE = NOW + 30 * DAY
MAILS = OutboxEmail.objects.filter(kind="staff_bookings_set_aside")
UNREADABLE: dict[str, Any] = {
    "a list": [1, 2],
    "null": None,
    "a text": "72 hours",
    "a limit in words": {"grace": "a minute"},
    "a limit that is null": {"grace": None},
    "a limit beyond all times": {"grace": 1e300},
    "a limit that is an object": {"undo_window": {"minutes": 5}},
    "reminders that are no list": {"expert_reminders": 5},
}


@pytest.fixture(autouse=True)
def somebody_reads_it(settings: Any) -> None:
    settings.STAFF_EMAIL = ["ops@example.com"]


def spoil(booking: Booking, how: str = "a limit in words") -> Booking:
    policy = Value(UNREADABLE[how], JSONField())
    Booking.objects.filter(pk=booking.pk).update(policy=policy)
    return booking


def reported(count: int, expert: Expert | None = None) -> list[Booking]:
    expert = expert or make_expert()
    starts = [NOW - (2 * n + 2) * HOUR for n in range(count)]
    return [report(make_booking(expert, starts_at=start)) for start in starts]


def statements(now: Any) -> int:
    with CaptureQueriesContext(connection) as counted:
        sweeps.run_deadlines(now=now)
    return len(counted)


# --- a deadline -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", UNREADABLE)
def test_one_whose_limits_cannot_be_read_waits_and_the_others_go_on(how: str) -> None:
    bad, *others = reported(6)
    spoil(bad, how)
    assert sweeps.run_deadlines(now=LATE) == 5
    states = Booking.objects.filter(pk__in=[b.pk for b in others]).values_list("state", flat=True)
    assert set(states) == {State.REFUNDED}
    row = SetAside.objects.get()
    assert (row.booking_id, row.step, row.attempts) == (bad.pk, "deadline_at", 1)
    assert row.last_error
    mail = MAILS.get()
    assert bad.code in rendered(mail.kind, None, now=LATE, facts=mail.facts).subject
    assert Booking.objects.overdue(LATE).get() == bad, "still seen as past its deadline"


def test_a_way_back_that_this_release_does_not_know() -> None:
    bad, good = (offer(booking) for booking in reported(2))
    Booking.objects.filter(pk=bad.pk).update(resume_state="paused", has_open_report=False)
    assert sweeps.run_deadlines(now=LATE) == 1
    assert SetAside.objects.get().booking == bad
    good.refresh_from_db()
    assert good.state != State.RESCHEDULE_OFFERED


def test_the_next_sweep_is_as_quick_as_if_it_were_not_there() -> None:
    def sweep_of_some(*, with_bad_one: bool) -> tuple[int, int]:
        expert = make_expert()
        if with_bad_one:
            spoil(reported(1, expert)[0])
        first = statements(LATE)
        reported(8, make_expert())
        return first, statements(LATE)

    _, alone = sweep_of_some(with_bad_one=False)
    found, beside = sweep_of_some(with_bad_one=True)
    assert found > beside - alone
    assert beside == alone


def test_many_bad_ones_cost_one_mail_an_hour() -> None:
    for booking in reported(4)[:3]:
        spoil(booking)
    assert sweeps.run_deadlines(now=LATE) == 1
    assert (SetAside.objects.count(), MAILS.count()) == (3, 1)
    spoil(reported(1)[0])
    sweeps.run_deadlines(now=LATE + HOUR)
    assert MAILS.count() == 2


def test_it_is_tried_again_less_and_less_often_and_goes_on_when_it_can() -> None:
    [bad] = reported(1)
    limits = bad.policy
    spoil(bad)
    at = LATE
    for attempts, wait in enumerate([*sweeps.AGAIN_AFTER, sweeps.AGAIN_AFTER[-1]], 1):
        assert sweeps.run_deadlines(now=at) == 0
        assert SetAside.objects.get().attempts == attempts
        assert sweeps.run_deadlines(now=at + wait - HOUR / 60) == 0
        assert SetAside.objects.get().attempts == attempts, "not before its time"
        at += wait
    assert MAILS.count() == 1, "told once"
    Booking.objects.filter(pk=bad.pk).update(policy=limits)
    assert sweeps.run_deadlines(now=at) == 1
    assert not SetAside.objects.exists()
    assert Refund.objects.get().booking == bad


def test_a_database_that_is_away_sets_nobody_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    reported(3)

    def away(*_: Any, **__: Any) -> int:
        raise OperationalError("The connection is lost.")

    monkeypatch.setattr(lifecycle, "run_deadlines", away)
    assert sweeps.run_deadlines(now=LATE) == 0
    assert not SetAside.objects.exists()
    monkeypatch.undo()
    assert sweeps.run_deadlines(now=LATE) == 3


def test_one_that_is_not_due_any_more_is_forgotten() -> None:
    [bad] = reported(1)
    limits = bad.policy
    spoil(bad)
    sweeps.run_deadlines(now=LATE)
    Booking.objects.filter(pk=bad.pk).update(policy=limits)
    lifecycle.refund_now(bad.pk, actor=expert_of(bad), now=NOW)
    sweeps.run_deadlines(now=LATE + DAY)
    assert not SetAside.objects.exists()


# --- reminders ------------------------------------------------------------------------------------


def test_a_reminder_that_cannot_be_written_stops_nobody() -> None:
    bad, *others = reported(5)
    spoil(bad)
    assert sweeps.send_reminders(now=NOW + 2 * DAY + HOUR) == 4
    assert SetAside.objects.get().step == "next_reminder_at"
    assert OutboxEmail.objects.filter(kind="time_left", booking__in=others).count() == 4
    assert sweeps.run_deadlines(now=LATE) == 4
    assert SetAside.objects.count() == 2, "each step on its own"
    assert reminders.send_one(others[0].pk, now=LATE) is False


# --- what staff does ------------------------------------------------------------------------------


def test_staff_sees_it_and_gives_it_limits(client: Client, staff: Any) -> None:
    bad, _ = reported(2)
    deadline_at = bad.deadline_at
    spoil(bad, "a text")
    sweeps.run_deadlines(now=LATE)
    row = SetAside.objects.get()
    front = client.get("/admin/").content.decode()
    assert "Bookings set aside" in front
    listed = client.get("/admin/bookings/setaside/").content.decode()
    assert bad.code in listed
    assert "cannot be read" in listed
    said = act(client, [row], "limits", reason="They were written by hand.")
    assert "The booking has today’s limits now" in said.replace("&#x27;", "’")
    bad.refresh_from_db()
    assert (bad.deadline_at, bad.events.last().verb) == (deadline_at, "limits_renewed")
    SetAside.objects.update(next_attempt_at=LATE)
    assert sweeps.run_deadlines(now=LATE) == 1
    assert not SetAside.objects.exists()


def test_staff_has_it_tried_again_at_once() -> None:
    [bad] = reported(1)
    limits = bad.policy
    spoil(bad)
    sweeps.run_deadlines(now=LATE)
    row = SetAside.objects.get()
    Booking.objects.filter(pk=bad.pk).update(policy=limits)
    with pytest.raises(TransitionNotAllowed):
        sweeps.give_limits_in_force(row.pk, actor=staff(), now=LATE, reason="Why not.")
    with pytest.raises(TransitionNotAllowed):
        sweeps.try_again(row.pk, actor=expert_of(bad), now=LATE, reason="Mine.")
    with pytest.raises(TransitionNotAllowed):
        sweeps.try_again(row.pk, actor=staff(), now=LATE, reason=" ")
    sweeps.try_again(row.pk, actor=staff(), now=LATE, reason="Mended.")
    assert sweeps.run_deadlines(now=LATE) == 1


# --- the other checks -----------------------------------------------------------------------------


@pytest.mark.parametrize("how", UNREADABLE)
def test_verify_names_it_and_asks_all_the_rest(how: str, capsys: Any) -> None:
    bad = spoil(reported(2)[0], how)
    with pytest.raises(CommandError):
        call_command("verify", verbosity=2)
    out = capsys.readouterr().out
    assert "BROKEN limits_can_be_read" in out
    assert bad.code in out
    assert "could not be asked" not in out
    assert "ok     refunds_within_capture" in out


def test_a_worker_that_must_end_blames_no_booking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time limit ends it in the middle of a batch: the next sweep goes on."""
    booking = report(make_booking())

    def end(*_: Any, **__: Any) -> int:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(lifecycle, "run_deadlines", end)
    with pytest.raises(SoftTimeLimitExceeded):
        sweeps.run_deadlines(now=LATE)
    assert not SetAside.objects.filter(booking=booking).exists()
