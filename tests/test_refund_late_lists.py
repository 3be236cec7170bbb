"""The provider's lists are behind its books: what they do not show may have been paid (M04).

Refunds of a part throughout: a provider refuses a second full one, but takes a second part.
"""

from __future__ import annotations

import pytest

from bookings.models import Refund, RefundState
from tests.builders import HOUR
from tests.engine import LATER, drive, paid, play, refund_of
from tests.provider.running import Provider

pytestmark = pytest.mark.django_db


def hide_what_payments_say(provider: Provider) -> None:
    """Nothing but the list tells what went back."""
    what = "^GET /v1/(payment_intents|payments)/[^/]+$"
    provider.fault("gateway", match=what, calls=10**6)


@pytest.mark.parametrize("lag", [20, 180, 420, 600])
def test_m04_a_stored_500_with_work_is_paid_once_however_late_it_is_listed(
    provider: Provider, lag: int
) -> None:
    provider.tell(list_lag=lag)
    due = [refund_of(provider, part=80000) for _ in range(2)]
    provider.fault("error_done", calls=2)
    hide_what_payments_say(provider)
    for refund in due:
        play(provider, refund, 3 * HOUR)
        assert refund.state == RefundState.SUCCEEDED
        assert paid(provider, refund) == [80000]
        assert refund.epoch == 1


def test_m04_what_the_payment_says_went_back_counts_though_the_list_is_hours_behind(
    provider: Provider,
) -> None:
    provider.tell(list_lag=5 * 3600)
    refund = refund_of(provider, part=80000)
    provider.fault("error_done")
    at = play(provider, refund, 4 * HOUR)
    assert (refund.state, refund.epoch) == (RefundState.UNKNOWN, 1)
    assert "behind" in refund.last_answer
    play(provider, refund, 4 * HOUR, now=at)
    assert (refund.state, paid(provider, refund)) == (RefundState.SUCCEEDED, [80000])


def test_m04_a_whole_refund_of_ours_is_not_taken_for_one_made_elsewhere(
    provider: Provider,
) -> None:
    """Its second try is refused, as nothing is left; the list does not show yet who has it."""
    provider.tell(list_lag=900)
    refund = refund_of(provider)
    provider.fault("error_done")
    drive(refund)
    Refund.objects.update(epoch=2)  # as after a retry by staff
    drive(refund, LATER + HOUR)
    assert refund.state == RefundState.UNKNOWN
    provider.tell(advance=901)
    drive(refund, LATER + 2 * HOUR)
    assert (refund.state, paid(provider, refund)) == (RefundState.SUCCEEDED, [240000])
