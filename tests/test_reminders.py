"""Nobody who waits is forgotten: reminders survive offers that came to nothing, and undo."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from bookings import lifecycle, sweeps
from bookings.models import Booking, OutboxEmail
from bookings.states import State
from tests import builders
from tests.builders import DAY, HOUR, NOW

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def swept(now: datetime) -> None:
    sweeps.send_reminders(now=now)


def mails(booking: Booking, kind: str) -> int:
    return OutboxEmail.objects.filter(booking=booking, kind=kind).count()


def test_a_call_is_asked_about_once_it_has_ended() -> None:
    booking = builders.make_booking(starts_at=NOW + HOUR)
    swept(NOW + 2 * HOUR - MINUTE)
    assert mails(booking, "after_call") == 0
    swept(NOW + 2 * HOUR)
    swept(NOW + 2 * HOUR + MINUTE)
    assert mails(booking, "after_call") == 1


def test_so_is_one_that_ended_while_an_offer_was_open_which_is_withdrawn() -> None:
    booking = builders.offer(builders.make_booking(starts_at=NOW + HOUR))
    swept(NOW + 3 * HOUR)
    assert mails(booking, "after_call") == 0

    lifecycle.withdraw_offer(booking.pk, actor=builders.expert_of(booking), now=NOW + 4 * HOUR)
    swept(NOW + 4 * HOUR)
    swept(NOW + 5 * HOUR)

    assert mails(booking, "after_call") == 1


def test_an_unused_link_changes_nothing_about_the_question() -> None:
    booking = builders.make_booking(starts_at=NOW + 13 * DAY)
    builders.offer(booking)
    lapsed = NOW + 14 * DAY + 2 * MINUTE
    sweeps.run_deadlines(now=lapsed)
    booking.refresh_from_db()
    assert booking.state == State.SCHEDULED

    swept(lapsed)

    assert mails(booking, "after_call") == 1


def test_nobody_is_asked_twice_about_a_call_that_ended_before_the_offer() -> None:
    booking = builders.make_booking(starts_at=NOW - 2 * HOUR)
    swept(NOW - MINUTE)
    builders.offer(booking)
    lifecycle.withdraw_offer(booking.pk, actor=builders.expert_of(booking), now=NOW + HOUR)
    swept(NOW + 2 * HOUR)
    assert mails(booking, "after_call") == 1


def test_nobody_is_asked_when_a_report_is_possible_no_more() -> None:
    booking = builders.offer(builders.make_booking(starts_at=NOW + HOUR))
    sweeps.run_deadlines(now=NOW + 14 * DAY + 2 * MINUTE)
    swept(NOW + 14 * DAY + 3 * MINUTE)
    assert mails(booking, "after_call") == 0


def test_a_withdrawn_offer_gives_the_report_its_reminders_back() -> None:
    """Reported and offered while the planned hour had not yet passed."""
    booking = builders.make_booking(starts_at=NOW - 20 * MINUTE)
    reported = builders.report(booking)
    builders.offer(booking, now=NOW + MINUTE)
    lifecycle.withdraw_offer(booking.pk, actor=builders.expert_of(booking), now=NOW + HOUR)
    booking.refresh_from_db()
    assert booking.next_reminder_at == reported.deadline_at - 48 * HOUR
    swept(booking.next_reminder_at)
    assert mails(booking, "time_left") == 1


def test_undo_gives_back_the_question_that_was_not_asked_yet() -> None:
    booking = builders.make_booking(starts_at=NOW - HOUR)
    lifecycle.mark_completed(
        booking.pk, actor=builders.expert_of(booking), now=NOW, outcome="held_here"
    )
    lifecycle.undo(booking.pk, actor=builders.expert_of(booking), now=NOW + 20 * MINUTE / 60)
    swept(NOW + MINUTE)
    assert mails(booking, "after_call") == 1


def test_undo_around_a_reminder_does_not_lose_it() -> None:
    booking = builders.report(builders.make_booking())
    last = NOW + 3 * DAY - 6 * HOUR
    swept(NOW + 3 * DAY - 23 * HOUR)
    before = mails(booking, "time_left")
    builders.mark_held_on_zoom(booking, now=last - timedelta(seconds=10))
    swept(last)
    lifecycle.undo(booking.pk, actor=builders.expert_of(booking), now=last + timedelta(seconds=10))
    swept(last + MINUTE)
    told = OutboxEmail.objects.filter(booking=booking, kind="time_left").latest("id")
    assert (mails(booking, "time_left") - before, told.facts["hours"]) == (1, 6)
