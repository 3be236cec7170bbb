"""Two refunds at once never add up to more than was captured, whatever the code above them does."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction

from bookings import timeline
from bookings.models import Payment, Refund
from bookings.refunds.planning import Wanted, plan
from bookings.states import SYSTEM
from tests.builders import HOUR, NOW, make_booking, make_expert, make_follower, make_service
from tests.effort import effort

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = effort(20)
PART = 150000  # of 240000: one fits, two do not


def try_to_refund(payment: Payment, barrier: threading.Barrier, results: list[Any]) -> None:
    """Past every check of ours: only the database is left to say no."""
    try:
        barrier.wait()
        with transaction.atomic():
            event = timeline.append(
                payment.booking, "refund_now", actor=SYSTEM, at=NOW, data={"refund_minor": PART}
            )
            wanted = Wanted(payment, payment.booking, event, PART)
            plan(wanted, now=NOW, not_before=NOW).save(force_insert=True)
        results.append("paid")
    except IntegrityError as error:
        results.append("refused" if "payment_refund_cap" in str(error) else error)
    except Exception as error:
        results.append(error)
    finally:
        connections.close_all()


def test_m09_two_refunds_at_once_never_break_the_cap() -> None:
    expert, follower = make_expert(), make_follower()
    service = make_service(expert)
    broken = []
    for n in range(ROUNDS):
        booking = make_booking(
            expert, follower=follower, service=service, starts_at=NOW - (2 * n + 3) * HOUR
        )
        payment = Payment.objects.select_related("booking").get(booking=booking)
        barrier, results = threading.Barrier(2), []
        threads = [
            threading.Thread(target=try_to_refund, args=(payment, barrier, results))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        payment.refresh_from_db()
        planned = sum(Refund.objects.filter(payment=payment).values_list("amount_minor", flat=True))
        if sorted(map(str, results)) != ["paid", "refused"] or planned != PART:
            broken.append((n, results, planned))
        assert payment.reserved_minor == planned <= payment.captured_minor
    assert broken == []
