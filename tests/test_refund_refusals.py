"""A provider that says no without a reason we know: when the key changes, and who ends it (M03)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bookings import refunds
from bookings.models import Refund, RefundState
from bookings.refunds import timing
from tests.builders import HOUR, staff
from tests.engine import LATER, MINUTE, drive, is_left_to_staff, paid, play, refund_of
from tests.provider import client
from tests.provider.running import Provider

pytestmark = pytest.mark.django_db


def broke(provider: Provider, kind: str) -> None:
    provider.fault(kind, status=400, code="balance_insufficient", calls=10**6)


@pytest.mark.parametrize("kind", ["refuse_kept", "refuse"])
@pytest.mark.parametrize("topped_up_after", [5 * MINUTE, 2 * HOUR])
def test_m03_a_refusal_that_ends_is_followed_by_the_refund_within_hours(
    provider: Provider, kind: str, topped_up_after: timedelta
) -> None:
    """`refuse_kept`: the provider repeats it for as long as it remembers the key."""
    refund = refund_of(provider, part=80000)
    broke(provider, kind)
    at = play(provider, refund, topped_up_after)
    assert refund.state == RefundState.UNKNOWN
    assert "balance_insufficient" in refund.last_answer.replace(" ", "_").lower()
    provider.tell(faults=[])
    play(provider, refund, 2 * HOUR, now=at)
    assert (refund.state, paid(provider, refund)) == (RefundState.SUCCEEDED, [80000])


@pytest.mark.parametrize("kind", ["refuse_kept", "refuse"])
def test_m03_refusals_without_end_use_up_eight_keys_and_ask_a_person(
    provider: Provider, kind: str
) -> None:
    refund = refund_of(provider, part=80000)
    broke(provider, kind)
    at = play(provider, refund, 22 * HOUR)
    assert (refund.state, refund.next_attempt_at) == (RefundState.UNKNOWN, None)
    assert refund.epoch == timing.KEYS_AFTER_REFUSALS
    is_left_to_staff(refund)
    provider.tell(faults=[])
    retried = refunds.retry(refund.pk, actor=staff(), now=at, reason="Topped up.")
    assert retried.epoch == timing.KEYS_AFTER_REFUSALS + 1
    play(provider, refund, HOUR, now=at)
    assert (refund.state, paid(provider, refund)) == (RefundState.SUCCEEDED, [80000])


def test_m03_staff_that_tops_up_need_not_wait(provider: Provider) -> None:
    """The try after "Try again" hears the stored no, and the next one has a new key."""
    refund = refund_of(provider, part=80000)
    broke(provider, "refuse_kept")
    at = play(provider, refund, 3 * HOUR)
    provider.tell(faults=[])
    refunds.retry(refund.pk, actor=staff(), now=at, reason="Topped up.")
    play(provider, refund, MINUTE, now=at)
    assert refund.state == RefundState.ACCEPTED


def test_m03_a_repeated_refusal_is_not_believed_before_the_list_is_read(
    provider: Provider,
) -> None:
    """It is ours that was paid, under an older key."""
    refund = refund_of(provider, part=80000)
    provider.fault("drop")
    drive(refund)
    provider.on_lists("gateway")
    broke(provider, "refuse_kept")
    Refund.objects.update(epoch=2, next_attempt_at=LATER + HOUR)
    drive(refund)
    drive(refund)
    assert (refund.state, paid(provider, refund)) == (RefundState.ACCEPTED, [80000])


def test_m03_words_that_differ_under_a_known_key_lead_to_the_next_one(provider: Provider) -> None:
    """As after an update that asks in other words."""
    refund = refund_of(provider, part=80000)
    ref = refund.payment.provider_ref
    client.refund(provider.server, ref, 100, key=refund.idempotency_key)
    play(provider, refund, 2 * HOUR)
    assert (refund.state, refund.epoch) == (RefundState.SUCCEEDED, 2)
    assert sorted(paid(provider, refund)) == [100, 80000]
