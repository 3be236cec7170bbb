"""What is not true any more is not sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bookings import clocks, emails, lifecycle, slots
from bookings.demo import samples
from bookings.emails import KINDS
from bookings.models import Booking, OutboxEmail, OutboxState, Payment, StoredMessage
from bookings.states import State
from tests import builders
from tests.builders import NOW
from tests.mail_settings import use_mail
from tests.outbox_rows import AFTER_UNDO, SECOND, only, reported


@pytest.fixture(autouse=True)
def kept(settings: Any) -> None:
    """What is sent can be read as StoredMessage; the test runner would keep it in memory."""
    use_mail(settings)


@pytest.mark.django_db
def test_a_report_that_was_answered_is_not_announced() -> None:
    booking, row = reported()
    builders.offer(booking)
    assert not emails.deliver_all([row.pk], now=NOW + timedelta(minutes=2))
    row.refresh_from_db()
    assert (row.state, row.next_attempt_at) == (OutboxState.CANCELLED, None)
    assert not StoredMessage.objects.exists()


@pytest.mark.django_db
def test_a_reminder_for_another_deadline_is_not_sent() -> None:
    booking, _ = reported()
    row = emails.queue("time_left", booking=booking, now=NOW, dedupe="24", facts={"hours": 24})
    lifecycle.withdraw_report(booking.pk, actor=builders.FOLLOWER, now=NOW)
    builders.report(booking, now=NOW + timedelta(minutes=5))
    assert not emails.deliver_all([row.pk], now=NOW + timedelta(minutes=6))
    row.refresh_from_db()
    assert row.state == OutboxState.CANCELLED


@pytest.mark.django_db
def test_nobody_hears_that_a_link_is_withdrawn_which_was_never_mailed() -> None:
    booking = builders.offer(builders.make_booking())
    lifecycle.withdraw_offer(booking.pk, actor=builders.expert_of(booking), now=NOW + 10 * SECOND)
    for row in OutboxEmail.objects.filter(kind__in=["offer", "offer_withdrawn"]):
        assert not emails.deliver_all([row.pk], now=NOW + timedelta(minutes=2))
    assert not StoredMessage.objects.exists()


@pytest.mark.django_db
def test_a_withdrawn_link_that_was_mailed_is_told() -> None:
    booking = builders.offer(builders.make_booking())
    assert emails.deliver_all([only("offer").pk], now=AFTER_UNDO)
    lifecycle.withdraw_offer(booking.pk, actor=builders.expert_of(booking), now=AFTER_UNDO)
    assert emails.deliver_all([only("offer_withdrawn").pk], now=AFTER_UNDO + timedelta(minutes=1))


@pytest.mark.django_db
def test_a_refund_is_not_called_confirmed_before_the_provider_says_so() -> None:
    booking = builders.report(builders.make_booking())
    lifecycle.refund_now(
        booking.pk, actor=builders.expert_of(booking), now=NOW + timedelta(minutes=1)
    )
    later = NOW + timedelta(minutes=2)
    row = emails.queue("refund_confirmed", booking=booking, now=later, dedupe="early")
    assert not emails.deliver_all([row.pk], now=later)
    assert emails.deliver_all([only("refund_started").pk], now=later)
    sent = StoredMessage.objects.get()
    assert "has started" in sent.subject
    assert "refunded" not in sent.text.replace("Maya refunded this call", "")


@pytest.mark.django_db
def test_a_superseded_link_is_never_mailed_again() -> None:
    booking = builders.offer(builders.make_booking())
    first = booking.links.get(purpose="pick", superseded_at__isnull=True)
    lifecycle.withdraw_offer(booking.pk, actor=builders.expert_of(booking), now=AFTER_UNDO)
    again = builders.offer(booking, now=AFTER_UNDO)
    row = OutboxEmail.objects.filter(kind="offer").latest("pk")
    assert emails.deliver_all([row.pk], now=AFTER_UNDO + timedelta(minutes=1))
    text = StoredMessage.objects.get().text
    assert first.key not in text
    assert again.links.get(purpose="pick", superseded_at__isnull=True).key in text


@pytest.mark.django_db
def test_a_new_time_that_was_changed_again_is_not_announced() -> None:
    booking = builders.offer(builders.make_booking())
    for days in (2, 3):
        start = NOW.replace(hour=5) + timedelta(days=days)
        lifecycle.pick_time(booking.pk, actor=builders.FOLLOWER, now=NOW, starts_at=start)
        if days == 2:
            builders.offer(booking)
    first, second = OutboxEmail.objects.filter(kind="time_confirmed").order_by("pk")
    assert not emails.deliver_all([first.pk], now=NOW)
    assert emails.deliver_all([second.pk], now=NOW)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["no_show_reported-second", "time_left-second"])
def test_after_a_second_report_no_mail_asks_for_an_offer_that_would_be_refused(name: str) -> None:
    text = letter(played(name))
    assert "only the follower can move the call" in text
    assert "Offer a new time" not in text


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name",
    [
        "no_show_reported-first",
        "time_left-6",
        "report_received-first",
        "offer-after-report",
        "contest_received",
        "contested",
        "staff_contested",
    ],
)
def test_mails_name_the_money_that_is_left_not_what_was_paid_once(name: str) -> None:
    row = played(name)
    Payment.objects.filter(booking=row.booking).update(returned_external_minor=140000)
    text = letter(row)
    assert "₹4,000" in text
    assert "₹5,400" not in text


def played(name: str) -> OutboxEmail:
    row = samples.play(name, now=NOW)
    assert row is not None
    return row


def letter(row: OutboxEmail) -> str:
    return repr(KINDS[row.kind].write(samples.case_of(row, now=NOW)))


def is_still_true(row: OutboxEmail) -> bool:
    return KINDS[row.kind].still_true(samples.case_of(row, now=NOW))


MOVED_ON: dict[str, tuple[State, dict[str, Any]]] = {
    "offer-past": (State.SCHEDULED, {}),
    "offer-after-report": (State.NO_SHOW_REPORTED, {}),
    "offer_reminder": (State.REFUNDED, {}),
    "offer_undelivered": (State.SCHEDULED, {}),
    "offer_withdrawn": (State.RESCHEDULE_OFFERED, {}),
    "time_confirmed": (State.CANCELLED, {}),
    "time_picked": (State.REFUNDED, {}),
    "after_call": (State.NO_SHOW_REPORTED, {}),
    "marked_completed-absent": (State.CONTESTED, {}),
    "report_received-first": (State.REFUNDED, {}),
    "no_show_reported-first": (State.COMPLETED, {}),
    "withdrawal_received": (State.NO_SHOW_REPORTED, {"has_open_report": True}),
    "report_withdrawn": (State.NO_SHOW_REPORTED, {"has_open_report": True}),
    "time_left-24": (State.RESCHEDULE_OFFERED, {}),
    "contest_received": (State.REFUNDED, {}),
    "contested": (State.COMPLETED, {}),
    "staff_contested": (State.REFUNDED, {}),
    "staff_contest_reminder": (State.COMPLETED, {}),
    "refund_started-free": (State.SCHEDULED, {}),
    "refund_started-no-answer": (State.NO_SHOW_REPORTED, {}),
    "booking_refunded-no-answer": (State.SCHEDULED, {}),
    "time_taken": (State.COMPLETED, {}),  # the database refuses a second call at that time
    "call_cancelled": (State.SCHEDULED, {}),
    "call_cancelled_expert": (State.SCHEDULED, {}),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(MOVED_ON))
def test_nobody_is_told_what_has_stopped_being_true(name: str) -> None:
    row = played(name)
    assert is_still_true(row)
    state, columns = MOVED_ON[name]
    assert row.booking is not None
    deadline_at = clocks.deadline_for(state, limits=row.booking.limits, now=NOW)
    Booking.objects.filter(pk=row.booking.pk).update(
        state=state, deadline_at=deadline_at, **columns
    )
    assert not is_still_true(row)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("refund_confirmed", "reversed"),
        ("refund_failed-declined", "sending"),
        ("refund_failed-reversed", "succeeded"),
        ("staff_refund_failed-declined", "accepted"),
    ],
)
def test_a_mail_about_money_says_no_more_than_the_refund(name: str, state: str) -> None:
    row = played(name)
    assert is_still_true(row)
    assert row.booking is not None
    row.booking.refunds.update(state=state, alerted_at=None)
    assert not is_still_true(row)


@pytest.mark.django_db
def test_a_link_waits_while_its_withdrawal_can_be_undone() -> None:
    booking = builders.offer(builders.make_booking())
    actor = builders.expert_of(booking)
    lifecycle.withdraw_offer(booking.pk, actor=actor, now=NOW + 20 * SECOND)
    row = only("offer")

    assert not emails.deliver_all([row.pk], now=NOW + 35 * SECOND)
    row.refresh_from_db()
    assert (row.state, row.attempts) == (OutboxState.QUEUED, 0)
    assert row.next_attempt_at > NOW + 50 * SECOND  # a click in the last second is on its way

    lifecycle.undo(booking.pk, actor=actor, now=NOW + 45 * SECOND)
    assert emails.deliver_all([row.pk], now=row.next_attempt_at)


@pytest.mark.django_db
def test_it_is_given_up_when_nothing_can_be_undone_any_more() -> None:
    booking = builders.offer(builders.make_booking())
    lifecycle.withdraw_offer(booking.pk, actor=builders.expert_of(booking), now=NOW + 20 * SECOND)
    row = only("offer")
    assert not emails.deliver_all([row.pk], now=NOW + 35 * SECOND)
    row.refresh_from_db()
    assert not emails.deliver_all([row.pk], now=row.next_attempt_at)
    row.refresh_from_db()
    assert (row.state, row.next_attempt_at) == (OutboxState.CANCELLED, None)


@pytest.mark.django_db
def test_a_withdrawn_link_that_arrived_when_it_was_sent_again_is_told() -> None:
    booking = builders.offer(builders.make_booking())
    OutboxEmail.objects.filter(kind="offer").update(state=OutboxState.FAILED, next_attempt_at=None)
    again, actor = NOW + timedelta(minutes=20), builders.expert_of(booking)
    lifecycle.resend_offer(booking.pk, actor=actor, now=again)
    assert emails.deliver_all([OutboxEmail.objects.filter(kind="offer").latest("id").pk], now=again)
    later = again + timedelta(minutes=1)
    lifecycle.withdraw_offer(booking.pk, actor=actor, now=later)
    assert emails.deliver_all([only("offer_withdrawn").pk], now=later + timedelta(minutes=1))


def marked_and_offered() -> builders.Booking:
    """The offer comes while the mark can still be undone, before its mail has left."""
    booking = builders.mark_held_on_zoom(builders.report(builders.make_booking()))
    return builders.offer(booking, now=NOW + 20 * SECOND)


@pytest.mark.django_db
@pytest.mark.parametrize("ends", ["withdrawn", "undone", "lapsed"])
def test_a_mark_is_told_after_an_offer_that_kept_its_mail_back(ends: str) -> None:
    booking = marked_and_offered()
    actor, minute = builders.expert_of(booking), timedelta(minutes=1)
    emails.deliver_all([only("marked_completed").pk], now=NOW + 35 * SECOND)
    if ends == "undone":
        later = NOW + 45 * SECOND
        lifecycle.undo(booking.pk, actor=actor, now=later)
    else:
        emails.deliver_all([only("marked_completed").pk], now=NOW + 10 * minute)
        assert only("marked_completed").state == OutboxState.CANCELLED
        later = NOW + timedelta(days=14, minutes=10) if ends == "lapsed" else NOW + 20 * minute
        if ends == "lapsed":
            lifecycle.run_deadline(booking.pk, state=State.RESCHEDULE_OFFERED, now=later)
        else:
            lifecycle.withdraw_offer(booking.pk, actor=actor, now=later)

    assert emails.deliver_all([only("marked_completed").pk], now=later + 3 * minute)


@pytest.mark.django_db
def test_a_mark_of_a_call_that_was_moved_since_is_not_told() -> None:
    booking = builders.offer(builders.mark_held_on_zoom(builders.make_booking()), now=NOW)
    stale = only("marked_completed")
    emails.deliver_all([stale.pk], now=NOW + timedelta(minutes=10))
    slot = slots.free_for(booking, now=NOW + timedelta(hours=1))[0]
    moved = lifecycle.pick_time(
        booking.pk, actor=builders.FOLLOWER, now=NOW + timedelta(hours=1), starts_at=slot
    )
    again = moved.ends_at + timedelta(minutes=1)
    builders.mark_held_on_zoom(moved, now=again)
    builders.offer(moved, now=again + timedelta(minutes=5))
    withdrawn = again + timedelta(minutes=10)
    lifecycle.withdraw_offer(booking.pk, actor=builders.expert_of(booking), now=withdrawn)
    assert not emails.deliver_all([stale.pk], now=withdrawn + timedelta(minutes=5))
