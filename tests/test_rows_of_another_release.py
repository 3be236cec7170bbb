"""E-mails, webhooks and purchases that this release cannot read: the others go on, and each is
seen by a person."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from bookings import emails, sweeps, tasks
from bookings.models import (
    Checkout,
    CheckoutState,
    OutboxEmail,
    OutboxState,
    ProviderEvent,
    StoredMessage,
)
from tests.builders import DAY, HOUR, NOW, make_booking, make_expert, make_service
from tests.mail_settings import use_mail

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def kept(settings: Any) -> None:
    use_mail(settings)
    settings.STAFF_EMAIL = ["ops@example.com"]


# --- e-mails --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "survey"},
        {"kind": ""},
        {"facts": ["minutes", 9]},
        {"facts": "nine"},
        {"audience": "press"},
        {"kind": "offer_reminder", "booking": None},
        {"kind": "password_reset", "facts": {"user": "nobody"}},
    ],
)
def test_an_email_that_cannot_be_written_stops_nobody_and_is_seen(changes: dict[str, Any]) -> None:
    make_booking()
    OutboxEmail.objects.all().update(state=OutboxState.SENT, next_attempt_at=None)
    rows = [
        emails.queue("staff_sweep_late", now=NOW, dedupe=str(n), facts={"minutes": n})
        for n in range(6)
    ]
    ids = [row.pk for row in rows]
    OutboxEmail.objects.filter(pk=ids[2]).update(**changes)
    assert emails.deliver_all(ids, now=NOW) >= 5
    assert StoredMessage.objects.count() >= 5
    at = NOW
    for _ in emails.RETRY_AFTER:
        at += DAY
        emails.deliver_all(ids, now=at)
    bad = OutboxEmail.objects.get(pk=ids[2])
    assert bad.state in (OutboxState.FAILED, OutboxState.SENT)
    assert bool(bad.last_error) == (bad.state == OutboxState.FAILED)
    assert bad.next_attempt_at is None


# --- webhooks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"body": "not JSON"},
        {"body": "[]"},
        {"body": "null"},
        {"body": "7"},
        {"body": '{"data": []}'},
        {"body": '{"type": 5, "data": {"object": "x"}}'},
        {"body": "[" * 100_000},
        {"provider": "paypal"},
    ],
)
def test_an_event_that_cannot_be_read_stops_nobody_and_ends(changes: dict[str, Any]) -> None:
    for n in range(4):
        ProviderEvent.objects.create(
            provider="stripe",
            event_id=f"evt_{n}",
            body_sha256=str(n),
            kind="refund.updated",
            body=json.dumps({"type": "refund.updated", "data": {"object": {"id": "re_1"}}}),
            received_at=NOW,
            next_attempt_at=NOW,
        )
    bad = ProviderEvent.objects.get(event_id="evt_1")
    ProviderEvent.objects.filter(pk=bad.pk).update(**changes)
    at = NOW
    assert tasks.work_on_all(list(ProviderEvent.objects.due(at).ids()), now=at) == 4
    for _ in range(20):
        at += DAY
        tasks.work_on_all(list(ProviderEvent.objects.due(at).ids()), now=at)
    bad.refresh_from_db()
    assert bad.next_attempt_at is None
    assert bad.last_error, "the admin shows it"


# --- purchases ------------------------------------------------------------------------------------


def purchases(count: int) -> list[Checkout]:
    service = make_service(make_expert())
    return [
        Checkout.objects.create(
            request_key=f"form-{n}",
            expert=service.expert,
            service=service,
            name="Lena",
            email=f"lena{n}@example.com",
            time_zone="Europe/Berlin",
            starts_at=NOW + (n + 1) * DAY,
            ends_at=NOW + (n + 1) * DAY + HOUR,
            price_minor=240000,
            currency="INR",
            provider="sandbox",
            expires_at=NOW + 15 * MINUTE,
            next_poll_at=NOW + MINUTE,
            created_at=NOW,
        )
        for n in range(count)
    ]


def test_a_purchase_at_an_unknown_provider_is_told_once_and_stops_nobody() -> None:
    bad, *others = purchases(4)
    Checkout.objects.filter(pk=bad.pk).update(provider="paypal", provider_ref="order_1")
    told = OutboxEmail.objects.filter(kind="staff_purchase_unclear")
    for minutes in (1, 3, 7, 15, 30):
        sweeps.run(now=NOW + minutes * MINUTE)
    bad.refresh_from_db()
    assert (bad.state, told.count()) == (CheckoutState.EXPIRED, 0)
    for minutes in (60, 180, 1440, 4320, 9000):
        sweeps.run(now=NOW + minutes * MINUTE)
    assert told.count() == 1
    mail = StoredMessage.objects.get(subject="Somebody may have paid for a call that is not booked")
    assert f"/admin/bookings/checkout/{bad.pk}/" in mail.text
    bad.refresh_from_db()
    assert "no keys for 'paypal'" in bad.last_error
    assert bad.next_poll_at is None
    states = Checkout.objects.filter(pk__in=[one.pk for one in others])
    assert set(states.values_list("state", flat=True)) == {CheckoutState.EXPIRED}
