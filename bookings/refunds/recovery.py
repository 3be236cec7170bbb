"""After a provider's outage: one refund asks regularly, and its answer wakes the others."""

from __future__ import annotations

import random
from datetime import datetime

from bookings.models import Heartbeat, Refund, RefundState
from bookings.models.money import RefundQuerySet
from bookings.refunds import timing

STEPS = 24
"""Within `timing.SPREAD`; a statement for each, however many wait."""
MOST = 5000


def wake_waiting(provider: str, *, now: datetime) -> int:
    """The provider answers: refunds that wait long for their next try are spread over minutes."""
    waiting = _waiting(provider, now=now).ids(MOST)
    random.shuffle(waiting)
    woken = 0
    for step in range(min(STEPS, len(waiting))):
        at = now + timing.SPREAD * (step + random.random()) / STEPS  # noqa: S311  not a secret
        woken += Refund.objects.filter(
            pk__in=waiting[step::STEPS],
            state=RefundState.UNKNOWN,
            absent_at=None,
            hold_reason="",
        ).update(next_attempt_at=at)
    return woken


def probe(*, now: datetime) -> None:
    """Bring the next try of one waiting refund of each provider forward, every few minutes."""
    waiting = _waiting(None, now=now).values_list("payment__provider", flat=True)
    for provider in sorted(set(waiting.order_by())):
        beat, is_new = Heartbeat.objects.get_or_create(
            name=f"probe:{provider}", defaults={"finished_at": now}
        )
        if not is_new and now - beat.finished_at < timing.PROBE_EVERY:
            continue
        Heartbeat.objects.filter(pk=beat.pk).update(finished_at=now)
        first = _waiting(provider, now=now).order_by("next_attempt_at", "id").ids(1)
        Refund.objects.filter(pk__in=first, hold_reason="").update(next_attempt_at=now)


def _waiting(provider: str | None, *, now: datetime) -> RefundQuerySet:
    rows = Refund.objects.filter(
        state=RefundState.UNKNOWN, absent_at=None, next_attempt_at__gt=now + timing.PROBE_EVERY
    )
    return rows.filter(payment__provider=provider) if provider else rows
