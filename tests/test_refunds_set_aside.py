"""A refund that this release cannot read is set aside, told and moved on by a person; the others
go on as if it were not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.db.models import JSONField, Value
from django.test.utils import CaptureQueriesContext

from bookings import refunds
from bookings.models import OutboxEmail, Payment, Refund, RefundState
from bookings.refunds import answers, holds, sending, timing
from bookings.refunds.planning import request_of
from bookings.states import TransitionNotAllowed
from tests.builders import staff
from tests.engine import LATER, MINUTE, drive, paid, refetch, refund_of, taken
from tests.many_refunds import many_due
from tests.outbox_rows import rendered
from tests.provider.running import Provider

pytestmark = pytest.mark.django_db
UNREADABLE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a field of another release": lambda asked: asked | {"speed": "optimum"},
    "a field less": lambda asked: {k: v for k, v in asked.items() if k != "currency"},
    "no field": lambda asked: {},
    "a list": lambda asked: [asked],
    "null": lambda asked: None,
    "a text": lambda asked: "refund it",
    "a number": lambda asked: 240000,
    "an amount as text": lambda asked: asked | {"amount_minor": str(asked["amount_minor"])},
    "an amount as a fraction": lambda asked: asked | {"amount_minor": 240000.0},
    "an amount that is true": lambda asked: asked | {"amount_minor": True},
    "another amount": lambda asked: asked | {"amount_minor": 1},
    "another currency": lambda asked: asked | {"currency": "USD"},
    "a payment that is null": lambda asked: asked | {"payment_ref": None},
    "the payment of somebody else": lambda asked: asked | {"payment_ref": "pay_of_another"},
    "the name of another refund": lambda asked: asked | {"refund_uuid": "0" * 32},
}


@pytest.fixture
def stripe(server: Any, settings: Any) -> Provider:
    from tests.engine import connect

    return connect(server, "stripe", settings, seconds=5)


def spoil(refund: Refund, how: str) -> None:
    words = Value(UNREADABLE[how](refund.request), JSONField())
    Refund.objects.filter(pk=refund.pk).update(request=words)


def spoiled(provider: Provider, how: str = "a field of another release") -> Refund:
    refund = refund_of(provider, part=80000)
    spoil(refund, how)
    return refund


def is_set_aside(refund: Refund) -> bool:
    refund.refresh_from_db()
    assert Refund.objects.needing_staff().filter(pk=refund.pk).exists()
    assert (refund.alerted_at, refund.lease_token) == (LATER, None)
    mail = OutboxEmail.objects.filter(kind="staff_refund_failed", booking=refund.booking).get()
    assert rendered(mail.kind, mail.booking, now=LATER, event=mail.event)
    return (refund.hold_reason, refund.next_attempt_at) == (holds.SET_ASIDE, None)


@pytest.mark.parametrize("how", UNREADABLE)
def test_it_waits_for_a_person_and_the_others_are_paid(stripe: Provider, how: str) -> None:
    ids = many_due(stripe, 6)
    bad = Refund.objects.get(pk=ids[0])
    spoil(bad, how)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert refunds.drive(ids, now=LATER) == 5
    assert len(asked) < 150, "nobody turns round and round on it"
    assert is_set_aside(bad)
    assert (bad.attempts, paid(stripe, bad)) == (1, [])
    others = Refund.objects.exclude(pk=bad.pk)
    assert set(others.values_list("state", flat=True)) == {RefundState.ACCEPTED}
    assert refunds.drive(ids, now=LATER) == 0


def test_both_providers(provider: Provider) -> None:
    bad = spoiled(provider)
    drive(bad)
    assert is_set_aside(bad)
    refunds.retry(bad.pk, actor=staff(), now=LATER, reason="Written anew.")
    drive(bad)
    assert (bad.state, paid(provider, bad)) == (RefundState.ACCEPTED, [80000])


def test_an_unknown_provider_is_said_and_what_the_bank_has_stays_there(stripe: Provider) -> None:
    fresh, with_bank = refund_of(stripe), drive(refund_of(stripe))
    assert with_bank.state == RefundState.ACCEPTED
    Payment.objects.update(provider="paypal")
    later = with_bank.next_attempt_at or LATER
    refunds.drive([fresh.pk, with_bank.pk], now=max(LATER, later))
    fresh.refresh_from_db()
    with_bank.refresh_from_db()
    assert (fresh.state, with_bank.state) == (RefundState.DUE, RefundState.ACCEPTED)
    assert {fresh.hold_reason, with_bank.hold_reason} == {holds.SET_ASIDE}
    assert fresh.last_answer == "This release does not know the provider 'paypal'."


# --- how it goes on -------------------------------------------------------------------------------


def test_a_release_that_can_read_it_goes_on_where_it_was(provider: Provider) -> None:
    bad = refund_of(provider, part=80000)
    readable = bad.request
    spoil(bad, "a field of another release")
    drive(bad)
    Refund.objects.filter(pk=bad.pk).update(request=readable)
    refunds.release(bad.pk, actor=staff(), now=LATER, reason="The right release is here.")
    drive(bad)
    assert (bad.state, bad.epoch, paid(provider, bad)) == (RefundState.ACCEPTED, 1, [80000])


def test_released_while_it_cannot_be_read_it_is_told_again(stripe: Provider) -> None:
    bad = spoiled(stripe)
    drive(bad)
    refunds.release(bad.pk, actor=staff(), now=LATER, reason="Try.")
    drive(bad, LATER + MINUTE)
    assert (bad.hold_reason, bad.attempts) == (holds.SET_ASIDE, 2)
    assert OutboxEmail.objects.filter(kind="staff_refund_failed").count() == 2


def test_a_person_pays_it_by_hand(stripe: Provider) -> None:
    bad = spoiled(stripe)
    drive(bad)
    by_hand = {"reference": "UTR 1", "reason": "Paid in the dashboard."}
    refunds.record_paid_by_hand(bad.pk, actor=staff(), now=LATER, **by_hand)
    bad.refresh_from_db()
    assert (bad.state, bad.hold_reason) == (RefundState.SUCCEEDED, "")


def test_another_hold_is_still_to_be_released_first(stripe: Provider) -> None:
    refund = refund_of(stripe)
    refunds.hold(refund.pk, actor=staff(), now=LATER, reason="Looks odd.")
    with pytest.raises(TransitionNotAllowed):
        refunds.retry(refund.pk, actor=staff(), now=LATER, reason="Go.")


@pytest.mark.parametrize("move", ["retry", "reconcile", "release"])
def test_what_was_paid_already_is_found_and_not_paid_again(provider: Provider, move: str) -> None:
    """An earlier release sent it, and its answer was lost. Every way on looks first."""
    bad = refund_of(provider, part=80000)
    provider.gateway().send(request_of(bad), now=LATER)
    spoil(bad, "a field of another release")
    drive(bad)
    assert is_set_aside(bad)
    if move == "reconcile":
        refetch(bad)
    elif move == "retry":
        refunds.retry(bad.pk, actor=staff(), now=LATER, reason="Written anew.")
        drive(bad)
    else:
        refunds.release(bad.pk, actor=staff(), now=LATER, reason="Look for it.")
        drive(bad)
    assert (bad.state, bad.hold_reason) == (RefundState.ACCEPTED, "")
    assert paid(provider, bad) == [80000]


def test_what_was_sent_is_looked_for_without_its_words(provider: Provider) -> None:
    refund = refund_of(provider, part=80000)
    provider.fault("drop")
    assert drive(refund).state == RefundState.UNKNOWN
    spoil(refund, "a list")
    drive(refund)
    assert (refund.state, refund.hold_reason) == (RefundState.ACCEPTED, "")
    provider.tell(advance=61)
    assert drive(refund).state == RefundState.SUCCEEDED, "polled, too"


# --- what cannot be written -------------------------------------------------------------------------


def test_an_answer_that_can_never_be_written_is_left_to_a_person(
    stripe: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = refund_of(stripe), refund_of(stripe)
    write = answers._record

    def poisonous(answered: Any, **more: Any) -> Any:
        if bad.pk in [row.pk for row, _ in answered]:
            raise DatabaseError("This id is taken.")
        return write(answered, **more)

    monkeypatch.setattr(answers, "_record", poisonous)
    at = LATER
    for _ in range(sending.MOST_WRITTEN_IN_VAIN):
        bad.refresh_from_db()
        assert bad.hold_reason == ""
        refunds.drive([good.pk, bad.pk], now=at)
        at += timing.LEASE
    good.refresh_from_db()
    bad.refresh_from_db()
    assert good.state == RefundState.ACCEPTED
    assert bad.hold_reason == holds.SET_ASIDE
    assert "This id is taken." in bad.last_answer
    assert paid(stripe, bad) == [240000], "asked again and again, under one key"


def test_it_is_stopped_even_where_nobody_can_be_told(
    stripe: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = spoiled(stripe)

    def mute(*_: Any, **__: Any) -> None:
        raise DatabaseError("The history of this booking cannot be written.")

    monkeypatch.setattr(holds, "tell", mute)
    drive(bad)
    assert bad.hold_reason == holds.SET_ASIDE
    assert Refund.objects.needing_staff().filter(pk=bad.pk).exists()


def test_a_driver_that_breaks_its_word_calls_nobody_for_ever(
    stripe: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    refund = refund_of(stripe)
    calls = []

    def broken(self: Any, errand: Any) -> None:
        calls.append(errand)
        raise RuntimeError("a call raises nothing, they said")

    monkeypatch.setattr(sending._Driver, "call", broken)
    refunds.drive([refund.pk], now=LATER)
    assert len(calls) == 1
    assert taken(refund) is not None, "given back"
