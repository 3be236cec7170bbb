"""What staff does with a refund that needs a person. Each needs a reason and leaves an event."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.conf import settings
from django.db import IntegrityError, transaction

from bookings import emails, rules, timeline
from bookings.models import Payment, Refund, RefundState
from bookings.refunds import holds
from bookings.refunds.frozen import freeze
from bookings.refunds.recording import watch
from bookings.states import Actor, ActorKind, TransitionNotAllowed

StaffVerb = Literal["retry", "hold", "release", "paid_by_hand"]
_ENDED = (RefundState.DECLINED, RefundState.REVERSED)
_FROM: dict[StaffVerb, tuple[str, ...]] = {
    "retry": (*_ENDED, RefundState.UNKNOWN),
    "hold": (RefundState.DUE,),
    "paid_by_hand": (*_ENDED, RefundState.MANUAL_DUE),
}


def refusal(refund: Refund, verb: StaffVerb, actor: Actor) -> TransitionNotAllowed | None:
    """Why staff may not do this with the refund now; None when they may. The verbs ask, and so do
    the buttons, which need `booking` and `payment` loaded."""
    # A refund of one's own call is neither held back nor called paid by oneself.
    if verb in ("hold", "paid_by_hand") and (own := rules.own_case(refund.booking, actor)):
        return own
    if verb == "release":
        return _refused_release(refund)
    if verb in ("retry", "paid_by_hand") and refund.hold_reason == holds.SET_ASIDE:
        return None
    if verb == "retry" and refund.hold_reason:
        return TransitionNotAllowed("state", "It is on hold; release it first.")
    if verb == "hold" and refund.hold_reason:
        return TransitionNotAllowed("state", "It is on hold already.")
    if refund.state in _FROM[verb] or (verb == "paid_by_hand" and _waits_for_a_person(refund)):
        return None
    return TransitionNotAllowed("state", f"This refund is: {refund.get_state_display()}.")


def _refused_release(refund: Refund) -> TransitionNotAllowed | None:
    if not refund.hold_reason:
        return TransitionNotAllowed("state", "This refund is not on hold.")
    if settings.REFUNDS_HOLD:
        return TransitionNotAllowed("state", "REFUNDS_HOLD is set: take it away first.")
    return None


def retry(refund_id: int, *, actor: Actor, now: datetime, reason: str) -> Refund:
    """Try again a refund that was declined, came back, or has no answer.

    After a definite no the key must change, or the provider would repeat its answer; a refund
    without an answer keeps its key, unless it is so old that a person was asked: the provider
    may have forgotten the key, and that person has looked. One that was set aside gets words and
    a key of this release.
    """
    refund = _allowed(refund_id, "retry", actor, reason)
    changes: dict[str, Any] = {"next_attempt_at": now}
    is_set_aside = refund.hold_reason == holds.SET_ASIDE
    if is_set_aside:  # what could not be read is written anew; it is looked for before it is sent
        changes |= {"hold_reason": "", "request": freeze(refund)}
    if refund.state in _ENDED or _waits_for_a_person(refund) or is_set_aside:
        changes |= {
            "state": RefundState.DUE,
            "epoch": refund.epoch + 1,
            "attempts": 0,
            "first_sent_at": None,
            "stored_failure_at": None,
            "absent_at": None,
            "alerted_at": None,
            "accepted_at": None,
            "finished_at": None,
            "provider_refund_id": "",
        }
    return _change(refund, "refund_retry", changes, actor=actor, now=now, reason=reason)


def hold(refund_id: int, *, actor: Actor, now: datetime, reason: str) -> Refund:
    """Keep a refund that has not been sent from being sent."""
    refund = _allowed(refund_id, "hold", actor, reason)
    changes = {"hold_reason": reason[:200], "next_attempt_at": None}
    return _change(refund, "refund_held", changes, actor=actor, now=now, reason=reason)


def release(refund_id: int, *, actor: Actor, now: datetime, reason: str) -> Refund:
    """Let a held refund go on."""
    refund = _allowed(refund_id, "release", actor, reason)
    if refund.hold_reason == holds.DISPUTE:  # a person has decided that a refund still helps
        Payment.objects.filter(pk=refund.payment_id).update(is_disputed=False)
    is_by_hand = refund.state == RefundState.MANUAL_DUE
    due_at = max(now, refund.booking.undo_until or now)  # the expert may still undo it
    changes = {"hold_reason": "", "next_attempt_at": None if is_by_hand else due_at}
    return _change(refund, "refund_released", changes, actor=actor, now=now, reason=reason)


def record_paid_by_hand(
    refund_id: int, *, actor: Actor, now: datetime, reference: str, reason: str
) -> Refund:
    """Staff has paid it: the bank's reference closes the refund."""
    refund = _allowed(refund_id, "paid_by_hand", actor, reason)
    if not reference.strip():
        raise TransitionNotAllowed("details_missing", "Give the reference of the bank transfer.")
    changes = {
        "state": RefundState.SUCCEEDED,
        "provider_refund_id": "",  # an older try of the provider's, that came to nothing
        "reference": reference.strip()[:120],
        "finished_at": now,
        "next_attempt_at": None,
        "hold_reason": "",
    }
    return _change(refund, "refund_paid_by_hand", changes, actor=actor, now=now, reason=reason)


def _allowed(refund_id: int, verb: StaffVerb, actor: Actor, reason: str) -> Refund:
    """As it was read; `_change` sees to it that it still is so."""
    if actor.kind != ActorKind.STAFF:
        raise TransitionNotAllowed("not_yours", "Only staff may do this.")
    if not reason.strip():
        raise TransitionNotAllowed("reason_missing", "Give a reason.")
    refund = Refund.objects.select_related("booking__expert", "payment").get(pk=refund_id)
    if refused := refusal(refund, verb, actor):
        raise refused
    return refund


def _change(
    refund: Refund,
    verb: str,
    changes: dict[str, Any],
    *,
    actor: Actor,
    now: datetime,
    reason: str,
) -> Refund:
    """One transaction, conditional on what was read."""
    try:
        with transaction.atomic():
            changed = Refund.objects.filter(
                pk=refund.pk,
                state=refund.state,
                attempts=refund.attempts,
                hold_reason=refund.hold_reason,
            ).update(lease_token=None, **changes)
            if not changed:
                raise TransitionNotAllowed("changed", "This refund has changed while you looked.")
            refund.refresh_from_db()
            watch([refund], now=now)
            event = timeline.append(
                refund.booking,
                verb,
                actor=actor,
                at=now,
                note=reason,
                data={
                    "refund": str(refund.uuid),
                    "amount_minor": refund.amount_minor,
                    "currency": refund.currency,
                    "reference": refund.reference,
                },
            )
            emails.queue_for(event, booking=refund.booking, now=now, not_before=now)
    except IntegrityError as error:
        raise TransitionNotAllowed(
            "bad_amount", "The money of this refund has been returned in another way."
        ) from error
    return refund


def _waits_for_a_person(refund: Refund) -> bool:
    """Twice missing in the provider's list, and nobody asks for it by himself any more."""
    is_missing = refund.absent_at is not None and refund.next_attempt_at is None
    return refund.state == RefundState.UNKNOWN and is_missing and not refund.hold_reason
