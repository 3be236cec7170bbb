"""Invitations to become an expert, by e-mail."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from bookings import addresses
from bookings.models.people import Expert
from bookings.plain_text import one_line


def _signer() -> Signer:
    return Signer(sep=".", salt="bookings.invitation")


def new_key() -> str:
    return secrets.token_urlsafe(24)


class InvitationState(models.TextChoices):
    OPEN = "open", "Open"
    EXPIRED = "expired", "Expired"
    ACCEPTED = "accepted", "Accepted"
    REVOKED = "revoked", "Revoked"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def unanswered(self) -> InvitationQuerySet:
        """Neither accepted nor revoked, expired or not: they can be sent again."""
        return self.filter(accepted_at=None, revoked_at=None)

    def open_at(self, now: datetime) -> InvitationQuerySet:
        return self.unanswered().filter(expires_at__gt=now)

    def to(self, address: str) -> InvitationQuerySet:
        """Those that were sent to this address, in any spelling."""
        return self.filter(email=addresses.identity(address))

    def of_token(self, token: str) -> tuple[Invitation, int] | None:
        """The invitation of a genuine link, and which of its mails the link stood in."""
        try:
            number, _, key = _signer().unsign(token).partition("~")
        except BadSignature:
            return None
        found = self.filter(key=key).select_related("invited_by", "expert").first()
        return (found, int(number)) if found else None


class Invitation(models.Model):
    """Leads to an expert's account by a private link that works once.

    Each mail has a link of its own, and only the newest one works: `number` counts them.
    """

    email = models.EmailField("e-mail address")
    name = models.CharField(max_length=80, blank=True)
    key = models.CharField(max_length=40, unique=True, editable=False, default=new_key)
    number = models.PositiveIntegerField("times sent", default=1)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    expert = models.ForeignKey(
        Expert, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                Lower("email"),
                condition=Q(accepted_at__isnull=True, revoked_at__isnull=True),
                name="invitation_unanswered_once",
                violation_error_message="There is an invitation for this address already.",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True) | Q(revoked_at__isnull=True),
                name="invitation_accepted_or_revoked",
            ),
        )

    def __str__(self) -> str:
        return self.email

    @property
    def inviter_name(self) -> str:
        """Of whoever invited them, as others know them; empty for one without a name. Their address
        is theirs to give away."""
        user = self.invited_by
        expert = getattr(user, "expert", None)
        name = expert.name if expert else user.get_full_name() if user else ""
        return one_line(name)

    @property
    def token(self) -> str:
        """What the link of the newest mail ends with. Stored nowhere."""
        return _signer().sign(f"{self.number}~{self.key}")

    def state(self, now: datetime) -> InvitationState:
        if self.accepted_at is not None:
            return InvitationState.ACCEPTED
        if self.revoked_at is not None:
            return InvitationState.REVOKED
        return InvitationState.OPEN if now < self.expires_at else InvitationState.EXPIRED
