"""An offer cannot be used to let the follower's time to report or to contest run out."""

from __future__ import annotations

import pytest

from bookings import lifecycle, rules, slots, sweeps
from bookings.models import Booking, OutboxEmail
from bookings.states import State, TransitionNotAllowed, Verb
from tests.builders import (
    DAY,
    FOLLOWER,
    HOUR,
    NOW,
    contest,
    expert_of,
    make_booking,
    make_in_state,
    mark_held_on_zoom,
    offer,
    report,
)

pytestmark = pytest.mark.django_db


def withdraw(booking: Booking, hours: int) -> Booking:
    later = NOW + hours * HOUR
    return lifecycle.withdraw_offer(booking.pk, actor=expert_of(booking), now=later)


def test_an_offer_after_a_mark_is_not_withdrawn_once_contesting_is_over() -> None:
    booking = offer(mark_held_on_zoom(make_in_state(State.NO_SHOW_REPORTED)), now=NOW + HOUR)
    with pytest.raises(TransitionNotAllowed, match="report or contest ended"):
        withdraw(booking, 73)
    later = NOW + 73 * HOUR
    booking.refresh_from_db()
    assert rules.allows(booking, Verb.REPORT_NO_SHOW, FOLLOWER, now=later)
    assert rules.allows(booking, Verb.MARK_COMPLETED, expert_of(booking), now=later)
    assert rules.allows(booking, Verb.REFUND_NOW, expert_of(booking), now=later)


def test_an_offer_is_not_withdrawn_once_reporting_is_over() -> None:
    booking = offer(make_booking())
    with pytest.raises(TransitionNotAllowed, match="report or contest ended"):
        withdraw(booking, 73)


def test_its_link_can_still_be_sent_again() -> None:
    """Its e-mail is due now, not when the time to undo the offer had run out: `verify` would call
    it stuck until it is sent."""
    booking = offer(make_booking())
    later = NOW + 73 * HOUR
    lifecycle.resend_offer(booking.pk, actor=expert_of(booking), now=later)
    event = booking.events.get(verb="link_resent")
    assert OutboxEmail.objects.get(event=event).next_attempt_at == later


def test_while_the_follower_can_still_object_it_is_withdrawn() -> None:
    assert withdraw(offer(make_booking()), 70).state == State.SCHEDULED
    assert withdraw(offer(make_in_state(State.COMPLETED)), 71).state == State.COMPLETED


def test_an_offer_long_after_the_call_takes_nothing_away() -> None:
    booking = offer(make_booking(starts_at=NOW - 10 * DAY))
    assert withdraw(booking, 73).state == State.SCHEDULED


def test_an_offer_after_a_report_keeps_its_deadline_and_may_go() -> None:
    booking = offer(report(make_booking()))
    assert withdraw(booking, 80).state == State.NO_SHOW_REPORTED


@pytest.mark.parametrize("answer", ["pick", "refund", "contest", "lapse", "report"])
def test_no_e_mail_is_due_before_what_caused_it(answer: str) -> None:
    """Hours after an expert's verb, whose time to undo is long over."""
    later = NOW + 5 * HOUR
    if answer == "contest":
        booking = contest(mark_held_on_zoom(report(make_booking())), now=later)
    elif answer == "report":
        booking = withdraw(offer(make_booking()), 1)
        booking = report(booking, now=later)
    else:
        booking = offer(report(make_booking()))
        if answer == "pick":
            starts_at = slots.free_for(booking, now=later)[0]
            lifecycle.pick_time(booking.pk, actor=FOLLOWER, now=later, starts_at=starts_at)
        elif answer == "refund":
            lifecycle.refund_instead(booking.pk, actor=FOLLOWER, now=later)
        else:
            later = NOW + 15 * DAY
            sweeps.run_deadlines(now=later)
    written = OutboxEmail.objects.filter(created_at=later)
    assert written
    assert [mail.kind for mail in written if mail.next_attempt_at < later] == []
