"""No refund is ever in a place from which neither time nor a person can move it.

First every combination of what its row can hold, then every trouble with the provider that never
ends: after a day at most a person has been told why, and can close the refund.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import product
from typing import Any

import pytest

from bookings import refunds
from bookings.models import OutboxEmail, Payment, Refund, RefundState
from bookings.models.money import IN_HAND
from bookings.refunds import timing
from bookings.states import Actor, State, TransitionNotAllowed
from tests.builders import DAY, HOUR, NOW, make_booking, make_in_state, staff
from tests.engine import LATER, MINUTE, drive, paid, play, refund_of
from tests.provider.running import Provider
from tests.provider.stripe import names_of

pytestmark = pytest.mark.django_db
VERBS: tuple[refunds.StaffVerb, ...] = ("retry", "hold", "release", "paid_by_hand", "fit")
OVER = (RefundState.SUCCEEDED, RefundState.VOID)
MOMENTS = {
    "first_sent_at": (None, NOW - MINUTE, NOW - 30 * HOUR),
    "next_attempt_at": (None, NOW - MINUTE, NOW + HOUR),
    "accepted_at": (None, NOW - MINUTE, NOW - 20 * DAY),
    "stored_failure_at": (None, NOW - HOUR),
    "absent_at": (None, NOW - HOUR),
    "alerted_at": (None, NOW - HOUR),
}
OTHERS: dict[str, tuple[Any, ...]] = {
    "hold_reason": ("", "bank dispute open"),
    "epoch": (1, timing.KEYS_AFTER_REFUSALS),
}


def allowed(refund: Refund, actor: Actor, now: datetime = NOW) -> set[str]:
    return {verb for verb in VERBS if refunds.refusal(refund, verb, actor, now) is None}


def every_row(refund: Refund) -> Iterator[Refund]:
    names = (*MOMENTS, *OTHERS)
    for state in RefundState:
        for values in product(*MOMENTS.values(), *OTHERS.values()):
            refund.state = state
            for name, value in zip(names, values, strict=True):
                setattr(refund, name, value)
            yield refund


def test_whatever_its_row_says_time_or_a_person_moves_it_or_it_is_over() -> None:
    refund = Refund.objects.select_related("booking__expert", "payment").get(
        booking=make_in_state(State.REFUNDED)
    )
    actor = staff()
    seen = 0
    for row in every_row(refund):
        is_driven = row.state in IN_HAND and not row.hold_reason
        is_moved_by_time = is_driven and row.next_attempt_at is not None
        is_stuck = not (row.state in OVER or is_moved_by_time or allowed(row, actor))
        assert not is_stuck, {name: getattr(row, name) for name in ("state", *MOMENTS, *OTHERS)}
        seen += 1
    assert seen == 9 * 27 * 8 * 4


def test_one_that_only_time_moves_is_due_within_a_day() -> None:
    """The longest wait between two steps; on a clock that is right."""
    waits = [
        *timing.RETRY_AFTER,
        *timing.POLL_AFTER,
        timing.LEASE,
        timing.SECOND_LOOK,
        timing.NEXT_KEY_AFTER,
    ]
    assert max(waits) * (1 + timing.JITTER) < DAY


# --- troubles that never end ----------------------------------------------------------------------

EVERY = {"match": ".*", "calls": 10**6}
TROUBLES: dict[str, dict[str, Any]] = {
    "each request fails inside": {"kind": "error", "calls": 10**6},
    "each request is refused": {"kind": "refuse", "code": "something_new", "calls": 10**6},
    "each refusal is kept": {"kind": "refuse_kept", "code": "something_new", "calls": 10**6},
    "each request is cut": {"kind": "lost", "calls": 10**6},
    "always busy": {"kind": "busy", "calls": 10**6},
    "always too much": {"kind": "limit", "seconds": 3600, **EVERY},
    "everything is reset": {"kind": "reset", **EVERY},
    "a gateway in between": {"kind": "gateway", **EVERY},
    "nonsense": {"kind": "garbled", **EVERY},
    "no right": {"kind": "refuse", "status": 403, "code": "not_allowed", **EVERY},
    "no such address": {"kind": "refuse", "status": 404, "code": "", **EVERY},
}
SILENT = [trouble for trouble, fault in TROUBLES.items() if "match" in fault]


def was_handed_over(refund: Refund, now: datetime) -> None:
    """A person knows, sees it in the queue with a sentence, and can end it."""
    refund.refresh_from_db()
    assert Refund.objects.needing_staff().filter(pk=refund.pk).exists()
    assert OutboxEmail.objects.filter(kind="staff_refund_failed", booking=refund.booking).exists()
    assert refund.last_answer
    assert "paid_by_hand" in allowed(refund, staff(), now)
    closed = refunds.record_paid_by_hand(
        refund.pk, actor=staff(), now=now, reference="SEPA 1", reason="Paid by transfer."
    )
    assert closed.state == RefundState.SUCCEEDED
    assert not Refund.objects.needing_staff().filter(pk=refund.pk).exists()
    assert not refunds.drive([refund.pk], now=now + DAY), "nobody sends it any more"


@pytest.mark.parametrize("trouble", TROUBLES)
def test_of_a_trouble_that_never_ends_a_person_makes_an_end(
    provider: Provider, trouble: str
) -> None:
    refund = refund_of(provider, part=80000)
    provider.tell(faults=[TROUBLES[trouble]])
    at = play(provider, refund, 24 * HOUR)
    assert refund.state == RefundState.UNKNOWN
    was_handed_over(refund, at)
    if trouble != "nonsense":  # which is the answer to work that was done
        assert paid(provider, refund) == []


@pytest.mark.parametrize("trouble", SILENT)
def test_before_a_day_is_over_nobody_calls_it_paid_that_may_have_been_paid(
    provider: Provider, trouble: str
) -> None:
    refund = refund_of(provider, part=80000)
    provider.fault("drop")
    drive(refund)  # paid, and nobody knows
    provider.tell(faults=[{**TROUBLES[trouble], **EVERY}])
    at = play(provider, refund, 22 * HOUR)
    assert refund.next_attempt_at is not None
    with pytest.raises(TransitionNotAllowed, match="may still pay"):
        refunds.record_paid_by_hand(
            refund.pk, actor=staff(), now=at, reference="SEPA 1", reason="Impatient."
        )


def test_without_keys_for_its_provider(settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = ""
    booking = make_booking(provider="stripe", payment_ref="pi_1")
    from bookings import lifecycle

    lifecycle.refund_now(booking.pk, actor=staff(), now=NOW, reason="Sorry")
    refund = Refund.objects.get()
    at = LATER
    while at < LATER + 24 * HOUR:
        refunds.drive([refund.pk], now=at)
        refund.refresh_from_db()
        assert refund.next_attempt_at is not None
        at = refund.next_attempt_at
    was_handed_over(refund, at)


def test_listed_over_another_amount(provider: Provider) -> None:
    refund = refund_of(provider, part=80000)
    with provider.server.books.store.work():
        books = provider.server.books
        doc = books.payment(provider.name, refund.payment.provider_ref)
        assert doc is not None
        books.refund(doc, 70000, metadata={"refund_uuid": str(refund.uuid)})
    Refund.objects.update(epoch=2)  # so that the list is read first
    at = play(provider, refund, 24 * HOUR)
    assert refund.state == RefundState.UNKNOWN
    was_handed_over(refund, at)


def test_listed_nowhere_though_the_payment_says_that_it_went_back(provider: Provider) -> None:
    provider.tell(list_lag=90 * 24 * 3600)
    refund = refund_of(provider, part=80000)
    provider.fault("error_done")
    at = play(provider, refund, 24 * HOUR)
    assert refund.state == RefundState.UNKNOWN
    assert "the list is behind" in refund.last_answer
    was_handed_over(refund, at)


@pytest.mark.parametrize("trouble", [None, "no such address", "a gateway in between"])
def test_accepted_and_never_heard_of_again(provider: Provider, trouble: str | None) -> None:
    provider.tell(settles_after=400 * 24 * 3600)
    refund = drive(refund_of(provider, part=80000))
    provider.tell(faults=[TROUBLES[trouble]] if trouble else [])
    at = play(provider, refund, 9 * DAY)
    assert refund.state == RefundState.ACCEPTED
    assert allowed(refund, staff(), at) == set()
    assert not Refund.objects.needing_staff().exists()
    at = play(provider, refund, 2 * DAY, now=at)
    assert refund.state == RefundState.ACCEPTED
    assert refund.last_answer.startswith("The bank has had it for more than ten days.")
    assert OutboxEmail.objects.filter(kind="staff_refund_failed").count() == 1
    was_handed_over(refund, at)


def test_accepted_after_an_alarm_and_never_heard_of_again(provider: Provider) -> None:
    """The alarm of before is not the one about the bank."""
    provider.tell(settles_after=400 * 24 * 3600)
    refund = refund_of(provider, part=80000)
    provider.fault("lost", calls=6)
    play(provider, refund, 5 * HOUR)
    assert (refund.state, refund.alerted_at) == (RefundState.ACCEPTED, None)
    mails = OutboxEmail.objects.filter(kind="staff_refund_failed")
    assert mails.count() == 1
    play(provider, refund, 12 * DAY, now=LATER + 5 * HOUR)
    assert mails.count() == 2


# --- one that ended, and whose money took another way ---------------------------------------------


@pytest.mark.parametrize(("elsewhere", "left"), [(240000, 0), (200000, 40000)])
def test_declined_while_its_money_went_another_way(
    provider: Provider, elsewhere: int, left: int
) -> None:
    refund = refund_of(provider)
    told = {"payment": refund.payment.provider_ref, "amount": elsewhere}
    provider.tell(external_refund=told)
    assert drive(refund).state == RefundState.DECLINED
    refunds.refetch(refund.payment_id, now=LATER)
    refund = Refund.objects.select_related("booking__expert", "payment").get(pk=refund.pk)
    assert "fit" in allowed(refund, staff())
    refunds.fit(refund.pk, actor=staff(), now=LATER, reason="Done in the dashboard.")
    others = Refund.objects.exclude(pk=refund.pk)
    assert list(others.values_list("amount_minor", flat=True)) == ([left] if left else [])
    for other in others:
        assert drive(other).state == RefundState.ACCEPTED
    refund.refresh_from_db()
    assert refund.state == RefundState.VOID
    assert sum(paid(provider, refund)) == 240000
    assert not Refund.objects.needing_staff().exists()


def test_declined_while_another_of_ours_took_its_room(provider: Provider) -> None:
    """Neither trying again nor calling it paid fits under the cap."""
    refund = refund_of(provider)
    Refund.objects.update(state=RefundState.DECLINED, next_attempt_at=None, alerted_at=NOW)
    Payment.objects.update(reserved_minor=240000)
    for verb in (refunds.retry, refunds.record_paid_by_hand):
        more = {"reference": "x"} if verb is refunds.record_paid_by_hand else {}
        Payment.objects.update(captured_minor=200000, reserved_minor=200000)
        with pytest.raises(TransitionNotAllowed, match="another way"):
            verb(refund.pk, actor=staff(), now=LATER, reason="Looked.", **more)
    refunds.fit(refund.pk, actor=staff(), now=LATER, reason="The other one went out.")
    assert not Refund.objects.needing_staff().exists()


def test_one_that_the_payment_still_covers_is_not_reduced(provider: Provider) -> None:
    refund = refund_of(provider)
    provider.fault("declined")
    assert drive(refund).state == RefundState.DECLINED
    with pytest.raises(TransitionNotAllowed, match="still covers"):
        refunds.fit(refund.pk, actor=staff(), now=LATER, reason="Away with it.")


# --- paid by our books, and not by the provider's -------------------------------------------------


def test_one_the_provider_does_not_list_any_more_can_be_sent_again_or_closed(
    provider: Provider,
) -> None:
    refund = drive(refund_of(provider, part=80000))
    provider.tell(advance=61)
    drive(refund)
    provider.server.books.by_payment[refund.payment.provider_ref].clear()
    for at in (LATER + DAY, LATER + DAY + timing.SECOND_LOOK):
        refunds.refetch(refund.payment_id, now=at)
    refund.refresh_from_db()
    assert refund.state == RefundState.SUCCEEDED
    assert Refund.objects.needing_staff().filter(pk=refund.pk).exists()
    refunds.retry(refund.pk, actor=staff(), now=at, reason="Not in the dashboard.")
    play(provider, refund, HOUR, now=at)
    assert (refund.state, paid(provider, refund)) == (RefundState.SUCCEEDED, [80000])
    assert not Refund.objects.needing_staff().exists()


def test_names_of_a_charge_without_a_card() -> None:
    assert names_of("py_1") == {"payment_intent": None, "charge": "py_1"}
    assert names_of("pi_1") == {"payment_intent": "pi_1", "charge": "ch_1"}
