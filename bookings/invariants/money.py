"""Nobody gets more back than was paid, nothing is sent early, and no refund is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import BigIntegerField, CharField, Exists, F, OuterRef, Q, Sum, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Replace

from bookings.invariants.register import codes, invariant
from bookings.models import (
    NoShowReport,
    Offer,
    Payment,
    Refund,
    RefundState,
    SandboxRefund,
    TimelineEvent,
)
from bookings.models.money import FAILED, IN_HAND, NOT_LIVE

PATIENCE = timedelta(minutes=15)
_LIVE = Coalesce(
    Sum("refunds__amount_minor", filter=~Q(refunds__state__in=NOT_LIVE)),
    0,
    output_field=BigIntegerField(),
)


@invariant("We never send back more than was captured.")
def refunds_within_capture(now: datetime) -> Iterator[str]:
    return codes(Payment.objects.alias(live=_LIVE).filter(live__gt=F("captured_minor")))


@invariant("The reserved amount of a payment is the sum of its live refunds.")
def reserved_is_the_sum(now: datetime) -> Iterator[str]:
    return codes(Payment.objects.alias(live=_LIVE).exclude(live=F("reserved_minor")))


@invariant("What went back with us and without us is at most what was captured, or staff knows.")
def all_returns_within_capture(now: datetime) -> Iterator[str]:
    too_much = Q(captured_minor__lt=F("reserved_minor") + F("returned_external_minor"))
    return codes(Payment.objects.filter(too_much, alerted_at__isnull=True))


@invariant("A refund, its payment, its cause and its booking belong together, in one currency.")
def refund_belongs_to_its_booking(now: datetime) -> Iterator[str]:
    is_apart = (
        ~Q(payment__booking=F("booking"))
        | ~Q(event__booking=F("booking"))
        | ~Q(currency=F("payment__currency"))
        | ~Q(currency=F("booking__currency"))
    )
    return codes(Refund.objects.filter(is_apart))


@invariant("A refund is as large as the event that caused it said.")
def refund_is_as_decided(now: datetime) -> Iterator[str]:
    said = Cast(KeyTextTransform("refund_minor", "event__data"), BigIntegerField())
    return codes(Refund.objects.alias(said=said).exclude(said=F("amount_minor")))


@invariant("Money that an event sends back has its refund.")
def decided_refund_exists(now: datetime) -> Iterator[str]:
    said = Cast(KeyTextTransform("refund_minor", "data"), BigIntegerField())
    return codes(TimelineEvent.objects.alias(said=said).filter(said__gt=0, refund__isnull=True))


@invariant("Nothing sleeps: a refund in hand has a next step soon, a hold or an alert.")
def no_refund_sleeps(now: datetime) -> Iterator[str]:
    asleep = Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lt=now - PATIENCE)
    in_hand = Refund.objects.filter(asleep, state__in=IN_HAND, hold_reason="")
    return codes(in_hand.filter(alerted_at__isnull=True))


@invariant("Staff has been told of every refund that was declined or came back.")
def failed_refund_is_told(now: datetime) -> Iterator[str]:
    return codes(Refund.objects.filter(state__in=FAILED, alerted_at__isnull=True))


@invariant("No automatic refund happens before the full time to answer is over.")
def no_refund_early(now: datetime) -> Iterator[str]:
    closed_in_time = NoShowReport.objects.filter(
        closed_by=OuterRef("pk"), due_at__lte=OuterRef("at")
    )
    events = TimelineEvent.objects.filter(verb="no_answer")
    return codes(events.filter(~Exists(closed_in_time)))


@invariant("No offer lapses before its end.")
def no_offer_lapses_early(now: datetime) -> Iterator[str]:
    closed_in_time = Offer.objects.filter(closed_by=OuterRef("pk"), expires_at__lte=OuterRef("at"))
    events = TimelineEvent.objects.filter(verb="offer_lapsed")
    return codes(events.filter(~Exists(closed_in_time)))


@invariant("The sandbox paid every refund that succeeded with it, once, and no other.")
def sandbox_books_agree(now: datetime) -> Iterator[str]:
    uuid = Replace(Cast(F("uuid"), CharField()), Value("-"), Value(""))
    refunds = Refund.objects.filter(payment__provider="sandbox").alias(hex=uuid)
    paid = SandboxRefund.objects.alias(hex=Replace(F("refund_uuid"), Value("-"), Value(""))).filter(
        hex=OuterRef("hex")
    )
    as_asked = paid.filter(amount_minor=OuterRef("amount_minor"), currency=OuterRef("currency"))
    unpaid = Q(state=RefundState.SUCCEEDED, provider_refund_id__startswith="sbx_") & ~Exists(
        as_asked
    )
    paid_though_not_asked = Q(state__in=[RefundState.VOID, RefundState.DUE], first_sent_at=None)
    return codes(refunds.filter(unpaid | (paid_though_not_asked & Exists(paid))))
