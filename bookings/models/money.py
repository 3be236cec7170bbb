"""Money in (payment) and money going back (refund). Integer minor units, ISO currency.

The database keeps the cap: a trigger adds up the live refunds of a payment in `reserved_minor`,
and a check constraint holds that sum under what was captured (see `models.guards`).
"""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import models
from django.db.models import F, Q

from bookings.models.booking import Booking
from bookings.models.due import DueQuerySet


class Provider(models.TextChoices):
    SANDBOX = "sandbox", "Sandbox"
    STRIPE = "stripe", "Stripe"
    RAZORPAY = "razorpay", "Razorpay"
    MANUAL = "manual", "By hand"


class PaymentQuerySet(DueQuerySet["Payment"]):
    def to_compare(self, now: datetime) -> PaymentQuerySet:
        """With their provider's books."""
        return self.due_by("next_compare_at", now)


class Payment(models.Model):
    """What a follower paid for a booking, once. A free call has none."""

    booking = models.OneToOneField(Booking, on_delete=models.PROTECT, related_name="payment")
    provider = models.CharField(max_length=10, choices=Provider)
    provider_ref = models.CharField(max_length=120, help_text="the provider's payment id")
    method = models.CharField(max_length=60, blank=True, help_text="as in: Visa ending 4242")
    currency = models.CharField(max_length=3)
    captured_minor = models.PositiveBigIntegerField()
    reserved_minor = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="sum of our live refunds; written by a trigger"
    )
    returned_external_minor = models.PositiveBigIntegerField(
        default=0, help_text="returned by the provider or a bank without us"
    )
    is_disputed = models.BooleanField(default=False, help_text="an open bank dispute")
    dispute_ended_at = models.DateTimeField(null=True, blank=True)
    dispute_lost_minor = models.PositiveBigIntegerField(
        default=0, help_text="part of the returned amount that is in no list of refunds"
    )
    reconciled_at = models.DateTimeField(
        null=True, blank=True, help_text="when it was last compared with the provider's books"
    )
    next_compare_at = models.DateTimeField(
        null=True, blank=True, help_text="when it is compared with them next"
    )
    alerted_at = models.DateTimeField(
        null=True, blank=True, help_text="staff knows that more went back than came in"
    )
    paid_at = models.DateTimeField()

    objects = PaymentQuerySet.as_manager()

    class Meta:
        indexes = (
            models.Index(
                fields=["next_compare_at", "id"],
                condition=Q(next_compare_at__isnull=False),
                name="payment_next_compare",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["provider", "provider_ref"], name="payment_provider_ref_once"
            ),
            models.CheckConstraint(
                condition=Q(reserved_minor__lte=F("captured_minor")), name="payment_refund_cap"
            ),
        )

    def __str__(self) -> str:
        return f"{self.provider} {self.provider_ref}"

    @property
    def refundable_minor(self) -> int:
        """Everything captured minus what went back, or is going back, already."""
        return max(0, self.captured_minor - self.reserved_minor - self.returned_external_minor)


class RefundState(models.TextChoices):
    DUE = "due", "Due"
    SENDING = "sending", "Sending"
    ACCEPTED = "accepted", "With the bank"
    SUCCEEDED = "succeeded", "Refunded"
    UNKNOWN = "unknown", "No answer yet"
    DECLINED = "declined", "Declined"
    REVERSED = "reversed", "Sent back"
    MANUAL_DUE = "manual_due", "To be paid by hand"
    VOID = "void", "Undone"


NOT_LIVE = ("declined", "reversed", "void")
"""Refunds in these states hold no money of the payment."""


_NEEDS_STAFF = (
    Q(state__in=["unknown", "declined", "reversed", "manual_due"])
    | ~Q(hold_reason="")
    | Q(state="accepted", alerted_at__isnull=False)
    | Q(state="succeeded", alerted_at__isnull=False, absent_at__isnull=False)
)
"""The last two: with the bank for too long, and paid by our books but not by the provider's."""


class RefundQuerySet(DueQuerySet["Refund"]):
    def to_drive(self, now: datetime) -> RefundQuerySet:
        """With a next step that is due now and no hold."""
        return self.due_by("next_attempt_at", now)

    def needing_staff(self) -> RefundQuerySet:
        return self.filter(_NEEDS_STAFF)


class Refund(models.Model):
    """Money going back, with a life of its own. A failed refund never rewinds a booking.

    `next_attempt_at` is when the next provider call is due; empty on hold and in final states.
    """

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="refunds")
    event = models.OneToOneField(
        "bookings.TimelineEvent",
        on_delete=models.PROTECT,
        related_name="refund",
        help_text="the change of state that caused it: one refund per cause",
    )
    amount_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=12, choices=RefundState, default=RefundState.DUE)
    hold_reason = models.CharField(max_length=200, blank=True)

    epoch = models.PositiveSmallIntegerField(default=1)
    request = models.JSONField(default=dict, help_text="frozen body of the provider call")
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    first_sent_at = models.DateTimeField(null=True, blank=True)
    stored_failure_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="since when the provider answers this key with its own error, or with no",
    )
    absent_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="since when the provider does not know it, and a person may decide",
    )

    provider_refund_id = models.CharField(max_length=120, blank=True)
    reference = models.CharField(max_length=120, blank=True, help_text="the bank's reference")
    last_answer = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    alerted_at = models.DateTimeField(null=True, blank=True)

    objects = RefundQuerySet.as_manager()

    class Meta:
        indexes = (
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=Q(next_attempt_at__isnull=False),
                name="refund_next_attempt",
            ),
            models.Index(fields=["created_at"], name="refund_created"),
            models.Index(
                fields=["created_at"],
                condition=Q(state="manual_due", alerted_at__isnull=True),
                name="refund_by_hand",
            ),
            models.Index(fields=["id"], condition=_NEEDS_STAFF, name="refund_needs_staff"),
        )
        constraints = (
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="refund_of_something"),
            models.CheckConstraint(
                condition=Q(state__in=RefundState.values), name="refund_state_is_known"
            ),
            models.UniqueConstraint(
                fields=["provider_refund_id", "payment"],
                condition=~Q(provider_refund_id=""),
                name="refund_provider_id_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.booking}: {self.amount_minor} {self.currency} {self.state}"

    @property
    def idempotency_key(self) -> str:
        """Legal for every provider: 10 to 255 characters of letters, digits, - and _."""
        return f"rf_{self.uuid.hex}_{self.epoch}"


class SandboxRefund(models.Model):
    """The sandbox provider's own books: what it was asked and what it paid, per key."""

    idempotency_key = models.CharField(max_length=255, unique=True)
    refund_uuid = models.CharField(max_length=36, db_index=True)
    payment_ref = models.CharField(max_length=120)
    amount_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=12)
    settles_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.payment_ref}: {self.amount_minor} {self.currency} {self.status}"
