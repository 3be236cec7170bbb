"""What people said about a call: reports, offers, marks, contests, and the links they act from."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models
from django.db.models import Q

from bookings.models.booking import Booking


class Said(models.Model):
    """What somebody said about a call, with the line of the timeline that says so."""

    made_by = models.ForeignKey(
        "bookings.TimelineEvent", on_delete=models.PROTECT, related_name="made_%(class)s_set"
    )

    class Meta:
        abstract = True


class Closable(Said):
    """Open until another line of the timeline closes it."""

    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        "bookings.TimelineEvent",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="closed_%(class)s_set",
    )

    class Meta:
        abstract = True


class NoShowReport(Closable):
    """The follower says the call did not happen; opens a case and starts the 72-hour clock."""

    class Reason(models.TextChoices):
        EXPERT_ABSENT = "expert_absent", "Nobody joined the call"
        NO_ACCESS = "no_access", "The link or the room did not work"
        CUT_SHORT = "cut_short", "The call was cut short"
        OTHER = "other", "Something else"

    class Outcome(models.TextChoices):
        OPEN = "open"
        WITHDRAWN = "withdrawn"
        RESCHEDULED = "rescheduled"
        COMPLETED = "completed"
        REFUNDED = "refunded"

    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="reports")
    attempt = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=20, choices=Reason)
    text = models.CharField(max_length=1000, blank=True)
    reported_at = models.DateTimeField()
    due_at = models.DateTimeField()
    outcome = models.CharField(max_length=12, choices=Outcome, default=Outcome.OPEN)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["booking"], condition=Q(outcome="open"), name="report_one_open"
            ),
        )

    def __str__(self) -> str:
        return f"{self.booking}: {self.get_reason_display()}"


class Offer(Closable):
    """The expert's invitation to pick a new time; a private link by e-mail."""

    class Mode(models.TextChoices):
        AVAILABILITY = "availability", "My availability"
        LISTED = "listed", "Only times I suggest"

    class Outcome(models.TextChoices):
        OPEN = "open"
        PICKED = "picked"
        WITHDRAWN = "withdrawn"
        UNDONE = "undone"
        LAPSED = "lapsed"
        CLOSED = "closed"

    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="offers")
    attempt = models.PositiveSmallIntegerField()
    mode = models.CharField(max_length=12, choices=Mode, default=Mode.AVAILABILITY)
    note = models.CharField(max_length=1000, blank=True)
    is_after_report = models.BooleanField()
    offered_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    outcome = models.CharField(max_length=12, choices=Outcome, default=Outcome.OPEN)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["booking"], condition=Q(outcome="open"), name="offer_one_open"
            ),
        )

    def __str__(self) -> str:
        return f"{self.booking}: {self.get_mode_display()}"


class OfferedSlot(models.Model):
    """A start time the expert listed by hand."""

    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="slots")
    starts_at = models.DateTimeField()

    class Meta:
        ordering = ("starts_at",)
        constraints = (
            models.UniqueConstraint(fields=["offer", "starts_at"], name="offered_slot_once"),
        )

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d %H:%M} UTC"


class CompletionMark(Said):
    """The expert says the call was held, where and when, or that the follower did not come."""

    class Outcome(models.TextChoices):
        HELD_HERE = "held_here", "Held here, as planned"
        HELD_ELSEWHERE = "held_elsewhere", "Held elsewhere"
        FOLLOWER_ABSENT = "follower_absent", "The follower did not come"

    class Channel(models.TextChoices):
        PLANNED = "planned", "In the planned room"
        VIDEO = "video", "Zoom, Meet or another video call"
        PHONE = "phone", "Phone"
        IN_PERSON = "in_person", "In person"
        OTHER = "other", "Somewhere else"

    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="marks")
    attempt = models.PositiveSmallIntegerField()
    outcome = models.CharField(max_length=20, choices=Outcome)
    channel = models.CharField(max_length=20, choices=Channel, blank=True)
    held_at = models.DateTimeField(null=True, blank=True)
    minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    note = models.CharField(max_length=1000, blank=True)
    marked_at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.booking}: {self.get_outcome_display()}"


class Contest(models.Model):
    """The follower says the mark is wrong. Once per call; staff decides."""

    class Decision(models.TextChoices):
        COMPLETED = "completed", "The call took place"
        REFUNDED = "refunded", "Refunded"

    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="contests")
    attempt = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=2000)
    contested_at = models.DateTimeField()
    decision = models.CharField(max_length=12, choices=Decision, blank=True)
    decision_reason = models.CharField(max_length=2000, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["booking", "attempt"], name="contest_once_per_call"),
        )

    def __str__(self) -> str:
        return f"{self.booking}: contested"


def new_link_key() -> str:
    """192 random bits; the token in the mail is this key, signed."""
    return secrets.token_urlsafe(24)


class PrivateLink(models.Model):
    """A follower's way to one purpose of one booking. The token itself is never stored."""

    class Purpose(models.TextChoices):
        PICK = "pick", "pick a new time"
        REPORT = "report", "report a no-show"
        CONTEST = "contest", "contest a mark"
        STATUS = "status", "see where the booking stands"

    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="links")
    purpose = models.CharField(max_length=10, choices=Purpose)
    key = models.CharField(max_length=40, unique=True, default=new_link_key, editable=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    superseded_at = models.DateTimeField(null=True, blank=True)
    made_by = models.ForeignKey(
        "bookings.TimelineEvent",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="made_links",
    )
    superseded_by = models.ForeignKey(
        "bookings.TimelineEvent",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="superseded_links",
    )

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["booking", "purpose"],
                condition=Q(superseded_at__isnull=True),
                name="link_one_current_per_purpose",
            ),
        )

    def __str__(self) -> str:
        return f"{self.booking}: {self.get_purpose_display()}"
