"""M06: whoever drives a refund dies at a named point; the next one ends it, once.

Here the death is an exception that nothing catches; `manage.py chaos` does it with kill -9.
"""

from __future__ import annotations

import pytest

from bookings import lifecycle, refunds, sweeps
from bookings.models import Refund, RefundState
from bookings.refunds import crash_points, timing
from tests.builders import NOW, make_booking, report, staff
from tests.engine import LATER, MINUTE, drive, paid, refund_of
from tests.provider.running import Provider

pytestmark = pytest.mark.django_db
DRIVING = ("claimed", "listed", "marked", "answered", "recording", "recorded")


class Died(BaseException):
    """Not an Exception: no code of ours may catch it."""


def die_at(point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def reached(here: str) -> None:
        if here == point:
            monkeypatch.undo()
            raise Died(here)

    monkeypatch.setattr(crash_points, "reached", reached)


def test_every_point_is_tried_here() -> None:
    rest = {"refund_inserted", "sweep_began", "deadlines_done"}
    assert {*DRIVING, *rest} == set(crash_points.POINTS)


@pytest.mark.parametrize("point", DRIVING)
def test_m06_a_driver_that_dies_is_followed_by_one_that_pays_once(
    provider: Provider, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refund = refund_of(provider, part=80000)
    now = LATER
    if point == "listed":  # the list is read before every try but the first
        provider.fault("lost")
        now = drive(refund).next_attempt_at or NOW
    die_at(point, monkeypatch)
    with pytest.raises(Died):
        drive(refund, now)
    assert refunds.drive([refund.pk], now=now) == 0, "the lease of the dead one still holds"
    drive(refund, now + timing.LEASE)
    assert refund.state == RefundState.ACCEPTED
    provider.tell(advance=61)
    drive(refund)
    assert refund.state == RefundState.SUCCEEDED
    assert paid(provider, refund) == [80000]


@pytest.mark.parametrize("point", ["refund_inserted", "sweep_began", "deadlines_done"])
def test_m06_a_sweep_that_dies_is_followed_by_one_that_refunds_once(
    point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = report(make_booking())
    assert booking.deadline_at is not None
    over = booking.deadline_at + booking.limits.grace
    die_at(point, monkeypatch)
    with pytest.raises(Died):
        sweeps.run(now=over)
    for minutes in range(4):
        sweeps.run(now=over + minutes * MINUTE)
    refund = Refund.objects.get(booking=booking)
    assert refund.state == RefundState.SUCCEEDED


def test_m06_a_verb_that_dies_after_the_refund_row_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    booking = make_booking()
    die_at("refund_inserted", monkeypatch)
    with pytest.raises(Died):
        lifecycle.refund_now(booking.pk, actor=staff(), now=NOW, reason="Sorry")
    booking.refresh_from_db()
    assert (booking.state, Refund.objects.count()) == ("scheduled", 0)
