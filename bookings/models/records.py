"""What is written down for good: timeline, outgoing e-mails, heartbeats, feedback, support."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from bookings.models.booking import Booking, DueQuerySet
from bookings.models.people import Expert
from bookings.states import ActorKind


class TimelineEvent(models.Model):
    """One line of a booking's history. Appended, never changed (a database trigger), but for words
    that are erased with the person who is meant. The table has four more columns, which only the
    database writes: see `history_chain`."""

    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="events")
    verb = models.CharField(max_length=40)
    from_state = models.CharField(max_length=20, blank=True)
    to_state = models.CharField(max_length=20, blank=True)
    actor_kind = models.CharField(max_length=10, choices=ActorKind)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    note = models.CharField(max_length=2000, blank=True)
    data = models.JSONField(default=dict, blank=True)
    request_key = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=["booking", "id"], name="event_by_booking"),)
        constraints = (
            models.UniqueConstraint(
                fields=["booking", "request_key"],
                condition=~Q(request_key=""),
                name="event_form_acts_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.booking_id}: {self.verb}"


class HistoryHead(models.Model):
    """How many events a booking's history has, and the hash of the last one. Written by a trigger,
    see `history_chain`."""

    booking = models.OneToOneField(
        Booking,
        primary_key=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
        editable=False,
    )
    length = models.PositiveIntegerField()
    chain_hash = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.booking_id}: {self.length} events"


class OutboxState(models.TextChoices):
    QUEUED = "queued", "Queued"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    CANCELLED = "cancelled", "Not needed any more"
    FAILED = "failed", "Failed"


class OutboxEmail(models.Model):
    """An e-mail to be sent, written in the transaction that caused it.

    Holds no text: it is rendered when it is sent, from the state of that moment.
    `next_attempt_at` is when it may be sent (again); empty once sent, cancelled or given up.
    """

    class Audience(models.TextChoices):
        FOLLOWER = "follower"
        EXPERT = "expert"
        STAFF = "staff"

    kind = models.CharField(max_length=40)
    audience = models.CharField(max_length=10, choices=Audience)
    booking = models.ForeignKey(
        Booking, null=True, blank=True, on_delete=models.PROTECT, related_name="emails"
    )
    event = models.ForeignKey(
        TimelineEvent, null=True, blank=True, on_delete=models.PROTECT, related_name="emails"
    )
    facts = models.JSONField(default=dict, blank=True, help_text="what the text needs besides")
    dedupe_key = models.CharField(max_length=120, unique=True)
    message_id = models.CharField(max_length=120, unique=True)

    state = models.CharField(max_length=10, choices=OutboxState, default=OutboxState.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = DueQuerySet["OutboxEmail"].as_manager()

    class Meta:
        verbose_name = "outgoing e-mail"
        indexes = (
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=Q(next_attempt_at__isnull=False),
                name="outbox_next_attempt",
            ),
            models.Index(fields=["id"], condition=Q(state="failed"), name="outbox_given_up"),
            models.Index(
                fields=["created_at"],
                condition=Q(kind="password_reset"),
                name="outbox_password_resets",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} to {self.audience}"


class StoredMessage(models.Model):
    """An e-mail the demo inbox keeps instead of sending it."""

    to = models.CharField(max_length=300, db_index=True)
    sender = models.CharField(max_length=300)
    subject = models.CharField(max_length=300)
    text = models.TextField()
    html = models.TextField(blank=True)
    calendar = models.TextField(blank=True)
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.to}: {self.subject}"


class Heartbeat(models.Model):
    """Written by a job that finished; silence is the alarm."""

    name = models.CharField(max_length=40, unique=True)
    finished_at = models.DateTimeField()
    counts = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.name}: {self.finished_at:%Y-%m-%d %H:%M:%S}"


class SetAside(models.Model):
    """A booking with which the sweep could not do what was due: left out, so that it neither
    stops nor slows the others, and tried again alone. Gone when that has worked."""

    class Step(models.TextChoices):
        DEADLINE = "deadline_at", "What its deadline asks for"
        REMINDER = "next_reminder_at", "A reminder"

    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="set_aside")
    step = models.CharField(max_length=20, choices=Step, help_text="the column it was due by")
    attempts = models.PositiveIntegerField(default=1)
    since = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    last_error = models.CharField(max_length=500)

    objects = DueQuerySet["SetAside"].as_manager()

    class Meta:
        verbose_name_plural = "bookings set aside"
        constraints = (models.UniqueConstraint(fields=["booking", "step"], name="set_aside_once"),)

    def __str__(self) -> str:
        return f"{self.booking}: {self.get_step_display()}"


class HelpFeedback(models.Model):
    """Was this article helpful?"""

    article = models.SlugField()
    is_helpful = models.BooleanField()
    comment = models.CharField(max_length=2000, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "help feedback"

    def __str__(self) -> str:
        return f"{self.article}: {'yes' if self.is_helpful else 'no'}"


class SupportRequest(models.Model):
    """An expert asks staff for help; answered by e-mail."""

    expert = models.ForeignKey(Expert, on_delete=models.PROTECT, related_name="support_requests")
    booking = models.ForeignKey(
        Booking, null=True, blank=True, on_delete=models.PROTECT, related_name="support_requests"
    )
    subject = models.CharField(max_length=120)
    message = models.TextField(max_length=5000)
    answer = models.TextField(max_length=5000, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    answered_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.subject
