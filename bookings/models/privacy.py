"""What staff did, and what is done with a person's data."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from bookings.models.booking import Booking
from bookings.models.people import Expert, Follower


class StaffAct(models.Model):
    """One line of what staff did: who, when, what, about whom, and why. Appended, never changed
    (a database trigger), but for words that are erased with the person they name."""

    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="empty for what was done on the command line",
    )
    what = models.CharField(max_length=200)
    reason = models.CharField(max_length=2000, blank=True)
    about = models.CharField(max_length=300, blank=True)
    booking = models.ForeignKey(
        Booking, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    expert = models.ForeignKey(
        Expert, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    follower = models.ForeignKey(
        Follower, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    changes = models.JSONField(default=list, blank=True, help_text="[what, before, after] each")

    class Meta:
        verbose_name_plural = "what staff did"

    def __str__(self) -> str:
        return self.what


class Erasure(models.Model):
    """The data of a follower is erased. A row is finished by whoever comes next: another try, or
    the sweep. `wanted` is what has to be looked for, and is emptied at the end."""

    follower = models.OneToOneField(Follower, on_delete=models.PROTECT, related_name="erasure")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.CharField(max_length=500)
    wanted = models.JSONField(default=dict)
    step = models.CharField(max_length=40, blank=True, help_text="the step that comes next")
    last_id = models.BigIntegerField(default=0, help_text="how far that step has come")
    began_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = (
            models.Index(
                fields=["id"], condition=Q(finished_at__isnull=True), name="erasure_unfinished"
            ),
        )

    def __str__(self) -> str:
        return f"Follower {self.follower_id}"
