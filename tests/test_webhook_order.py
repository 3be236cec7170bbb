"""Events in any order, twice, late or never: the same end. (M10, M11, and disputes.)"""

from __future__ import annotations

import json
import random
import urllib.request
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from bookings import lifecycle, provider_events, refunds, sweeps
from bookings.models import Payment, ProviderEvent, Refund, RefundState
from tests.builders import NOW, make_booking, staff
from tests.effort import effort
from tests.provider.running import Provider
from tests.provider.server import StandIn
from tests.test_races import together
from tests.webhooks import send, signed

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["stripe", "razorpay"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def provider(name: str, server: StandIn, settings: Any) -> Provider:
    keys = server.keys
    settings.STRIPE_API_BASE = settings.RAZORPAY_API_BASE = server.url
    settings.STRIPE_SECRET_KEY = keys.stripe_secret_key
    settings.STRIPE_WEBHOOK_SECRET = [keys.stripe_webhook_secret]
    settings.RAZORPAY_KEY_ID = keys.razorpay_key_id
    settings.RAZORPAY_KEY_SECRET = keys.razorpay_key_secret
    settings.RAZORPAY_WEBHOOK_SECRET = [keys.razorpay_webhook_secret]
    settings.PROVIDER_TIMEOUT = timedelta(seconds=2)
    provider = Provider(server, name)
    provider.tell(reset=True)
    provider.tell(settles_after=60)
    return provider


def events_of(provider: Provider) -> list[dict[str, Any]]:
    with urllib.request.urlopen(provider.server.url + "/_events", timeout=10) as answer:
        return list(json.load(answer)["events"])


def sent_refund(provider: Provider) -> Refund:
    """A refund the provider has taken, seen by us as far as `accepted`."""
    ref = provider.pay(240000, "INR")
    booking = make_booking(provider=provider.name, payment_ref=ref)
    lifecycle.refund_now(booking.pk, actor=staff(), now=NOW, reason="Sorry")
    refund = Refund.objects.get(booking=booking)
    refunds.drive([refund.pk], now=NOW + MINUTE)
    refund.refresh_from_db()
    assert refund.state == RefundState.ACCEPTED
    return refund


def outcome(refund: Refund) -> tuple[Any, ...]:
    refund.refresh_from_db()
    payment = Payment.objects.get(pk=refund.payment_id)
    verbs = [
        event.verb for event in refund.booking.events.all() if event.verb.startswith("refund_s")
    ]
    return (
        refund.state,
        bool(refund.reference),
        payment.returned_external_minor,
        payment.reserved_minor,
        verbs,
        refund.booking.emails.filter(kind="refund_confirmed").count(),
    )


@pytest.fixture
def many_refunds(settings: Any) -> None:
    """So many in an hour would stop the breaker."""
    settings.BREAKER_LEAST = 1000


@pytest.mark.parametrize("seed", range(2))
def test_m10_order_duplicates_and_delay_make_no_difference(
    provider: Provider, client: Client, seed: int, many_refunds: None
) -> None:
    """A round: the events of one refund, shuffled, up to five times each, most of them lost
    at times, some worked on before the provider has settled, some days later. (That all are lost
    is M11: then the polls find it.)"""
    chance = random.Random(seed)
    for _ in range(effort(8)):
        refund = sent_refund(provider)
        early = events_about(refund, provider)
        take(client, chance.choices(early, k=3), chance)
        provider.tell(advance=61)
        new = [event for event in events_about(refund, provider) if event not in early]
        again = (early + new) * chance.randrange(1, 6)
        late = [chance.choice(new), *chance.sample(again, chance.randrange(len(again)))]
        chance.shuffle(late)
        take(client, late, chance)
        assert outcome(refund) == (
            RefundState.SUCCEEDED, True, 0, 240000, ["refund_succeeded"], 1,
        )  # fmt: skip
        ProviderEvent.objects.all().delete()


def events_about(refund: Refund, provider: Provider) -> list[dict[str, Any]]:
    """Without their signatures of the moment, so that they can be compared."""
    ref = refund.payment.provider_ref
    return [
        {name: event[name] for name in ("id", "provider", "body")}
        for event in events_of(provider)
        if ref in event["body"]
    ]


def take(client: Client, events: list[dict[str, Any]], chance: random.Random) -> None:
    """Deliver them; work on the inbox now and then, and at the end, in any order."""
    for event in events:
        name, body = event["provider"], event["body"].encode()
        secret = (settings.STRIPE_WEBHOOK_SECRET, settings.RAZORPAY_WEBHOOK_SECRET)[
            name != "stripe"
        ]
        headers = signed(name, body, secret=secret[0], event_id=event["id"])
        assert send(client, name, body, headers) == 200
        if chance.random() < 0.3:
            work_on_all()
    work_on_all(days=3)


def work_on_all(*, days: int = 0) -> None:
    for pk in ProviderEvent.objects.order_by("?").values_list("pk", flat=True):
        provider_events.work_on(pk, now=timezone.now() + timedelta(days=days))


def test_m11_no_webhook_ever(provider: Provider) -> None:
    refund = sent_refund(provider)
    provider.tell(advance=61)
    sweeps.run(now=refund.next_attempt_at or NOW)
    assert outcome(refund)[:5] == (RefundState.SUCCEEDED, True, 0, 240000, ["refund_succeeded"])
    assert not ProviderEvent.objects.exists()


def test_a_dispute_is_heard_of_in_any_order(provider: Provider, client: Client) -> None:
    ref = provider.pay(240000, "INR")
    booking = make_booking(provider=provider.name, payment_ref=ref)
    for status in ("open", "lost"):
        provider.tell(dispute={"payment": ref, "status": status})
    for event in reversed(events_of(provider)):
        assert send(client, provider.name, event["body"].encode(), event["headers"]) == 200
    work_on_all()
    payment = Payment.objects.get(booking=booking)
    assert (payment.is_disputed, payment.returned_external_minor) == (False, 240000)


def test_a_refund_of_the_dashboard_is_heard_of(provider: Provider, client: Client) -> None:
    ref = provider.pay(240000, "INR")
    booking = make_booking(provider=provider.name, payment_ref=ref)
    provider.tell(external_refund={"payment": ref, "amount": 40000})
    for event in events_of(provider):
        send(client, provider.name, event["body"].encode(), event["headers"])
    work_on_all()
    assert Payment.objects.get(booking=booking).returned_external_minor == 40000


def test_two_deliveries_at_once_are_one_row_and_one_question(
    provider: Provider, transactional_db: None
) -> None:
    """Two workers, two web processes: the database decides, nobody gets an error."""
    ref = provider.pay(240000, "INR")
    make_booking(provider=provider.name, payment_ref=ref)
    event = next(event for event in events_of(provider) if ref in event["body"])
    body = event["body"].encode()

    def deliver() -> int:
        return send(Client(), provider.name, body, event["headers"])

    def work() -> bool:
        return provider_events.work_on(ProviderEvent.objects.get().pk, now=timezone.now())

    assert together(*[deliver] * 6) == [200] * 6
    assert sorted(together(*[work] * 4)) == [False, False, False, True]
