"""Bank disputes: what is unsent waits, what is lost has gone back, and nothing goes twice. (M15)"""

from __future__ import annotations

import json
import urllib.request
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bookings import invariants, provider_events, refunds
from bookings.models import OutboxEmail, Payment, ProviderEvent, Refund, RefundState
from bookings.refunds import holds
from tests.builders import HOUR, NOW, staff
from tests.engine import (
    LATER,
    connect,
    drive,
    lines,
    paid,
    payment_of,
    refetch,
    refund_of,
    verbs,
)
from tests.provider.running import Provider
from tests.provider.server import StandIn
from tests.webhooks import send

pytestmark = pytest.mark.django_db
ALL = 240000


@pytest.fixture(params=["stripe", "razorpay"])
def provider(request: pytest.FixtureRequest, server: StandIn, settings: Any) -> Provider:
    keys = server.keys
    settings.STRIPE_WEBHOOK_SECRET = [keys.stripe_webhook_secret]
    settings.RAZORPAY_WEBHOOK_SECRET = [keys.razorpay_webhook_secret]
    return connect(server, request.param, settings)


def all_hold() -> None:
    for one in invariants.ALL.values():
        assert list(one.offenders(LATER)) == [], one.name


def dispute(provider: Provider, refund: Refund, status: str, **more: Any) -> str:
    told = {"payment": refund.payment.provider_ref, "status": status, **more}
    return str(provider.tell(dispute=told)["dispute"])


def hear(provider: Provider, kind: str = "dispute") -> None:
    """The webhooks of this kind arrive, in order, and are worked on."""
    with urllib.request.urlopen(provider.server.url + "/_events", timeout=10) as answer:
        events = json.load(answer)["events"]
    for event in events:
        if kind in event["type"]:
            headers = event["headers"]
            assert send(Client(), provider.name, event["body"].encode(), headers) == 200
    work()


def work(hours: int = 0) -> None:
    for pk in ProviderEvent.objects.order_by("pk").values_list("pk", flat=True):
        provider_events.work_on(pk, now=timezone.now() + timedelta(hours=hours))


def told_staff() -> int:
    return OutboxEmail.objects.filter(kind="staff_money_differs").count()


# --- while it is open -----------------------------------------------------------------------------


def test_m15_an_open_dispute_holds_what_is_unsent_and_winning_lets_it_go(
    provider: Provider,
) -> None:
    refund = refund_of(provider)
    assert refunds.disputed(refund.payment_id, status="open", now=NOW) is True
    assert refunds.disputed(refund.payment_id, status="open", now=NOW) is False, "once"
    refund.refresh_from_db()
    assert (refund.hold_reason, refund.next_attempt_at) == (holds.DISPUTE, None)
    assert drive(refund).hold_reason == holds.DISPUTE
    assert paid(provider, refund) == []
    assert OutboxEmail.objects.filter(kind="staff_refund_failed").count() == 1
    refunds.disputed(refund.payment_id, status="won", now=NOW)
    assert refunds.disputed(refund.payment_id, status="open", now=NOW) is False, "never again"
    assert drive(refund).state == RefundState.ACCEPTED


@pytest.mark.parametrize("point", ["claimed", "listed"])
def test_m15_a_dispute_that_opens_while_a_driver_looks_stops_it(
    provider: Provider, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a first try, and before a second one, which has read the provider's list."""
    from bookings.refunds import crash_points

    refund = refund_of(provider)
    if point == "listed":
        provider.fault("lost")
        drive(refund)

    def dispute(here: str) -> None:
        if here == point:
            Payment.objects.update(is_disputed=True)

    monkeypatch.setattr(crash_points, "reached", dispute)
    drive(refund)
    before = RefundState.DUE if point == "claimed" else RefundState.UNKNOWN
    assert (refund.state, refund.hold_reason) == (before, holds.DISPUTE)
    assert lines(provider, refund) == []


def test_m15_a_lost_dispute_counts_as_returned_and_is_not_paid_again(provider: Provider) -> None:
    refund = refund_of(provider)
    refunds.disputed(refund.payment_id, status="open", now=NOW)
    provider.tell(dispute={"payment": refund.payment.provider_ref, "status": "lost"})
    refunds.disputed(refund.payment_id, status="lost", now=NOW, amount_minor=240000)
    refetch(refund)
    refetch(refund, LATER + HOUR)
    payment = payment_of(refund)
    assert payment.returned_external_minor == 240000, "Razorpay lists it, Stripe does not"
    assert refund.state == RefundState.VOID
    assert "dispute_lost" in verbs(refund)
    all_hold()


# --- lost ---------------------------------------------------------------------------------------


def test_a_lost_dispute_is_counted_before_any_list_shows_it(provider: Provider) -> None:
    """Nothing may be sent meanwhile; when it is listed, it is the same money."""
    refund = refund_of(provider)
    dispute(provider, refund, "open")
    hear(provider, "created")
    refund.refresh_from_db()
    assert refund.hold_reason == holds.DISPUTE
    dispute(provider, refund, "lost")
    books, ref = provider.server.books, refund.payment.provider_ref
    listed_later = books.by_payment.pop(ref, [])
    hear(provider)
    refund.refresh_from_db()
    assert (refund.state, payment_of(refund).returned_external_minor) == (RefundState.VOID, ALL)
    assert told_staff() == 1
    drive(refund)
    assert lines(provider, refund) == []
    books.by_payment[ref] = listed_later
    refetch(refund, LATER + 24 * HOUR)
    assert payment_of(refund).returned_external_minor == ALL
    assert told_staff() == 1
    all_hold()


@pytest.mark.parametrize("is_listed_first", [False, True])
def test_a_part_that_was_lost_leaves_the_rest_and_on_razorpay_a_person_lets_it_go(
    provider: Provider, is_listed_first: bool
) -> None:
    refund = refund_of(provider)
    dispute(provider, refund, "open", amount=100000)
    hear(provider, "created")
    dispute(provider, refund, "lost")
    if is_listed_first:
        refetch(refund)
    hear(provider)
    assert payment_of(refund).returned_external_minor == 100000
    rest = Refund.objects.exclude(pk=refund.pk).get()
    assert rest.amount_minor == 140000
    if provider.name == "razorpay":
        drive(rest)
        assert (rest.state, rest.hold_reason) == (RefundState.DUE, holds.DISPUTE)
        refunds.release(rest.pk, actor=staff(), now=LATER, reason="Looked: it is still owed.")
    # The provider's own rule, that a lost payment is never refunded, would hide a mistake.
    provider.server.books.payment(provider.name, refund.payment.provider_ref)["dispute"] = ""  # type: ignore[index]
    drive(rest)
    assert rest.state == RefundState.ACCEPTED
    refetch(refund, LATER + 24 * HOUR)
    assert payment_of(refund).returned_external_minor == 100000
    all_hold()


def test_a_dispute_lost_after_our_refund_is_loud(provider: Provider) -> None:
    refund = drive(refund_of(provider))
    dispute(provider, refund, "open")
    dispute(provider, refund, "lost")
    hear(provider)
    payment = payment_of(refund)
    assert refund.state == RefundState.ACCEPTED
    assert told_staff() >= 1
    # Razorpay says that it took nothing; at Stripe the same money went twice.
    expected = (ALL, True) if provider.name == "stripe" else (0, False)
    assert (payment.returned_external_minor, payment.alerted_at is not None) == expected
    all_hold()


# --- an event only names it -----------------------------------------------------------------------


def test_an_old_event_is_not_believed_over_what_the_provider_says_now(provider: Provider) -> None:
    refund = refund_of(provider)
    dispute(provider, refund, "open")
    provider.server.books.dispute_of(  # it ended, and that event was lost
        provider.name, dispute(provider, refund, "open")
    )["status"] = "won"  # type: ignore[index]
    hear(provider)
    payment = payment_of(refund)
    assert (payment.is_disputed, payment.dispute_ended_at is not None) == (False, True)
    refund.refresh_from_db()
    assert refund.hold_reason == ""


def test_while_nobody_can_be_asked_what_is_unsent_waits(provider: Provider) -> None:
    refund = refund_of(provider)
    dispute(provider, refund, "open")
    dispute(provider, refund, "won")
    provider.fault("gateway", calls=100, match="^GET /v1/disputes/")
    hear(provider)
    refund.refresh_from_db()
    assert refund.hold_reason == holds.DISPUTE
    assert ProviderEvent.objects.exclude(next_attempt_at=None).count() == 2, "asked again later"
    provider.tell(faults=[])
    provider.server.books.payment(provider.name, refund.payment.provider_ref)["dispute"] = ""  # type: ignore[index]
    work(hours=1)
    refund.refresh_from_db()
    assert (refund.hold_reason, payment_of(refund).is_disputed) == ("", False)
    assert drive(refund).state == RefundState.ACCEPTED


def test_a_question_by_the_bank_that_takes_no_money_stops_nothing(
    server: StandIn, settings: Any
) -> None:
    settings.STRIPE_WEBHOOK_SECRET = [server.keys.stripe_webhook_secret]
    provider = connect(server, "stripe", settings)
    refund = refund_of(provider)
    dispute(provider, refund, "open")
    doc = server.books.dispute_of("stripe", dispute(provider, refund, "open"))
    assert doc is not None
    doc["status"] = "warning_needs_response"
    hear(provider)
    assert not Payment.objects.filter(is_disputed=True).exists()
    refund.refresh_from_db()
    assert refund.hold_reason == ""


@pytest.mark.parametrize(
    ("status", "waits"),
    [
        ("needs_response", True),
        ("lost", True),
        ("a_word_of_next_year", True),
        (None, True),
        ("warning_needs_response", False),
        ("warning_closed", False),
    ],
)
def test_while_nobody_can_be_asked_only_a_question_by_the_bank_stops_nothing(
    server: StandIn, settings: Any, status: Any, waits: bool
) -> None:
    provider = connect(server, "stripe", settings)
    refund = refund_of(provider)
    provider.fault("gateway", calls=100, match="^GET /v1/disputes/")
    about = {"id": "du_1", "status": status, "payment_intent": refund.payment.provider_ref}
    event = {"type": "charge.dispute.created", "data": {"object": about}}
    body = json.dumps(event).encode()
    provider_events.receive("stripe", event, body, event_id="evt_1", now=timezone.now())
    work()
    refund.refresh_from_db()
    assert (refund.hold_reason, payment_of(refund).is_disputed) == (
        (holds.DISPUTE, True) if waits else ("", False)
    )


def test_the_dispute_of_another_payment_is_not_ours(provider: Provider) -> None:
    """A signed event names our payment and a dispute; the dispute itself says whose it is."""
    refund = refund_of(provider)
    doc = provider.server.books.dispute_of(provider.name, dispute(provider, refund, "open"))
    assert doc is not None
    doc["payment"] = provider.pay(ALL, "INR")
    hear(provider)
    assert not Payment.objects.filter(is_disputed=True).exists()


def test_another_dispute_after_the_first_has_ended_is_for_a_person(provider: Provider) -> None:
    refund = refund_of(provider)
    dispute(provider, refund, "won")
    hear(provider)
    dispute(provider, refund, "open")
    hear(provider, "created")
    refund.refresh_from_db()
    assert (refund.hold_reason, payment_of(refund).is_disputed) == (holds.DISPUTE, True)
    dispute(provider, refund, "won")
    hear(provider)
    refund.refresh_from_db()
    assert refund.hold_reason == holds.DISPUTE, "whose end it is, nobody can tell"
    refunds.release(refund.pk, actor=staff(), now=LATER, reason="Both have ended.")
    provider.server.books.payment(provider.name, refund.payment.provider_ref)["dispute"] = ""  # type: ignore[index]
    assert drive(refund).state == RefundState.ACCEPTED
