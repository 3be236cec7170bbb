"""Offering a new time, and what becomes of the offer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bookings import emails, lifecycle, links, slots, sweeps
from bookings.models import Booking, Expert, Refund, WeeklyHours
from bookings.states import State, TransitionNotAllowed
from tests.builders import (
    DAY,
    FOLLOWER,
    HOUR,
    NOW,
    expert_of,
    make_booking,
    make_expert,
    mark_held_on_zoom,
    offer,
    report,
)
from tests.shoppers import make_checkout

pytestmark = pytest.mark.django_db


def pick(booking: Booking, *, now: datetime = NOW, at: datetime | None = None) -> Booking:
    starts_at = at or slots.free_for(booking, now=now)[0]
    return lifecycle.pick_time(booking.pk, actor=FOLLOWER, now=now, starts_at=starts_at)


def test_an_offer_works_without_any_report_and_the_same_booking_moves() -> None:
    booking = mark_held_on_zoom(make_booking())
    offered = offer(booking)
    assert offered.deadline_at == NOW + 14 * DAY
    moved = pick(offered)
    assert (moved.pk, moved.code, moved.attempt) == (booking.pk, booking.code, 2)
    assert moved.state == State.SCHEDULED
    assert moved.ends_at - moved.starts_at == HOUR
    assert not Refund.objects.exists()
    assert Booking.objects.count() == 1


def test_an_offer_stops_the_clock_of_a_report() -> None:
    booking = offer(report(make_booking()))
    assert sweeps.run_deadlines(now=NOW + 5 * DAY) == 0
    moved = pick(booking, now=NOW + 5 * DAY)
    assert not moved.has_open_report
    assert moved.reports.get().outcome == "rescheduled"


def test_an_unpicked_offer_after_a_report_is_refunded() -> None:
    booking = offer(report(make_booking()))
    sweeps.run_deadlines(now=NOW + 14 * DAY + timedelta(seconds=60))
    assert Booking.objects.get(pk=booking.pk).state == State.REFUNDED
    assert Refund.objects.get().amount_minor == 240000


@pytest.mark.parametrize("is_completed", [True, False])
def test_an_unpicked_offer_without_a_report_changes_nothing(is_completed: bool) -> None:
    booking = make_booking(starts_at=NOW + 20 * DAY)
    if is_completed:
        booking = mark_held_on_zoom(make_booking())
    before = booking.state
    offer(booking)
    sweeps.run_deadlines(now=NOW + 14 * DAY + timedelta(seconds=60))
    after = Booking.objects.get(pk=booking.pk)
    assert (after.state, after.deadline_at, after.starts_at) == (before, None, booking.starts_at)
    assert not Refund.objects.exists()


def test_withdrawing_an_offer_restores_the_original_deadline() -> None:
    booking = report(make_booking())
    deadline = booking.deadline_at
    offer(booking, now=NOW + HOUR)
    back = lifecycle.withdraw_offer(booking.pk, actor=expert_of(booking), now=NOW + 80 * HOUR)
    assert (back.state, back.deadline_at) == (State.NO_SHOW_REPORTED, deadline)
    assert sweeps.run_deadlines(now=NOW + 80 * HOUR) == 1


def test_a_second_report_leaves_the_expert_no_offer_but_the_follower_may_move() -> None:
    moved = pick(offer(report(make_booking())))
    again = moved.ends_at + HOUR
    report(moved, now=again)
    with pytest.raises(TransitionNotAllowed) as refused:
        offer(moved, now=again)
    assert refused.value.code == "offered_before"
    third = lifecycle.move_instead(
        moved.pk, actor=FOLLOWER, now=again, starts_at=slots.free_for(moved, now=again)[0]
    )
    assert (third.attempt, third.state) == (3, State.SCHEDULED)


def test_moving_instead_is_for_the_second_report_only() -> None:
    booking = report(make_booking())
    with pytest.raises(TransitionNotAllowed) as refused:
        lifecycle.move_instead(
            booking.pk,
            actor=FOLLOWER,
            now=NOW,
            starts_at=slots.free_for(booking, now=NOW)[0],
        )
    assert refused.value.code == "first_report"


def test_an_offer_needs_two_free_slots_in_the_next_14_days() -> None:
    expert = make_expert()
    WeeklyHours.objects.filter(expert=expert).delete()
    booking = make_booking(expert)
    with pytest.raises(TransitionNotAllowed) as refused:
        offer(booking)
    assert refused.value.code == "too_few_slots"
    with pytest.raises(TransitionNotAllowed):
        offer(booking, mode="listed", slots=[NOW + HOUR, NOW + 15 * DAY])
    assert offer(booking, mode="listed", slots=[NOW + HOUR, NOW + DAY]).state == (
        State.RESCHEDULE_OFFERED
    )


def test_the_time_a_call_has_is_no_new_time_to_list() -> None:
    booking = make_booking(starts_at=NOW + 3 * DAY)
    own = booking.starts_at
    with pytest.raises(TransitionNotAllowed) as refused:
        offer(booking, mode="listed", slots=[own, NOW + DAY])
    assert refused.value.code == "too_few_slots"
    offered = offer(booking, mode="listed", slots=[own, NOW + DAY, NOW + 2 * DAY])
    assert offered.state == State.RESCHEDULE_OFFERED


def test_of_a_listed_offer_only_the_listed_times_can_be_picked() -> None:
    listed = [NOW + DAY, NOW + 2 * DAY]
    booking = offer(make_booking(), mode="listed", slots=listed)
    with pytest.raises(TransitionNotAllowed) as refused:
        pick(booking, at=NOW + 3 * DAY)
    assert refused.value.code == "taken"
    assert pick(booking, at=listed[1]).starts_at == listed[1]


def test_a_slot_that_was_taken_meanwhile_is_refused() -> None:
    expert = make_expert()
    first, second = offer(make_booking(expert)), None
    second = offer(make_booking(expert, starts_at=NOW - 5 * HOUR))
    at = slots.free_for(first, now=NOW)[0]
    pick(first, at=at)
    with pytest.raises(TransitionNotAllowed) as refused:
        pick(second, at=at)
    assert refused.value.code == "taken"
    assert Booking.objects.get(pk=second.pk).attempt == 1


def test_rescheduling_an_upcoming_call_keeps_the_old_time_until_the_follower_picks() -> None:
    starts_at = NOW + 3 * DAY
    booking = offer(make_booking(starts_at=starts_at))
    assert booking.starts_at == starts_at
    other = make_booking(booking.expert, starts_at=NOW - 5 * HOUR)
    assert starts_at not in slots.free_for(other, now=NOW)
    assert pick(booking).starts_at != starts_at


def test_a_completed_call_can_be_offered_again_for_30_days() -> None:
    booking = mark_held_on_zoom(make_booking())
    with pytest.raises(TransitionNotAllowed) as refused:
        offer(booking, now=NOW + 30 * DAY)
    assert refused.value.code == "too_late"
    assert offer(booking, now=NOW + 29 * DAY).state == State.RESCHEDULE_OFFERED


def test_a_new_offer_supersedes_the_old_link() -> None:
    booking = offer(make_booking())
    old = links.current(booking, "pick")
    lifecycle.withdraw_offer(booking.pk, actor=expert_of(booking), now=NOW + HOUR)
    offer(booking, now=NOW + 2 * HOUR)
    new = links.current(booking, "pick")
    assert old is not None
    assert new is not None
    old.refresh_from_db()
    assert new.pk != old.pk
    assert not links.is_live(old, now=NOW + 3 * HOUR)
    assert links.read(links.token(new), "pick") == new
    assert links.read(links.token(new), "report") is None


def test_the_follower_may_take_the_money_instead_only_after_a_report() -> None:
    plain = offer(make_booking())
    with pytest.raises(TransitionNotAllowed) as refused:
        lifecycle.refund_instead(plain.pk, actor=FOLLOWER, now=NOW)
    assert refused.value.code == "not_reported"
    reported = offer(report(make_booking()))
    assert lifecycle.refund_instead(reported.pk, actor=FOLLOWER, now=NOW).state == "refunded"


def test_the_buffer_after_a_call_stays_free() -> None:
    expert = make_expert(buffer_minutes=30)
    at = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
    make_booking(expert, starts_at=at)
    free = slots.free_for(make_booking(expert, starts_at=NOW - 5 * HOUR), now=NOW)
    assert at + HOUR not in free
    assert at + timedelta(minutes=90) in free
    assert at - HOUR not in free  # its own buffer would reach into the call


def test_resending_the_link_is_limited() -> None:
    booking = offer(make_booking())
    with pytest.raises(TransitionNotAllowed) as refused:
        lifecycle.resend_offer(booking.pk, actor=expert_of(booking), now=NOW + HOUR / 10)
    assert refused.value.code == "too_often"
    sent = lifecycle.resend_offer(booking.pk, actor=expert_of(booking), now=NOW + HOUR)
    assert sent.emails.filter(kind="offer").count() == 2


def test_builders_make_an_expert_who_can_be_booked() -> None:
    assert Expert.objects.count() == 0
    assert len(slots.free_for(make_booking(), now=NOW)) > 100


def test_offering_and_withdrawing_in_turns_is_refused_after_a_while() -> None:
    booking = make_booking()
    for hours in range(4):
        offer(booking, now=NOW + hours * HOUR)
        lifecycle.withdraw_offer(
            booking.pk, actor=expert_of(booking), now=NOW + hours * HOUR + HOUR / 2
        )
    with pytest.raises(TransitionNotAllowed) as refused:
        offer(booking, now=NOW + 5 * HOUR)
    assert refused.value.code == "too_often"
    assert offer(booking, now=NOW + 26 * HOUR).state == State.RESCHEDULE_OFFERED


def test_an_offer_without_a_report_still_shows_the_way_to_report(mailoutbox: list[Any]) -> None:
    mail = offer(make_booking()).emails.get(kind="offer")
    assert emails.deliver_all([mail.pk], now=NOW + HOUR)
    html, _ = mailoutbox[0].alternatives[0]
    assert "/report/" in mailoutbox[0].body
    assert "/report/" in html


def test_a_listed_time_that_somebody_is_paying_for_cannot_be_picked() -> None:
    listed = [NOW + DAY, NOW + 2 * DAY]
    booking = offer(make_booking(), mode="listed", slots=listed)
    make_checkout(
        expert=booking.expert, starts_at=listed[0], ends_at=listed[0] + HOUR, expires_at=NOW + HOUR
    )
    with pytest.raises(TransitionNotAllowed) as refused:
        pick(booking, at=listed[0])
    assert refused.value.code == "taken"
    assert pick(booking, at=listed[1]).starts_at == listed[1]


def test_a_call_that_was_marked_keeps_its_buffer() -> None:
    """Or somebody could buy a time in it, and the marked call could not be rescheduled."""
    expert = make_expert(buffer_minutes=60, min_notice_minutes=0)
    booking = make_booking(expert)  # it ended at NOW - 1 hour
    end = NOW - HOUR
    soon = end + timedelta(minutes=30)
    assert soon not in slots.free_of(booking.service, now=end)

    mark_held_on_zoom(booking, now=end)

    free = slots.free_of(booking.service, now=end)
    assert soon not in free
    assert NOW in free
