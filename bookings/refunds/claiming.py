"""Taking refunds to drive them, and the last look before they are sent. Sets of rows at a time."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Case, F, Value, When
from django.db.models.functions import Coalesce

from bookings import leases
from bookings.gateways import why_not
from bookings.models import Payment, Refund, RefundState
from bookings.models.money import IN_HAND
from bookings.refunds import frozen, holds, timing

_STATE_WHILE_DRIVEN = Case(
    When(state=RefundState.ACCEPTED, then=Value(RefundState.ACCEPTED)),
    default=Value(RefundState.SENDING),
)


def claim(ids: Sequence[int], *, at_most: int, lease: uuid.UUID, now: datetime) -> list[Refund]:
    """Up to so many of these refunds that are due and nobody else's; fewer when there are no
    more. One that the bank has already is polled; any other is on its way from here on."""
    due = Refund.objects.to_drive(now).filter(pk__in=ids, hold_reason="", state__in=IN_HAND)
    if settings.REFUNDS_HOLD:
        unsent = due.exclude(state=RefundState.ACCEPTED).select_related("booking")
        holds.hold_restored(unsent, now=now)
        due = due.filter(state=RefundState.ACCEPTED)
    taken = leases.take(
        due.select_related("payment", "booking"),
        at_most=at_most,
        lease=lease,
        until=now + timing.LEASE,
        state=_STATE_WHILE_DRIVEN,
    )
    for refund in taken:
        is_poll = refund.state == RefundState.ACCEPTED
        refund.state = RefundState.ACCEPTED if is_poll else RefundState.SENDING
    return taken


def needs_a_look(refund: Refund, *, now: datetime) -> bool:
    """Whether the provider's list must be read before this refund may be sent.

    Always, but for the first try of a refund that was planned less than 23 hours ago. Whatever
    was sent of it in a life of this database that a restored backup does not know was sent after
    it was planned and under the same key, so the provider remembers that key and pays nothing
    twice. Not so after a retry by staff (another epoch), and not after a hold (`alerted_at`),
    as the one after a restore. See decision 16.
    """
    is_first = refund.first_sent_at is None and refund.alerted_at is None and refund.epoch == 1
    return not is_first or now - refund.created_at >= timing.KEY_LIFE


def may_send(refunds: Sequence[Refund], *, now: datetime) -> list[Refund]:
    """Those whose lease is still ours, that can be read, whose amount is the same at the provider,
    and whose payment has no dispute. From here on they count as sent; the lease begins anew."""
    refunds = [
        refund
        for refund in refunds
        if not is_set_aside(refund, frozen.check, now=now)
        and not _is_left_to_staff(refund, now=now)
    ]
    if _mark(refunds, now=now) == len(refunds):
        return list(refunds)
    free = [refund for refund in refunds if _mark([refund], now=now)]
    for refund in refunds:
        if refund not in free and _is_disputed(refund):
            holds.hold(refund, holds.DISPUTE, now=now)
    return free


def is_set_aside(refund: Refund, check: Callable[[Refund], None], *, now: datetime) -> bool:
    """Whether this release cannot read it: then it waits for a person, and stops nobody."""
    try:
        check(refund)
    except frozen.Unreadable as why:
        holds.set_aside(refund, str(why), now=now)
        return True
    return False


def _is_left_to_staff(refund: Refund, *, now: datetime) -> bool:
    why = why_not(refund.payment.provider, refund.amount_minor, refund.currency)
    if why:
        holds.leave_to_staff(refund, why, now=now)
    return bool(why)


def give_back(refunds: Sequence[Refund], *, now: datetime) -> list[Refund]:
    """They were taken and not asked about: there is no time. The next driver need not wait, and
    what was marked as sent only now was not sent: other money may still take its place."""
    leased = Refund.objects.filter(lease_token__in={refund.lease_token for refund in refunds})
    free: dict[str, Any] = {
        "next_attempt_at": now,
        "lease_token": None,
        "attempts": F("attempts") - 1,
    }
    unsent = [refund.pk for refund in refunds if _was_never_sent(refund)]
    leased.filter(pk__in=unsent).update(state=RefundState.DUE, first_sent_at=None, **free)
    leased.filter(pk__in=[refund.pk for refund in refunds]).update(**free)
    return list(refunds)


def _was_never_sent(refund: Refund) -> bool:
    """When it was taken."""
    return refund.first_sent_at is None and refund.state != RefundState.ACCEPTED


def _mark(refunds: Sequence[Refund], *, now: datetime) -> int:
    return Refund.objects.filter(
        pk__in=[refund.pk for refund in refunds],
        lease_token__in={refund.lease_token for refund in refunds},
        payment__is_disputed=False,
    ).update(
        first_sent_at=Coalesce("first_sent_at", now),
        absent_at=None,
        next_attempt_at=now + timing.LEASE,
    )


def _is_disputed(refund: Refund) -> bool:
    return Payment.objects.filter(pk=refund.payment_id, is_disputed=True).exists()
