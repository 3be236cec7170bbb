"""Money in (payment), money going back (refund), purchases that are not paid yet, and what
providers tell us. Integer minor units, ISO currency.

The database keeps the cap: a trigger adds up the live refunds of a payment in `reserved_minor`,
and a check constraint holds that sum under what was captured (see `models.guards`).
"""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime

from django.db import models
from django.db.models import F, Q

from bookings.models.booking import Booking, DueQuerySet
from bookings.models.people import (
    NOTHING,
    Clock,
    Expert,
    Service,
    answers_in,
    validate_time_zone,
)


class Provider(models.TextChoices):
    SANDBOX = "sandbox", "Sandbox"
    STRIPE = "stripe", "Stripe"
    RAZORPAY = "razorpay", "Razorpay"
    MANUAL = "manual", "By hand"


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

    objects = DueQuerySet["Payment"].as_manager()

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


FAILED = (RefundState.DECLINED, RefundState.REVERSED)
"""The follower has not got the money, and nothing more happens by itself."""
NOT_LIVE = (*FAILED, RefundState.VOID)
"""Refunds in these states hold no money of the payment."""
IN_HAND = (RefundState.DUE, RefundState.SENDING, RefundState.UNKNOWN, RefundState.ACCEPTED)
"""The worker has a next step for them."""
NEEDS_STAFF = (RefundState.UNKNOWN, *FAILED, RefundState.MANUAL_DUE)
"""A person has to look at them, and at any that is on hold."""


_NEEDS_STAFF = (
    Q(state__in=NEEDS_STAFF)
    | ~Q(hold_reason="")
    | Q(state=RefundState.ACCEPTED, alerted_at__isnull=False)
    | Q(state=RefundState.SUCCEEDED, alerted_at__isnull=False, absent_at__isnull=False)
)
"""The last two: with the bank for too long, and paid by our books but not by the provider's."""


class RefundQuerySet(DueQuerySet["Refund"]):
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


# --- what providers tell us, and purchases --------------------------------------------------------


class ProviderEventQuerySet(DueQuerySet["ProviderEvent"]):
    def over_before(self, instant: datetime) -> ProviderEventQuerySet:
        """Nothing more will be done about these, and they are old."""
        return self.filter(next_attempt_at__isnull=True, received_at__lt=instant)


class ProviderEvent(models.Model):
    """The inbox of webhooks: a signed hint that something happened, each kept once.

    Razorpay does not sign the event's id, so a replay is also known by its body.
    `next_attempt_at` is when it may be worked on (again); empty when it is done or given up.
    """

    provider = models.CharField(max_length=10, choices=Provider)
    event_id = models.CharField(max_length=120)
    body_sha256 = models.CharField(max_length=64)
    kind = models.CharField(max_length=80, help_text="as in: refund.updated")
    body = models.TextField(help_text="as it was signed")
    received_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)

    objects = ProviderEventQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["provider", "event_id"], name="event_of_provider_once"),
            models.UniqueConstraint(fields=["provider", "body_sha256"], name="event_body_once"),
        )
        indexes = (
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=Q(next_attempt_at__isnull=False),
                name="provider_event_next_attempt",
            ),
            models.Index(fields=["received_at"], name="provider_event_received"),
        )

    def __str__(self) -> str:
        return f"{self.provider} {self.kind} {self.event_id}"


class CheckoutState(models.TextChoices):
    OPEN = "open", "Waiting for payment"
    PAID = "paid", "Booked"
    EXPIRED = "expired", "Not paid in time"
    REFUNDED = "refunded", "Paid and refunded"


def new_key() -> str:
    """Names a purchase in the address of its page; nobody can guess it."""
    return secrets.token_urlsafe(24)


class CheckoutQuerySet(DueQuerySet["Checkout"]):
    def holding(self, now: datetime) -> CheckoutQuerySet:
        """They keep their time from being sold to somebody else."""
        return self.filter(state=CheckoutState.OPEN, expires_at__gt=now)

    def to_ask_about(self, now: datetime) -> CheckoutQuerySet:
        """Somebody may have paid, and no webhook has told us."""
        return self.due_by("next_poll_at", now)

    def of_key(self, key: str) -> CheckoutQuerySet:
        return self.filter(key=key)

    def with_expert(self) -> CheckoutQuerySet:
        return self.select_related("expert", "service", "booking")


class Checkout(models.Model):
    """A follower is buying a call: chosen, not paid yet. The price is that of the moment.

    `next_poll_at` is when the provider is asked without anybody having told us anything.
    """

    key = models.CharField(max_length=40, unique=True, default=new_key, editable=False)
    request_key = models.CharField(max_length=64, unique=True, help_text="one form, one checkout")
    expert = models.ForeignKey(Expert, on_delete=models.PROTECT, related_name="checkouts")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="checkouts")
    name = models.CharField(max_length=80)
    email = models.EmailField("e-mail address")
    time_zone = models.CharField(max_length=64, validators=[validate_time_zone])
    clock = models.CharField(max_length=2, choices=Clock, default=Clock.TWENTY_FOUR)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    place = models.CharField(max_length=300, blank=True, default="", db_default="")
    answers = models.JSONField(default=list, blank=True, db_default=NOTHING)
    price_minor = models.PositiveBigIntegerField(help_text="minor units of the currency")
    currency = models.CharField(max_length=3)

    provider = models.CharField(max_length=10, choices=Provider, blank=True)
    provider_ref = models.CharField(max_length=120, blank=True, help_text="its session or order")
    pay_url = models.CharField(max_length=2000, blank=True, help_text="the page to pay on")
    state = models.CharField(max_length=10, choices=CheckoutState, default=CheckoutState.OPEN)
    booking = models.OneToOneField(
        Booking, null=True, blank=True, on_delete=models.PROTECT, related_name="checkout"
    )
    expires_at = models.DateTimeField(help_text="until then the time is kept")
    next_poll_at = models.DateTimeField(null=True, blank=True)
    polls = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()

    objects = CheckoutQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["expert", "starts_at"],
                condition=Q(state="open"),
                name="checkout_holds_a_time_once",
            ),
            models.UniqueConstraint(
                fields=["provider", "provider_ref"],
                condition=~Q(provider_ref=""),
                name="checkout_provider_ref_once",
            ),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="checkout_ends"),
            models.CheckConstraint(
                condition=Q(state__in=CheckoutState.values), name="checkout_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["paid", "refunded"], booking__isnull=False)
                | Q(state__in=["open", "expired"], booking__isnull=True),
                name="checkout_paid_has_a_booking",
            ),
        )
        indexes = (
            models.Index(
                fields=["created_at"],
                condition=Q(state="expired"),
                name="checkout_expired",
            ),
            models.Index(
                fields=["next_poll_at", "id"],
                condition=Q(next_poll_at__isnull=False),
                name="checkout_next_poll",
            ),
        )

    def __str__(self) -> str:
        return f"{self.service}: {self.get_state_display()}"

    @property
    def answered(self) -> list[tuple[str, str]]:
        return answers_in(self.answers)

    @property
    def duration_minutes(self) -> int:
        return int((self.ends_at - self.starts_at).total_seconds() // 60)
