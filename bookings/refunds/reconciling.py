"""Bring our rows in line with the provider's list of one payment's refunds.

Webhooks, the nightly comparison and `manage.py reconcile` all come here, so that order,
duplicates and losses of events make no difference. Refunds made without us, in the provider's
dashboard or through a lost dispute, are added up on the payment, and our unsent refunds give way
to them.
"""

from __future__ import annotations

import logging
import math
import time
import uuid
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from bookings import clocks, emails, timeline
from bookings.gateways import (
    Answer,
    Dispute,
    DisputeStatus,
    Gateway,
    ListedRefund,
    Status,
    gateway_of,
    is_counted_alike,
)
from bookings.gateways.port import find_in
from bookings.models import Booking, Payment, Refund, RefundState
from bookings.models.money import NOT_LIVE
from bookings.refunds import holds, timing
from bookings.refunds.answers import as_read, record, tell
from bookings.refunds.planning import Wanted, plan, to_look_for
from bookings.states import SYSTEM

logger = logging.getLogger(__name__)

ASK_AGAIN = timedelta(hours=1)
"""A payment that could not be asked about does not keep the others waiting."""
_RANK = {RefundState.ACCEPTED: 1, RefundState.SUCCEEDED: 2, RefundState.REVERSED: 3}


def refetch(payment_id: int, *, now: datetime) -> int:
    """How many rows changed. Raises when the provider could not be asked."""
    payment = Payment.objects.get(pk=payment_id)
    gateway = gateway_of(payment.provider)
    if gateway is None:
        return 0
    # Read before the provider is asked: a row that changes meanwhile is left to who changed it.
    rows = list(payment.refunds.select_related("payment", "booking").order_by("pk"))
    listed = gateway.list_refunds(payment.provider_ref, now=now)
    changed = sum(_align(refund, listed, now=now) for refund in rows)
    if not is_counted_alike(payment.provider, payment.currency):
        return changed  # amounts that cannot be added to ours: a person compares them
    return changed + settle(payment_id, listed, now=now)


def reconcile(
    payment_ids: list[int], *, now: datetime, seconds: float = math.inf
) -> tuple[int, int]:
    """Compare these payments; how many rows changed, and how many could not be compared.

    None is begun after `seconds`: a provider may be silent.
    """
    changed = failed = 0
    ends = time.monotonic() + seconds
    for pk in payment_ids:
        if time.monotonic() > ends:
            break
        try:
            changed += refetch(pk, now=now)
        except Exception as error:  # one that cannot be asked about must not stop the others
            logger.warning("payment %s not compared (%s: %s)", pk, type(error).__name__, error)
            failed += 1
            _set_next_compare(pk, now=now, sooner=ASK_AGAIN)
        else:
            _set_next_compare(pk, now=now)
    return changed, failed


def _set_next_compare(payment_id: int, *, now: datetime, sooner: timedelta | None = None) -> None:
    """While a refund is on its way, and for a week after the last thing that happened."""
    with transaction.atomic():
        payment = Payment.objects.select_for_update(no_key=True).get(pk=payment_id)
        moments = [payment.paid_at]
        for refund in payment.refunds.all():
            if refund.state == RefundState.SUCCEEDED and refund.absent_at and not refund.alerted_at:
                sooner = sooner or timing.SECOND_LOOK
                moments.append(now)
            is_over = refund.state == RefundState.VOID
            moments.append(refund.finished_at or (refund.created_at if is_over else now))
        again_at = clocks.next_compare_at(max(moments), now=now)
        payment.next_compare_at = clocks.after(now, sooner) if again_at and sooner else again_at
        payment.save(update_fields=["next_compare_at"])


def _align(refund: Refund, listed: list[ListedRefund], *, now: datetime) -> bool:
    if is_paid_by_hand(refund):
        return False
    answer = find_in(listed, to_look_for(refund))
    if answer is None:
        return _missed(refund, now=now)
    if refund.state == RefundState.SUCCEEDED and refund.absent_at is not None:
        as_read(refund, absent_at=None, alerted_at=None)
    if answer.status == Status.UNKNOWN or not _is_news(refund, answer):
        return False
    try:
        return record(refund, answer, now=now)
    except IntegrityError:  # the cap: other money has taken its place, see `settle`
        logger.exception("refund %s lives at the provider, but not here", refund.uuid)
        return False


def _is_news(refund: Refund, answer: Answer) -> bool:
    """Never back from the bank to the provider; a late failure is always news."""
    state = RefundState(answer.status.value)
    if refund.state in (RefundState.DECLINED, RefundState.VOID):
        return state != RefundState.REVERSED
    if state == refund.state:
        return bool(answer.reference and not refund.reference)
    return _RANK[state] > _RANK.get(RefundState(refund.state), 0) or (
        refund.state == RefundState.REVERSED and state == RefundState.SUCCEEDED
    )


def _missed(refund: Refund, *, now: datetime) -> bool:
    """We say it was paid, the provider does not know it: staff must look. Not after a first look:
    a list may be behind, and the next one may have it."""
    is_missed = refund.state == RefundState.SUCCEEDED and refund.provider_refund_id
    if not is_missed or (refund.absent_at is not None and refund.alerted_at is not None):
        return False
    if refund.absent_at is None:
        again_at = clocks.after(now, timing.SECOND_LOOK)
        Payment.objects.filter(pk=refund.payment_id).update(next_compare_at=again_at)
        return as_read(refund, absent_at=now, alerted_at=None)
    if now - refund.absent_at < timing.SECOND_LOOK:
        return False
    with transaction.atomic():
        if changed := as_read(refund, alerted_at=now):
            tell_staff(refund.booking, now=now, why=f"{refund.uuid} not listed")
    return changed


# --- what went back without us, and what that leaves for our refunds ------------------------------

LISTS_LOST_ONES = ("razorpay",)
"""Providers that list a lost dispute as a refund, sooner or later. It is counted at once all the
same, and only once: nothing may be sent meanwhile."""


def settle(payment_id: int, listed: list[ListedRefund], *, now: datetime) -> int:
    """Write down what went back without us, and make our unsent refunds fit what is left."""
    with transaction.atomic():
        rows, payment = lock(payment_id)
        if payment.reconciled_at and payment.reconciled_at > now:
            return 0  # a later list has been read already
        external = external_minor(payment, listed, rows)
        more = external - payment.returned_external_minor
        Payment.objects.filter(pk=payment_id).update(
            reconciled_at=now, returned_external_minor=external
        )
        payment.returned_external_minor = external
        lost = _lost_ones(listed, rows)
        if more > 0:
            names = {holds.LOST_ONES: lost} if lost else {}
            note(payment, "returned_elsewhere", more, now=now, **names)
        if more < 0 and _has_failed(listed, rows):
            note(payment, "came_back_elsewhere", -more, now=now)
            tell_staff(payment.booking, now=now, why=f"{-more} came back, {external} left outside")
        voided = make_room(payment, rows, now=now) if more else 0
        if more > 0 and lost:
            hold_unsent(payment_id, holds.LOST, instead_of=("", holds.RESTORE), now=now)
        tell_if_too_much(payment, now=now)
    return voided + bool(more)


def lock(payment_id: int) -> tuple[list[Refund], Payment]:
    """Refunds before their payment, in the order in which the triggers lock them."""
    rows = _lock_refunds(payment_id)
    return rows, Payment.objects.select_for_update(no_key=True).get(pk=payment_id)


def _lock_refunds(payment_id: int) -> list[Refund]:
    rows = Refund.objects.select_for_update(no_key=True, of=("self",)).filter(payment=payment_id)
    return list(rows.select_related("booking", "payment").order_by("pk"))


def external_minor(payment: Payment, listed: list[ListedRefund], rows: list[Refund]) -> int:
    """All that is listed and is not the one entry of a live refund of ours, and what a lost
    dispute took, unless that is one of the entries."""
    ours = {row.uuid.hex for row in rows if row.state not in NOT_LIVE and not is_paid_by_hand(row)}
    amounts = []
    for entry in listed:
        if not entry.is_live:
            continue
        if (name := _hex(entry.refund_uuid)) in ours:
            ours.discard(name)
        else:
            amounts.append(entry.amount_minor)
    lost = payment.dispute_lost_minor
    is_listed = payment.provider in LISTS_LOST_ONES and lost in amounts
    return sum(amounts) + (0 if is_listed else lost)


def _lost_ones(listed: list[ListedRefund], rows: list[Refund]) -> list[str]:
    """Refunds that this site has made and does not know: the database is older than they are."""
    known = {row.uuid.hex for row in rows}
    marked = [entry for entry in listed if entry.is_live and _hex(entry.refund_uuid)]
    return [e.provider_refund_id for e in marked if _hex(e.refund_uuid) not in known]


def _has_failed(listed: list[ListedRefund], rows: list[Refund]) -> bool:
    """A refund that was made without us came to nothing."""
    ours = {row.uuid.hex for row in rows}
    return any(not entry.is_live and _hex(entry.refund_uuid) not in ours for entry in listed)


def _hex(text: str) -> str:
    try:
        return uuid.UUID(text).hex
    except ValueError:  # written by somebody else
        return ""


def note(
    payment: Payment, verb: str, amount_minor: int, *, now: datetime, **more: list[str]
) -> None:
    """One line in the booking's history about its payment."""
    data = {"amount_minor": amount_minor, "currency": payment.currency, **more}
    timeline.append(payment.booking, verb, actor=SYSTEM, at=now, data=data)


def make_room(payment: Payment, rows: list[Refund], *, now: datetime) -> int:
    """Refunds that nobody has sent give way to money that has gone: they shrink or are void."""
    unsent = [row for row in rows if _is_unsent(row)]
    sent = sum(row.amount_minor for row in rows if row.state not in NOT_LIVE and row not in unsent)
    room = payment.captured_minor - payment.returned_external_minor - sent
    voided = 0
    for row in unsent:
        if row.amount_minor > room and as_read(row, state=RefundState.VOID, next_attempt_at=None):
            tell(row, "refund_voided", now=now)
            if room > 0:
                again_smaller(row, room, now=now)
            room, voided = 0, voided + 1
        else:
            room -= row.amount_minor
    return voided


def hold_unsent(
    payment_id: int, reason: str, *, now: datetime, instead_of: tuple[str, ...] = ("",)
) -> None:
    """What nobody has sent waits for a person; a hold for any other reason stays as it is."""
    for row in _lock_refunds(payment_id):
        if _is_unsent(row) and row.hold_reason in instead_of:
            holds.hold(row, reason, now=now)


def _is_unsent(refund: Refund) -> bool:
    waits = refund.state in (RefundState.DUE, RefundState.MANUAL_DUE)
    return waits and refund.first_sent_at is None


def again_smaller(refund: Refund, amount_minor: int, *, now: datetime) -> None:
    """The amount of a refund never changes, so a smaller one takes its place."""
    event = timeline.append(
        refund.booking,
        "refund_reduced",
        actor=SYSTEM,
        at=now,
        data={"refund_minor": amount_minor, "currency": refund.currency},
    )
    plan(
        Wanted(refund.payment, refund.booking, event, amount_minor),
        now=now,
        not_before=refund.next_attempt_at or now,
        hold_reason=refund.hold_reason,
    ).save(force_insert=True)


def tell_if_too_much(payment: Payment, *, now: datetime) -> None:
    """More went back than came in: nobody can undo that but a person."""
    fresh = Payment.objects.select_related("booking").get(pk=payment.pk)
    if fresh.captured_minor >= fresh.reserved_minor + fresh.returned_external_minor:
        Payment.objects.filter(pk=payment.pk).exclude(alerted_at=None).update(alerted_at=None)
    elif Payment.objects.filter(pk=payment.pk, alerted_at=None).update(alerted_at=now):
        too_much = fresh.reserved_minor + fresh.returned_external_minor
        tell_staff(fresh.booking, now=now, why=f"{too_much} returned")


def tell_staff(booking: Booking, *, now: datetime, why: str) -> None:
    emails.queue("staff_money_differs", booking=booking, now=now, dedupe=why)


def is_paid_by_hand(refund: Refund) -> bool:
    return refund.state == RefundState.SUCCEEDED and not refund.provider_refund_id


# --- bank disputes: unsent refunds wait while one is open; money lost to it has gone back ---------


def hear_of_dispute(
    payment_id: int, dispute_id: str, *, may_take_money: bool, now: datetime
) -> bool:
    """Ask about a dispute that an event names, and write down what it does to the refunds.

    False when that is known already. Raises when the provider could not be asked; what is unsent
    waits then all the same, as that costs nothing.
    """
    payment = Payment.objects.get(pk=payment_id)
    gateway = gateway_of(payment.provider)
    if gateway is None:
        return False
    try:
        found = _ask(gateway, payment, dispute_id)
        # One that has ended may be followed by another. Asked again, so that it is not an
        # answer from before the end.
        ended = Payment.objects.filter(pk=payment_id, dispute_ended_at__isnull=False)
        is_another = bool(found and found.status == "open" and ended.exists())
        if is_another:
            found = _ask(gateway, payment, dispute_id)
        is_lost = bool(found and found.status == "lost")
        listed = gateway.list_refunds(payment.provider_ref, now=now) if is_lost else None
    except Exception:
        if may_take_money:
            disputed(payment_id, status="open", now=now)
        raise
    if found is None:
        return False
    return disputed(
        payment_id,
        status=found.status,
        amount_minor=found.amount_minor,
        listed=listed,
        is_another=is_another,
        now=now,
    )


def _ask(gateway: Gateway, payment: Payment, dispute_id: str) -> Dispute | None:
    """None for a dispute of some other payment."""
    found = gateway.fetch_dispute(dispute_id, currency=payment.currency)
    return found if found and payment.provider_ref in found.payment_refs else None


def disputed(
    payment_id: int,
    *,
    status: DisputeStatus,
    now: datetime,
    amount_minor: int | None = None,
    listed: list[ListedRefund] | None = None,
    is_another: bool = False,
) -> bool:
    """What the provider says of the dispute now; False when that is known already.

    `listed` are all refunds of the payment, among them perhaps what a lost dispute took. A
    dispute that has ended does not open again, unless it is certainly another one; that one is
    for a person to close.
    """
    with transaction.atomic():
        rows, payment = lock(payment_id)
        is_first = payment.dispute_ended_at is None
        # A dispute is about the whole payment unless the provider says otherwise.
        whole = payment.captured_minor if amount_minor is None else amount_minor
        lost = whole if status == "lost" else 0
        if status == "open":
            is_news = not payment.is_disputed and (is_first or is_another)
        else:
            is_news = is_first or lost > payment.dispute_lost_minor
        if not is_news:
            return False
        if status == "open":
            payment.is_disputed = True
        else:
            payment.is_disputed = payment.is_disputed and not is_first
            payment.dispute_ended_at = now
        if status == "lost":
            _count_lost(payment, lost, rows, listed)
        payment.save(
            update_fields=[
                "is_disputed", "dispute_ended_at", "dispute_lost_minor", "returned_external_minor",
            ]
        )  # fmt: skip
        verb = {"open": "dispute_opened", "won": "dispute_won", "lost": "dispute_lost"}[status]
        note(payment, verb, payment.dispute_lost_minor, now=now)
        if status == "lost":
            make_room(payment, rows, now=now)
            tell_if_too_much(payment, now=now)
            tell_staff(payment.booking, now=now, why=f"dispute lost, {lost}")
        if _waits(payment, status):
            hold_unsent(payment_id, holds.DISPUTE, now=now)
        elif is_first:
            holds.let_go(holds.DISPUTE, now=now, note=f"Dispute {status}.", payment_id=payment_id)
    return True


def _count_lost(
    payment: Payment, lost: int, rows: list[Refund], listed: list[ListedRefund] | None
) -> None:
    more = max(0, lost - payment.dispute_lost_minor)
    payment.dispute_lost_minor += more
    if listed is None:
        payment.returned_external_minor += more
    else:
        payment.returned_external_minor = external_minor(payment, listed, rows)


def _waits(payment: Payment, status: DisputeStatus) -> bool:
    """Whether what is unsent and still fits is for a person to let go: while a dispute is open,
    and where it cannot be told for certain which entry of a list a lost one is."""
    return status == "open" or (status == "lost" and payment.provider in LISTS_LOST_ONES)
