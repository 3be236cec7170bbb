"""Webhooks: kept once, answered at once, worked on afterwards by asking the provider.

Nothing depends on them. The polls of refunds and checkouts find the same by the same questions,
so an event that is lost, late, doubled or out of order changes only how soon we know.
"""

from __future__ import annotations

import hashlib
import json
import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q

from bookings import checkouts, refunds
from bookings.gateways.port import printable
from bookings.gateways.webhooks import hint_of, kind_of
from bookings.models import Checkout, Payment, Provider, ProviderEvent

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=120)
TRY_AGAIN_AFTER = [timedelta(seconds=s) for s in (10, 60, 600, 3600, 6 * 3600)]
MOST_TRIES = 12
"""They take about two days. The polls go on anyway."""
STRANGER_TRIES = 3
"""For an event about nothing that we know: it may have overtaken what it is about."""
FORGET_AT_MOST = 5000


# --- coming in ---------------------------------------------------------------------------------


def reason_to_ignore(provider: str, event: dict[str, Any]) -> str:
    """Signed, but not meant for this site: the wrong mode, or another account's."""
    if provider != Provider.STRIPE:
        return ""
    is_live = event.get("livemode")
    has_live_key = settings.STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_"))
    if isinstance(is_live, bool) and is_live != has_live_key:
        return "it is of the live mode" if is_live else "it is of the test mode"
    if event.get("account"):
        return "it is of a connected account"
    return ""


def receive(
    provider: str, event: dict[str, Any], body: bytes, *, event_id: str, now: datetime
) -> ProviderEvent | None:
    """Keep a verified event; None when we have it already, by its id or by its body."""
    digest = hashlib.sha256(body).hexdigest()
    row = ProviderEvent(
        provider=provider,
        event_id=printable(event_id) or digest,
        body_sha256=digest,
        kind=kind_of(provider, event),
        body=body.decode(),
        received_at=now,
        next_attempt_at=now,
    )
    before = ProviderEvent.objects.filter(provider=provider).filter(
        Q(event_id=row.event_id) | Q(body_sha256=digest)
    )
    if before.exists():
        return None
    # Two deliveries at once: the second insert does nothing, and both find the same row.
    ProviderEvent.objects.bulk_create([row], ignore_conflicts=True)
    return ProviderEvent.objects.filter(provider=provider, body_sha256=digest).first()


# --- worked on ---------------------------------------------------------------------------------


def work_on(event_id: int, *, now: datetime) -> bool:
    """Ask about whatever the event names. False when it is not due or somebody else has it."""
    row = ProviderEvent.objects.due(now).filter(pk=event_id).first()
    if row is None:
        return False
    mine = ProviderEvent.objects.filter(
        pk=row.pk, attempts=row.attempts, next_attempt_at=row.next_attempt_at
    )
    if not mine.update(attempts=row.attempts + 1, next_attempt_at=now + LEASE):
        return False
    row.attempts += 1
    try:
        is_known = _ask_about(row, now=now)
    except Exception as error:  # the provider is away, or the answer is nonsense: again later
        logger.warning("event %s: %s: %s", row, type(error).__name__, error)
        _later(row, f"{type(error).__name__}: {error}", MOST_TRIES, now=now)
        return True
    if is_known:
        _done(row, "", now=now)
    else:
        _later(row, "It is about nothing that is ours.", STRANGER_TRIES, now=now)
    return True


def _ask_about(row: ProviderEvent, *, now: datetime) -> bool:
    """The same questions the polls ask. False when it names nothing that is ours."""
    hint = hint_of(row.provider, json.loads(row.body))
    named = Q(provider_ref__in=hint.orders) | Q(key__in=hint.checkouts)
    of_provider = Checkout.objects.filter(provider=row.provider).exclude(provider_ref="")
    found = list(of_provider.filter(named).with_expert())
    for checkout in found:
        checkouts.ask(checkout, now=now)
    payments = Payment.objects.filter(provider=row.provider, provider_ref__in=hint.payments)
    paid = list(payments)
    for payment in paid:
        if hint.dispute:
            refunds.hear_of_dispute(
                payment.pk, hint.dispute, may_take_money=hint.may_take_money, now=now
            )
        refunds.refetch(payment.pk, now=now)
    return bool(found or paid)


def _done(row: ProviderEvent, said: str, *, now: datetime) -> None:
    """Only if the lease is still ours."""
    ProviderEvent.objects.filter(pk=row.pk, attempts=row.attempts).update(
        processed_at=now, next_attempt_at=None, last_error=said[:500]
    )


def _later(row: ProviderEvent, why: str, most_tries: int, *, now: datetime) -> None:
    if row.attempts >= most_tries:
        return _done(row, why, now=now)
    wait = TRY_AGAIN_AFTER[min(row.attempts, len(TRY_AGAIN_AFTER)) - 1]
    ProviderEvent.objects.filter(pk=row.pk, attempts=row.attempts).update(
        next_attempt_at=now + wait, last_error=why[:500]
    )


def forget_old(*, now: datetime) -> int:
    """The inbox does not grow for ever, and its bodies name people."""
    old = ProviderEvent.objects.over_before(now - settings.KEEP_WEBHOOKS).order_by("received_at")
    return ProviderEvent.objects.filter(pk__in=old.ids(FORGET_AT_MOST)).delete()[0]
