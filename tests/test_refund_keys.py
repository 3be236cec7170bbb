"""When the key of a refund changes, and when nothing is sent any more (M03, M04, M18, M19).

Partial refunds throughout: a provider refuses a second full one, but takes a second part.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from bookings import refunds
from bookings.models import Booking, OutboxEmail, Refund, RefundState
from bookings.refunds import timing
from bookings.refunds.planning import request_of
from bookings.states import TransitionNotAllowed
from tests.builders import HOUR, staff
from tests.engine import LATER, MINUTE, drive, is_left_to_staff, lines, paid, play, refund_of
from tests.provider.running import Provider, until

pytestmark = pytest.mark.django_db


def test_m03_a_stored_500_without_work_needs_one_new_key(provider: Provider) -> None:
    refund = refund_of(provider, part=80000)
    provider.fault("error")
    drive(refund)
    assert (refund.state, refund.epoch) == (RefundState.UNKNOWN, 1)
    for _ in range(12):
        if refund.state != RefundState.UNKNOWN:
            break
        drive(refund)
    assert (refund.state, refund.epoch) == (RefundState.ACCEPTED, 2)
    assert paid(provider, refund) == [80000]


def test_m03_the_key_does_not_change_before_an_absence_of_ten_minutes(provider: Provider) -> None:
    refund = refund_of(provider, part=80000)
    provider.fault("error")
    drive(refund)
    drive(refund, LATER + timedelta(minutes=9, seconds=59))
    assert refund.epoch == 1
    assert refund.stored_failure_at == LATER
    at = LATER + 10 * MINUTE
    Refund.objects.update(next_attempt_at=at)
    drive(refund, at)
    assert refund.epoch == 2
    assert refund.next_attempt_at == at + 2 * MINUTE, "and one more look before it is used"
    drive(refund)
    assert paid(provider, refund) == [80000]


def test_m03_the_key_does_not_change_while_a_try_may_still_be_under_way(
    provider: Provider,
) -> None:
    """A time-out in between: that try may do the work later, under the old key."""
    refund = refund_of(provider, part=80000)
    provider.fault("error")
    drive(refund)
    provider.fault("gateway")
    drive(refund, LATER + 9 * MINUTE)
    assert (refund.epoch, refund.stored_failure_at) == (1, None)
    drive(refund, LATER + HOUR)
    assert (refund.epoch, refund.stored_failure_at) == (1, LATER + HOUR)


def test_m03_errors_without_end_use_up_three_keys_and_ask_a_person(provider: Provider) -> None:
    refund = refund_of(provider, part=80000)
    provider.fault("error", calls=10**6)
    at = play(provider, refund, 20 * HOUR)
    assert (refund.state, refund.next_attempt_at) == (RefundState.UNKNOWN, None)
    assert (refund.epoch, paid(provider, refund)) == (timing.KEYS_AFTER_FAILURES, [])
    is_left_to_staff(refund)
    provider.tell(faults=[])
    refunds.retry(refund.pk, actor=staff(), now=at, reason="They have mended it.")
    play(provider, refund, HOUR, now=at)
    assert (refund.state, paid(provider, refund)) == (RefundState.SUCCEEDED, [80000])


def test_m04_a_stored_500_with_work_is_found_and_never_sent_again(provider: Provider) -> None:
    refund = refund_of(provider, part=80000)
    provider.fault("error_done")
    assert drive(refund).state == RefundState.UNKNOWN
    drive(refund, LATER + HOUR)
    assert (refund.state, refund.epoch) == (RefundState.ACCEPTED, 1)
    assert paid(provider, refund) == [80000]


@pytest.mark.parametrize("kind", ["lost", "reset", "busy", "limit", "gateway", "slow", "queued"])
def test_m05_m02_no_other_trouble_ever_changes_the_key(provider: Provider, kind: str) -> None:
    refund = refund_of(provider, part=80000)
    for tries in range(1, 5):
        provider.fault(kind, seconds=1)
        drive(refund, LATER + tries * 2 * HOUR)
        if refund.state != RefundState.UNKNOWN:
            break
    assert refund.epoch == 1
    if kind in ("slow", "queued"):
        until(lambda: paid(provider, refund))
    provider.tell(faults=[])
    drive(refund, LATER + 12 * HOUR)
    assert refund.state == RefundState.ACCEPTED
    assert paid(provider, refund) == [80000]
    assert {line["key"] for line in lines(provider, refund)} == {refund.idempotency_key}


def test_m18_what_is_sent_again_is_word_for_word_the_same(provider: Provider) -> None:
    """The provider refuses other words under a known key, so a change would leave it unpaid."""
    refund = refund_of(provider, part=80000)
    provider.fault("drop")
    drive(refund)
    Booking.objects.filter(pk=refund.booking_id).update(code="TM-OTHER1", price_minor=1)
    Refund.objects.filter(pk=refund.pk).update(attempts=1)
    provider.on_lists("empty", calls=1)  # it cannot look, then looks and would adopt
    refund.refresh_from_db()
    before = dict(refund.request)
    from bookings.gateways import gateway_of

    gateway = gateway_of(provider.name)
    assert gateway is not None
    refund = Refund.objects.get(pk=refund.pk)
    again = gateway.send(request_of(refund), now=LATER)
    assert again.provider_refund_id == lines(provider, refund)[0]["id"]
    assert refund.request == before
    assert paid(provider, refund) == [80000]


def test_m19_an_old_refund_is_only_looked_for_and_then_a_person_is_asked(
    provider: Provider,
) -> None:
    refund = refund_of(provider, part=80000)
    provider.fault("lost")
    drive(refund)
    provider.tell(advance=25 * 3600)  # the provider has forgotten the key
    old = LATER + 25 * HOUR
    drive(refund, old)
    assert (refund.state, paid(provider, refund)) == (RefundState.UNKNOWN, [])
    refunds.retry(refund.pk, actor=staff(), now=old + 5 * MINUTE, reason="Look again.")
    drive(refund, old + 5 * MINUTE)
    assert refund.next_attempt_at is not None, "a second look, not before ten minutes"
    assert refund.next_attempt_at >= old + 10 * MINUTE
    drive(refund, old + 11 * MINUTE)
    assert (refund.state, refund.next_attempt_at) == (RefundState.UNKNOWN, None)
    assert refund.alerted_at is not None
    assert OutboxEmail.objects.filter(kind="staff_refund_failed").count() == 2
    assert Refund.objects.needing_staff().filter(pk=refund.pk).exists()
    assert paid(provider, refund) == []


def test_m19_one_that_appears_late_in_the_list_is_taken_over(provider: Provider) -> None:
    refund = refund_of(provider, part=80000)
    provider.fault("drop")
    drive(refund)
    provider.tell(advance=25 * 3600)
    drive(refund, LATER + 25 * HOUR)
    assert refund.state == RefundState.SUCCEEDED
    assert paid(provider, refund) == [80000]


def test_m19_the_person_may_send_it_with_a_new_key_or_close_it(provider: Provider) -> None:
    refund = refund_of(provider, part=80000)
    provider.fault("lost")
    old = LATER + 25 * HOUR
    for at in (LATER, old, old + 11 * MINUTE):
        drive(refund, at)
    retried = refunds.retry(refund.pk, actor=staff(), now=old, reason="Not in the dashboard.")
    assert (retried.state, retried.epoch) == (RefundState.DUE, 2)
    drive(refund, old)
    assert refund.state == RefundState.ACCEPTED
    assert paid(provider, refund) == [80000]


def test_a_refund_without_answer_keeps_its_key_when_staff_tries_again(provider: Provider) -> None:
    refund = refund_of(provider, part=80000)
    provider.fault("drop")
    drive(refund)
    assert refunds.retry(refund.pk, actor=staff(), now=LATER, reason="Now.").epoch == 1
    with pytest.raises(TransitionNotAllowed):
        refunds.record_paid_by_hand(
            refund.pk, actor=staff(), now=LATER, reference="x", reason="It may have been paid."
        )
    drive(refund)
    assert paid(provider, refund) == [80000]


def test_retry_after_is_honoured_and_waits_never_come_in_step(provider: Provider) -> None:
    due = [refund_of(provider) for _ in range(6)]
    provider.fault("gateway", calls=5)
    for refund in due[:5]:
        drive(refund)
    waits = {refund.next_attempt_at - LATER for refund in due[:5] if refund.next_attempt_at}
    assert len(waits) == 5
    assert all(timedelta(seconds=4) <= wait <= timedelta(seconds=7.5) for wait in waits)
    provider.fault("limit", seconds=300)
    drive(due[5])
    assert due[5].next_attempt_at is not None
    assert due[5].next_attempt_at - LATER >= 5 * MINUTE
