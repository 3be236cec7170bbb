"""Within 30 seconds an expert's last verb is as if it had not been."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from bookings import emails, lifecycle, links, refunds, slots
from bookings.emails import outbox
from bookings.models import Booking, Checkout, OutboxEmail, Refund, TimelineEvent
from bookings.models.money import NOT_LIVE
from bookings.states import Actor, ActorKind, State, TransitionNotAllowed
from tests.builders import (
    DAY,
    HOUR,
    NOW,
    expert_of,
    make_booking,
    mark_held_on_zoom,
    offer,
    report,
    staff,
)
from tests.shoppers import begin, make_checkout

pytestmark = pytest.mark.django_db
SOON = NOW + timedelta(seconds=29)
AFTER = NOW + timedelta(seconds=30)


def undo(booking: Booking, *, now=SOON) -> Booking:  # type: ignore[no-untyped-def]
    return lifecycle.undo(booking.pk, actor=expert_of(booking), now=now)


def cancelled(booking: Booking, actor: Actor) -> Booking:
    return lifecycle.cancel(booking.pk, actor=actor, now=NOW, reason="Ill")


def refunded(booking: Booking, actor: Actor) -> Booking:
    return lifecycle.refund_now(booking.pk, actor=actor, now=NOW)


def test_undoing_an_offer_restores_the_running_clock_and_sends_nothing() -> None:
    booking = report(make_booking())
    deadline = booking.deadline_at
    OutboxEmail.objects.update(state="sent", next_attempt_at=None)
    offer(booking)
    held = OutboxEmail.objects.get(kind="offer")
    assert held.next_attempt_at == AFTER
    back = undo(booking)
    assert (back.state, back.deadline_at) == (State.NO_SHOW_REPORTED, deadline)
    assert back.offers_after_report == 0
    assert links.current(booking, "pick") is None
    held.refresh_from_db()
    assert held.state == "cancelled"
    assert offer(booking, now=AFTER).state == State.RESCHEDULE_OFFERED


def test_undoing_a_mark_reopens_the_report() -> None:
    booking = report(make_booking())
    mark_held_on_zoom(booking)
    back = undo(booking)
    assert back.has_open_report
    assert back.reports.get().outcome == "open"
    assert back.marks.get().undone_at == SOON
    assert links.current(booking, "contest") is None


def test_links_are_good_again_unless_there_is_a_newer_one() -> None:
    booking = offer(make_booking())
    old = links.current(booking, "pick")
    assert old is not None
    lifecycle.refund_now(booking.pk, actor=expert_of(booking), now=AFTER)
    assert links.current(booking, "pick") is None
    newer = links.ensure(booking, "pick", now=AFTER)
    assert undo(booking, now=AFTER).state == State.RESCHEDULE_OFFERED
    assert links.current(booking, "pick") == newer
    old.refresh_from_db()
    assert (old.superseded_at, old.superseded_by) == (AFTER, None)


def test_an_undo_beside_a_link_that_is_just_made_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    booking = offer(make_booking())
    lifecycle.refund_now(booking.pk, actor=expert_of(booking), now=AFTER)

    def just_then(undone: TimelineEvent) -> None:
        links.ensure(booking, "pick", now=AFTER)  # it was not there yet when it was looked for
        undone.superseded_links.update(superseded_at=None, superseded_by=None)

    monkeypatch.setattr(links, "bring_back", just_then)
    with pytest.raises(TransitionNotAllowed, match="has changed"):
        undo(booking, now=AFTER)
    assert Booking.objects.get().state == State.REFUNDED


def test_undoing_a_refund_frees_the_money_again() -> None:
    booking = make_booking()
    lifecycle.refund_now(booking.pk, actor=expert_of(booking), now=NOW)
    refund = Refund.objects.get()
    assert refunds.drive([refund.pk], now=SOON) == 0
    assert undo(booking).state == State.SCHEDULED
    refund.refresh_from_db()
    booking.payment.refresh_from_db()
    assert (refund.state, booking.payment.reserved_minor) == ("void", 0)
    lifecycle.refund_now(booking.pk, actor=expert_of(booking), now=AFTER)
    assert Refund.objects.exclude(state__in=NOT_LIVE).count() == 1


def test_after_30_seconds_nothing_can_be_undone() -> None:
    booking = offer(make_booking())
    with pytest.raises(TransitionNotAllowed) as refused:
        undo(booking, now=AFTER)
    assert refused.value.code == "too_late"


def test_an_email_that_staff_tries_again_still_waits_for_the_undo() -> None:
    booking = offer(make_booking())
    held = OutboxEmail.objects.get(kind="offer")
    again = outbox.retry(held.pk, actor=staff(), now=NOW, reason="It looks stuck.")
    assert again.next_attempt_at == AFTER
    emails.deliver_all([held.pk], now=SOON)
    assert undo(booking).state == State.SCHEDULED
    assert OutboxEmail.objects.get(pk=held.pk).state == "cancelled"


@pytest.mark.parametrize("late", [AFTER, AFTER + DAY])
def test_afterwards_an_email_that_staff_tries_again_is_sent_at_once(late: datetime) -> None:
    offer(make_booking())
    held = OutboxEmail.objects.get(kind="offer")
    again = outbox.retry(held.pk, actor=staff(), now=late, reason="It looks stuck.")
    assert again.next_attempt_at == late


def test_what_has_left_the_house_cannot_be_undone() -> None:
    booking = offer(make_booking())
    OutboxEmail.objects.filter(kind="offer").update(state="sending")
    with pytest.raises(TransitionNotAllowed) as refused:
        undo(booking)
    assert refused.value.code == "too_late"
    assert Booking.objects.get(pk=booking.pk).state == State.RESCHEDULE_OFFERED


def test_undoing_an_undo_is_not_possible() -> None:
    booking = offer(make_booking())
    undo(booking)
    with pytest.raises(TransitionNotAllowed):
        undo(booking)


def test_undoing_a_cancellation_is_refused_when_the_time_was_taken() -> None:
    booking = make_booking(starts_at=NOW + DAY)
    lifecycle.cancel(booking.pk, actor=expert_of(booking), now=NOW, reason="Ill")
    make_booking(booking.expert, starts_at=NOW + DAY)
    with pytest.raises(TransitionNotAllowed) as refused:
        undo(booking)
    assert refused.value.code == "taken"
    assert "Somebody else has booked this time" in refused.value.sentence
    assert Refund.objects.get().state == "due"


@pytest.mark.parametrize("ends", [cancelled, refunded])
def test_while_it_can_be_undone_the_time_is_offered_to_nobody(
    ends: Callable[[Booking, Actor], Booking],
) -> None:
    booking = make_booking(starts_at=NOW + DAY)
    other = make_booking(booking.expert, starts_at=NOW + 3 * DAY)
    ends(booking, expert_of(booking))
    with pytest.raises(TransitionNotAllowed) as refused:
        begin(booking.service, starts_at=NOW + DAY, now=SOON)
    assert refused.value.code == "taken"
    assert NOW + DAY not in slots.free_for(other, now=SOON)
    assert NOW + DAY in slots.free_for(other, now=AFTER)
    assert undo(booking).state == State.SCHEDULED


def test_an_undo_does_not_take_a_time_that_is_kept_for_a_purchase_begun_before() -> None:
    booking = make_booking(starts_at=NOW + DAY)
    cancelled(booking, expert_of(booking))
    bought = make_checkout(
        expert=booking.expert,
        service=booking.service,
        starts_at=NOW + DAY,
        ends_at=NOW + DAY + HOUR,
        created_at=NOW - HOUR,
        expires_at=AFTER,
    )
    with pytest.raises(TransitionNotAllowed) as refused:
        undo(booking)
    assert refused.value.code == "taken"
    assert "Somebody else is paying for this time" in refused.value.sentence
    Checkout.objects.filter(pk=bought.pk).update(state="expired")
    assert undo(booking).state == State.SCHEDULED


def test_what_staff_cancels_cannot_be_undone_and_keeps_no_time() -> None:
    booking = make_booking(starts_at=NOW + DAY)
    other = make_booking(booking.expert, starts_at=NOW + 3 * DAY)
    cancelled(booking, staff())
    assert NOW + DAY in slots.free_for(other, now=NOW)


def test_only_the_expert_who_acted_can_undo() -> None:
    booking = make_booking()
    lifecycle.refund_now(booking.pk, actor=staff(), now=NOW, reason="Sorry")
    with pytest.raises(TransitionNotAllowed):
        undo(booking)
    follower = Actor(ActorKind.FOLLOWER)
    with pytest.raises(TransitionNotAllowed):
        lifecycle.undo(booking.pk, actor=follower, now=SOON)


def test_the_mail_leaves_once_the_undo_has_run_out() -> None:
    booking = offer(make_booking())
    held = OutboxEmail.objects.get(kind="offer")
    assert emails.deliver_all([held.pk], now=SOON) == 0
    assert emails.deliver_all([held.pk], now=AFTER)
    assert slots.free_for(booking, now=NOW)


def test_a_form_sent_again_after_its_undo_does_not_act_and_says_so() -> None:
    """A browser sends it again when the page is loaded again; on the page it is undone."""
    booking = report(make_booking())
    held = {"outcome": "held_elsewhere", "channel": "video", "held_at": booking.starts_at}
    form = expert_of(booking, "the form")
    lifecycle.mark_completed(booking.pk, actor=form, now=NOW, **held)
    undo(booking, now=NOW + timedelta(seconds=5))
    with pytest.raises(TransitionNotAllowed) as refused:
        lifecycle.mark_completed(booking.pk, actor=form, now=NOW + timedelta(seconds=9), **held)
    assert refused.value.code == "changed"
    assert Booking.objects.get(pk=booking.pk).state == State.NO_SHOW_REPORTED
    assert booking.marks.count() == 1
