"""A report starts 72 hours; nobody can act after them, and the sweep refunds exactly once."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from bookings import fan_out, lifecycle, sweeps
from bookings.models import Booking, NoShowReport, Refund
from bookings.states import State, TransitionNotAllowed
from tests.builders import (
    DAY,
    FOLLOWER,
    HOUR,
    NOW,
    expert_of,
    make_booking,
    mark_held_on_zoom,
    offer,
    report,
    staff,
)

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def test_a_report_gives_the_expert_72_elapsed_hours() -> None:
    booking = report(make_booking())
    assert booking.state == State.NO_SHOW_REPORTED
    assert booking.deadline_at == NOW + timedelta(hours=72)
    assert booking.reports.get().due_at == booking.deadline_at


@pytest.mark.parametrize(
    ("since_start", "is_allowed"),
    [
        (timedelta(minutes=15) - SECOND, False),
        (timedelta(minutes=15), True),
        (HOUR + timedelta(hours=72) - SECOND, True),
        (HOUR + timedelta(hours=72) + timedelta(seconds=60), False),
    ],
)
def test_a_call_can_be_reported_from_15_minutes_to_72_hours_after_its_end(
    since_start: timedelta, is_allowed: bool
) -> None:
    booking = make_booking(starts_at=NOW)
    if is_allowed:
        assert report(booking, now=NOW + since_start).has_open_report
    else:
        with pytest.raises(TransitionNotAllowed):
            report(booking, now=NOW + since_start)


def test_an_open_offer_keeps_the_report_open_longer() -> None:
    booking = offer(make_booking())
    late = NOW + 10 * DAY
    assert report(booking, now=late).deadline_at == late + timedelta(hours=72)
    assert booking.offers.get().outcome == "closed"


def test_the_last_click_and_the_sweep_test_opposite_sides_of_one_instant() -> None:
    booking = report(make_booking())
    edge = booking.deadline_at + booking.limits.grace
    sweeps.run_deadlines(now=edge - SECOND)
    assert Booking.objects.get(pk=booking.pk).state == State.NO_SHOW_REPORTED
    for act in (mark_held_on_zoom, offer):
        with pytest.raises(TransitionNotAllowed) as refused:
            act(booking, now=edge)
        assert refused.value.code == "too_late"
    assert sweeps.run_deadlines(now=edge) == 1
    assert Booking.objects.get(pk=booking.pk).state == State.REFUNDED


def test_a_click_inside_the_grace_still_counts() -> None:
    booking = report(make_booking())
    done = mark_held_on_zoom(booking, now=booking.deadline_at + 59 * SECOND)
    assert done.state == State.COMPLETED


def test_nobody_answers_and_everything_goes_back_exactly_once() -> None:
    booking = report(make_booking())
    late = NOW + 4 * DAY
    assert [sweeps.run_deadlines(now=late) for _ in range(3)] == [1, 0, 0]
    refund = Refund.objects.get(booking=booking)
    assert (refund.amount_minor, refund.currency, refund.state) == (240000, "INR", "due")
    assert booking.reports.get().outcome == NoShowReport.Outcome.REFUNDED
    booking.payment.refresh_from_db()
    assert booking.payment.reserved_minor == 240000


def test_a_free_call_closes_with_nothing_to_refund() -> None:
    booking = report(make_booking(price_minor=0))
    sweeps.run_deadlines(now=NOW + 4 * DAY)
    assert Booking.objects.get(pk=booking.pk).state == State.REFUNDED
    assert not Refund.objects.exists()


def test_marking_a_reported_call_needs_where_and_when() -> None:
    booking = report(make_booking())
    with pytest.raises(TransitionNotAllowed) as refused:
        lifecycle.mark_completed(booking.pk, actor=expert_of(booking), now=NOW, outcome="held_here")
    assert refused.value.code == "details_missing"
    done = mark_held_on_zoom(booking)
    assert (done.state, done.deadline_at, done.has_open_report) == (State.COMPLETED, None, False)
    assert sweeps.run_deadlines(now=NOW + 30 * DAY) == 0
    assert not Refund.objects.exists()


@pytest.mark.parametrize(
    ("created_at", "earliest", "words"),
    [
        (NOW - 5 * DAY, NOW - 5 * DAY, "before it was booked"),
        (NOW, NOW - 2 * HOUR - 30 * DAY, "so long before its planned time"),
    ],
)
def test_a_call_was_not_held_before_it_was_booked_nor_an_imported_one_long_before_its_time(
    created_at: datetime, earliest: datetime, words: str
) -> None:
    booking = make_booking(starts_at=NOW - 2 * HOUR)
    Booking.objects.filter(pk=booking.pk).update(created_at=created_at)
    report(booking)
    held: dict[str, Any] = {"outcome": "held_here", "channel": "planned"}
    mark = partial(lifecycle.mark_completed, booking.pk, actor=expert_of(booking), now=NOW, **held)
    with pytest.raises(TransitionNotAllowed, match=words) as refused:
        mark(held_at=earliest - timedelta(minutes=1))
    assert refused.value.code == "details_missing"
    assert mark(held_at=earliest).state == State.COMPLETED


def test_a_call_is_never_completed_before_its_scheduled_end() -> None:
    booking = report(make_booking(starts_at=NOW - timedelta(minutes=20)))
    with pytest.raises(TransitionNotAllowed) as refused:
        mark_held_on_zoom(booking)
    assert refused.value.code == "too_early"


def test_a_report_can_be_withdrawn_before_the_deadline_only() -> None:
    booking = report(make_booking())
    back = lifecycle.withdraw_report(booking.pk, actor=FOLLOWER, now=NOW + HOUR)
    assert (back.state, back.deadline_at) == (State.SCHEDULED, None)
    assert report(booking, now=NOW + 2 * HOUR).deadline_at == NOW + 74 * HOUR
    with pytest.raises(TransitionNotAllowed) as refused:
        lifecycle.withdraw_report(booking.pk, actor=FOLLOWER, now=NOW + 5 * DAY)
    assert refused.value.code == "too_late"


def test_reporting_and_withdrawing_for_ever_is_refused() -> None:
    booking = make_booking()
    for _ in range(3):
        report(booking)
        lifecycle.withdraw_report(booking.pk, actor=FOLLOWER, now=NOW)
    with pytest.raises(TransitionNotAllowed) as refused:
        report(booking)
    assert refused.value.code == "too_often"


def test_limits_are_those_of_the_day_the_booking_was_made(settings: object) -> None:
    booking = make_booking()
    settings.POLICY = {**settings.POLICY, "no_show_window": HOUR}  # type: ignore[attr-defined]
    assert report(Booking.objects.get(pk=booking.pk)).deadline_at == NOW + 72 * HOUR


def test_contested_money_goes_back_when_nobody_decides() -> None:
    booking = mark_held_on_zoom(make_booking())
    contested = lifecycle.contest(booking.pk, actor=FOLLOWER, now=NOW + DAY, reason="No call.")
    assert contested.deadline_at == NOW + 8 * DAY
    sweeps.run_deadlines(now=NOW + 8 * DAY + timedelta(seconds=60))
    assert Booking.objects.get(pk=booking.pk).state == State.REFUNDED


def test_contesting_is_possible_for_72_hours_after_the_mark() -> None:
    booking = mark_held_on_zoom(make_booking())
    with pytest.raises(TransitionNotAllowed) as refused:
        lifecycle.contest(
            booking.pk, actor=FOLLOWER, now=NOW + timedelta(hours=72, seconds=60), reason="No."
        )
    assert refused.value.code == "too_late"


def test_nobody_decides_their_own_case() -> None:
    booking = mark_held_on_zoom(make_booking())
    lifecycle.contest(booking.pk, actor=FOLLOWER, now=NOW, reason="No call.")
    own = staff()
    booking.expert.user_id = own.user_id
    booking.expert.save(update_fields=["user"])
    with pytest.raises(TransitionNotAllowed) as refused:
        lifecycle.decide(booking.pk, actor=own, now=NOW, decision="completed", reason="Mine.")
    assert refused.value.code == "own_case"


def test_staff_may_decide_for_a_part_of_the_money() -> None:
    booking = mark_held_on_zoom(make_booking())
    lifecycle.contest(booking.pk, actor=FOLLOWER, now=NOW, reason="Half of it.")
    lifecycle.decide(
        booking.pk, actor=staff(), now=NOW, decision="refunded", reason="Half.", amount_minor=120000
    )
    assert Refund.objects.get(booking=booking).amount_minor == 120000


@pytest.mark.parametrize("amount", [0, -1, 240001])
def test_a_part_must_be_a_part(amount: int) -> None:
    booking = make_booking()
    with pytest.raises(TransitionNotAllowed) as refused:
        lifecycle.refund_now(
            booking.pk, actor=staff(), now=NOW, reason="Because", amount_minor=amount
        )
    assert refused.value.code == "bad_amount"
    assert Booking.objects.get(pk=booking.pk).state == State.SCHEDULED


def test_a_cancelled_call_gives_everything_back_and_a_started_one_cannot_be_cancelled() -> None:
    booking = make_booking(starts_at=NOW + DAY)
    actor = expert_of(booking)
    with pytest.raises(TransitionNotAllowed):
        lifecycle.cancel(booking.pk, actor=actor, now=NOW + DAY, reason="Ill")
    with pytest.raises(TransitionNotAllowed) as refused:
        lifecycle.cancel(booking.pk, actor=actor, now=NOW, reason="  ")
    assert refused.value.code == "reason_missing"
    assert lifecycle.cancel(booking.pk, actor=actor, now=NOW, reason="Ill").state == "cancelled"
    assert Refund.objects.get(booking=booking).amount_minor == 240000


def test_leases_and_mail_go_by_the_time_that_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease dated back to the start of a long sweep would be over before its refund is."""

    class Slow(fan_out.Clock):
        passed = timedelta(0)

        @property
        def now(self) -> datetime:
            Slow.passed += timedelta(seconds=50)
            return super().now + Slow.passed

    leased: list[datetime] = []
    monkeypatch.setattr(sweeps.fan_out, "Clock", Slow)
    monkeypatch.setattr(sweeps.refunds, "drive", lambda ids, *, now: leased.append(now) or 0)
    sweeps.run(now=NOW)
    assert leased[0] >= NOW + timedelta(seconds=100)
