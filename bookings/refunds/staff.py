"""What staff does with a refund that needs a person, and what staff is told when nobody does it.

Each step needs a reason and leaves an event.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any, Literal

from django.conf import settings
from django.db import IntegrityError, transaction

from bookings import formats, rules
from bookings.models import Clock, Heartbeat, Payment, Refund, RefundState
from bookings.models.money import FAILED, IN_HAND
from bookings.refunds import answers, holds, planning, reconciling, timing
from bookings.states import Actor, TransitionNotAllowed

logger = logging.getLogger(__name__)

StaffVerb = Literal["retry", "hold", "release", "paid_by_hand", "fit"]
RETURNED_OTHERWISE = "The money of this refund has been returned in another way."
_FROM: dict[StaffVerb, RefundState] = {
    "retry": RefundState.UNKNOWN,
    "hold": RefundState.DUE,
    "paid_by_hand": RefundState.MANUAL_DUE,
}
"""Whatever else is so; the others say below when they may."""


def refusal(
    refund: Refund, verb: StaffVerb, actor: Actor, now: datetime
) -> TransitionNotAllowed | None:
    """Why staff may not do this with the refund now; None when they may. The verbs ask, and so do
    the buttons, which need `booking` and `payment` loaded."""
    # A refund of one's own call is neither held back nor closed by oneself.
    if verb in ("hold", "paid_by_hand", "fit") and (own := rules.own_case(refund.booking, actor)):
        return own
    if verb == "release":
        return _refused_release(refund)
    if refund.hold_reason == holds.SET_ASIDE and _may_move_it_on(refund, verb):
        return None
    if verb == "retry" and refund.hold_reason:
        return TransitionNotAllowed("state", "It is on hold; release it first.")
    if verb == "hold" and refund.hold_reason:
        return TransitionNotAllowed("state", "It is on hold already.")
    if refund.state in FAILED and verb != "hold":
        return _refused_fit(refund) if verb == "fit" else _refused_again(refund)
    if refund.state == _FROM.get(verb):
        return None
    if verb == "retry" and (_sleeps(refund) or _is_missed(refund)):
        return None
    if verb == "paid_by_hand":
        return _refused_by_hand(refund, now)
    return _not_so(refund)


def _may_move_it_on(refund: Refund, verb: StaffVerb) -> bool:
    """Nobody asks the provider about it; but what the bank has, it pays without being asked."""
    return verb == "retry" or (verb == "paid_by_hand" and refund.state != RefundState.ACCEPTED)


def _not_so(refund: Refund) -> TransitionNotAllowed:
    return TransitionNotAllowed("state", f"This refund is: {refund.get_state_display()}.")


def _refused_release(refund: Refund) -> TransitionNotAllowed | None:
    if not refund.hold_reason:
        return TransitionNotAllowed("state", "This refund is not on hold.")
    if settings.REFUNDS_HOLD:
        return TransitionNotAllowed("state", "REFUNDS_HOLD is set: take it away first.")
    return None


def _refused_again(refund: Refund) -> TransitionNotAllowed | None:
    """The database would refuse it: refunds of ours have all that was captured."""
    payment = refund.payment
    if payment.reserved_minor + refund.amount_minor <= payment.captured_minor:
        return None
    return TransitionNotAllowed("bad_amount", RETURNED_OTHERWISE)


def _refused_fit(refund: Refund) -> TransitionNotAllowed | None:
    if refund.payment.refundable_minor < refund.amount_minor:
        return None
    return TransitionNotAllowed(
        "state", "The payment still covers this refund: try it again, or pay it by hand."
    )


def _refused_by_hand(refund: Refund, now: datetime) -> TransitionNotAllowed | None:
    """Not while the provider may still pay it by itself."""
    if refund.hold_reason not in ("", holds.SET_ASIDE):
        return TransitionNotAllowed("state", "It is on hold; release it first.")
    if _is_missed(refund):
        return None
    since, lasts = None, timing.KEY_LIFE
    match RefundState(refund.state):
        case RefundState.UNKNOWN:
            if refund.absent_at is not None or answers.is_old(refund, now=now):
                return None
            since = refund.first_sent_at or refund.created_at
        case RefundState.SENDING:  # what was sent long ago is only looked for
            if refund.first_sent_at is not None and answers.is_old(refund, now=now):
                return None
        case RefundState.ACCEPTED:
            if answers.is_slow(refund, now=now):
                return None
            since, lasts = refund.accepted_at, timing.SLOW_BANK
    if since is None:
        return _not_so(refund)
    at = formats.moment(since + lasts, "UTC", Clock.TWENTY_FOUR, now)
    return TransitionNotAllowed(
        "state",
        "The provider may still pay this refund, and is asked again by itself. If nothing has "
        f"changed by {at} UTC, you can record it as paid by hand.",
    )


def retry(refund_id: int, *, actor: Actor, now: datetime, reason: str) -> Refund:
    """Try again a refund that was declined, came back, has no answer, or is in no list.

    After a definite no the key must change, or the provider would repeat its answer; a refund
    without an answer keeps its key, unless nobody asks for it any more: the provider may have
    forgotten the key, or repeats its no, and a person has looked. One that was set aside gets
    words and a key of this release.
    """
    refund = _allowed(refund_id, "retry", actor, reason, now=now)
    changes: dict[str, Any] = {"next_attempt_at": now}
    is_set_aside = refund.hold_reason == holds.SET_ASIDE
    if is_set_aside:  # what could not be read is written anew; it is looked for before it is sent
        changes |= {"hold_reason": "", "request": planning.freeze(refund)}
    is_left = _waits_for_a_person(refund) or _is_missed(refund)
    if refund.state in FAILED or is_left or is_set_aside:
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
    refund = _allowed(refund_id, "hold", actor, reason, now=now)
    changes = {"hold_reason": reason[:200], "next_attempt_at": None}
    return _change(refund, "refund_held", changes, actor=actor, now=now, reason=reason)


def release(refund_id: int, *, actor: Actor, now: datetime, reason: str) -> Refund:
    """Let a held refund go on."""
    refund = _allowed(refund_id, "release", actor, reason, now=now)
    if refund.hold_reason == holds.DISPUTE:  # a person has decided that a refund still helps
        Payment.objects.filter(pk=refund.payment_id).update(is_disputed=False)
    changes = holds.released(refund, now=now)
    return _change(refund, "refund_released", changes, actor=actor, now=now, reason=reason)


def continue_all(*, actor: Actor, now: datetime, reason: str) -> int:
    """Staff has looked: everything the breaker holds goes on, and its count starts again."""
    rules.check_staff(actor, reason)
    Heartbeat.objects.update_or_create(name=planning.CONTINUED, defaults={"finished_at": now})
    return holds.let_go(holds.BREAKER, now=now, note=reason, actor=actor)


def record_paid_by_hand(
    refund_id: int, *, actor: Actor, now: datetime, reference: str, reason: str
) -> Refund:
    """Staff has paid it: the bank's reference closes the refund."""
    refund = _allowed(refund_id, "paid_by_hand", actor, reason, now=now)
    if not reference.strip():
        raise TransitionNotAllowed("details_missing", "Give the reference of the bank transfer.")
    changes = {
        "state": RefundState.SUCCEEDED,
        "provider_refund_id": "",  # an older try of the provider's, that came to nothing
        "reference": reference.strip()[:120],
        "finished_at": now,
        "next_attempt_at": None,
        "hold_reason": "",
        "absent_at": None,
    }
    return _change(refund, "refund_paid_by_hand", changes, actor=actor, now=now, reason=reason)


def fit(refund_id: int, *, actor: Actor, now: datetime, reason: str) -> Refund:
    """Close one that came to nothing, and whose money went back in another way meanwhile: what is
    left of the payment is refunded in its place."""
    refund = _allowed(refund_id, "fit", actor, reason, now=now)
    with transaction.atomic():
        _, payment = reconciling.lock(refund.payment_id)
        left = payment.refundable_minor
        changes = {"state": RefundState.VOID, "next_attempt_at": None}
        closed = _change(refund, "refund_voided", changes, actor=actor, now=now, reason=reason)
        if left >= refund.amount_minor:
            raise TransitionNotAllowed("changed", "This refund has changed while you looked.")
        if left > 0:
            reconciling.again_smaller(closed, left, now=now)
    return closed


def _allowed(
    refund_id: int, verb: StaffVerb, actor: Actor, reason: str, *, now: datetime
) -> Refund:
    """As it was read; `_change` sees to it that it still is so."""
    rules.check_staff(actor, reason)
    refund = Refund.objects.select_related("booking__expert", "payment").get(pk=refund_id)
    if refused := refusal(refund, verb, actor, now):
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
            answers.watch([refund], now=now)
            answers.tell(
                refund, verb, now=now, note=reason, reference=refund.reference, actor=actor
            )
    except IntegrityError as error:
        raise TransitionNotAllowed("bad_amount", RETURNED_OTHERWISE) from error
    return refund


def _waits_for_a_person(refund: Refund) -> bool:
    """The provider does not know it, or refuses it again and again; nobody asks any more."""
    is_left = refund.absent_at is not None and refund.next_attempt_at is None
    return refund.state == RefundState.UNKNOWN and is_left and not refund.hold_reason


def _sleeps(refund: Refund) -> bool:
    """Nobody would ever look at it again. That does not happen; if it did, a person can wake it."""
    return refund.state in IN_HAND and refund.next_attempt_at is None


def _is_missed(refund: Refund) -> bool:
    """Our books say that it was paid, and twice the provider's list did not have it."""
    is_missing = refund.absent_at is not None and refund.alerted_at is not None
    return refund.state == RefundState.SUCCEEDED and is_missing


def tell_of_old(*, now: datetime) -> int:
    """Refunds to be paid by hand that nobody has paid for a day."""
    old = Refund.objects.filter(
        state=RefundState.MANUAL_DUE,
        hold_reason="",
        alerted_at=None,
        created_at__lte=now - timing.BY_HAND_WITHIN,
    )
    told = 0
    for refund in old.select_related("booking").order_by("pk")[:100]:
        try:
            with transaction.atomic():
                if answers.as_read(refund, alerted_at=now):
                    answers.alert(refund, now=now, why="by hand")
                    told += 1
        except Exception:  # the others are told of all the same
            logger.exception("staff could not be told of refund %s", refund.uuid)
    return told
