"""What providers tell us, and purchases that are not paid yet."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.db import models
from django.db.models import F, Q

from bookings.models.booking import Booking
from bookings.models.due import DueQuerySet
from bookings.models.money import Provider
from bookings.models.people import Clock, Expert, validate_time_zone
from bookings.models.schedule import Service


class ProviderEventQuerySet(DueQuerySet["ProviderEvent"]):
    def due(self, now: datetime) -> ProviderEventQuerySet:
        return self.due_by("next_attempt_at", now)

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
    def duration_minutes(self) -> int:
        return int((self.ends_at - self.starts_at).total_seconds() // 60)
