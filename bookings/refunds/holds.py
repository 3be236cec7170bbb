"""Reasons for which refunds wait for a person. A hold is loud, and never counts as done.

A dispute at the bank, unusually many refunds at once (the circuit breaker), a database that was
restored from a backup (`REFUNDS_HOLD`), a payment of which this site refunded something that a
restored database does not know, and a row that cannot be processed.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from bookings import emails
from bookings.models import Payment, Refund, RefundState, TimelineEvent
from bookings.models.money import RefundQuerySet
from bookings.refunds.answers import as_read, tell
from bookings.states import SYSTEM, Actor

logger = logging.getLogger(__name__)

DISPUTE = "bank dispute open"
BREAKER = "unusually many refunds"
RESTORE = "restored from a backup"
SET_ASIDE = "it cannot be processed"
LOST = "some of its payment went back before a restore"
LOST_ONES = "lost"
"""In the note about what went back: refunds that this site has made and does not know."""
AT_MOST = 2000
"""So many are held after a restore in one sweep."""


def hold(refund: Refund, reason: str, *, now: datetime) -> None:
    """Stop one refund; staff gets a mail about it."""
    with transaction.atomic():
        if _stop(refund, reason, now=now):
            tell(refund, "refund_held", now=now, note=reason)


def has_lost_ones(payment: Payment) -> bool:
    """Somebody decided what goes back of this payment, and this database has forgotten it."""
    if not payment.returned_external_minor:
        return False
    noted = TimelineEvent.objects.filter(booking=payment.booking_id, verb="returned_elsewhere")
    return noted.filter(data__has_key=LOST_ONES).exists()


def set_aside(refund: Refund, why: str, *, now: datetime) -> None:
    """This one cannot be processed: a person looks, the others go on. Telling of it may be what
    fails, so it is stopped in any case."""
    logger.error("refund %s is set aside: %s", refund.uuid, why)
    try:
        with transaction.atomic():
            if _stop(refund, SET_ASIDE, now=now, last_answer=why[:500]):
                tell(refund, "refund_held", now=now, note=why)
    except Exception:
        logger.exception("nobody could be told of refund %s", refund.uuid)
        _stop(refund, SET_ASIDE, now=now, last_answer=why[:500])


def leave_to_staff(refund: Refund, why: str, *, now: datetime) -> None:
    """The provider cannot be asked for this amount: a person pays it, and is told why."""
    if refund.first_sent_at is not None:
        why = f"{why} It was asked for before: look first what became of that."
    with transaction.atomic():
        if as_read(
            refund,
            state=RefundState.MANUAL_DUE,
            next_attempt_at=None,
            alerted_at=now,
            lease_token=None,
            last_answer=why[:500],
        ):
            tell(refund, "refund_by_hand", now=now, note=why)


def hold_restored(due: RefundQuerySet, *, now: datetime) -> RefundQuerySet:
    """Those of these refunds that may go on. While REFUNDS_HOLD is set, these are the ones that the
    bank has already; all others are stopped, with one mail a day for the lot."""
    if not settings.REFUNDS_HOLD:
        return due
    for refund in due.exclude(state=RefundState.ACCEPTED).select_related("booking")[:AT_MOST]:
        try:
            with transaction.atomic():
                if _stop(refund, RESTORE, now=now):
                    tell(refund, "refund_paused", now=now, note=RESTORE)
                    tell_staff(RESTORE, now=now, dedupe=f"{now:%Y-%m-%d}")
        except Exception:  # nobody drives it meanwhile, and the others are held all the same
            logger.exception("refund %s could not be held", refund.uuid)
    return due.filter(state=RefundState.ACCEPTED)


def _stop(refund: Refund, reason: str, *, now: datetime, **more: Any) -> bool:
    """What the bank has already stays there, whatever it waits for."""
    state = RefundState.DUE if refund.first_sent_at is None else RefundState.UNKNOWN
    return as_read(
        refund,
        state=RefundState.ACCEPTED if refund.state == RefundState.ACCEPTED else state,
        hold_reason=reason,
        next_attempt_at=None,
        alerted_at=now,
        lease_token=None,
        **more,
    )


def tell_staff(reason: str, *, now: datetime, dedupe: str) -> None:
    emails.queue(
        "staff_refunds_held", now=now, dedupe=f"{reason} {dedupe}", facts={"reason": reason}
    )


def let_go(
    reason: str, *, now: datetime, note: str, actor: Actor = SYSTEM, payment_id: int | None = None
) -> int:
    """Every refund held for this reason goes on."""
    held = Refund.objects.filter(hold_reason=reason).select_related("booking")
    if payment_id is not None:
        held = held.filter(payment_id=payment_id)
    # A form acts once; this is one form over many refunds, and one booking may have two.
    actor = Actor(actor.kind, actor.user_id)
    freed = 0
    for refund in held.order_by("pk"):
        with transaction.atomic():
            if as_read(refund, **released(refund, now=now)):
                tell(refund, "refund_released", now=now, note=note, actor=actor)
                freed += 1
    return freed


def released(refund: Refund, *, now: datetime) -> dict[str, Any]:
    """What changes when its hold ends."""
    is_by_hand = refund.state == RefundState.MANUAL_DUE
    due_at = max(now, refund.booking.undo_until or now)  # the expert may still undo it
    return {"hold_reason": "", "next_attempt_at": None if is_by_hand else due_at}
