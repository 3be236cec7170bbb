"""Who is signed in where, and the second factor: an authenticator app and recovery codes."""

from __future__ import annotations

import hashlib
import secrets

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import models
from django_otp.plugins.otp_totp.models import TOTPDevice


class SignIn(models.Model):
    """One browser in which somebody is signed in; the row of its session has everything else.

    The key of the session has no constraint in the database: the release before deletes sessions
    without knowing these rows. The sweep deletes those that are left over.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sign_ins"
    )
    session = models.OneToOneField(
        Session, on_delete=models.CASCADE, db_constraint=False, related_name="sign_in"
    )
    device = models.CharField(max_length=60, blank=True, help_text="the browser, in words")
    address = models.CharField("network address", max_length=45, blank=True)
    started_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user_id}: {self.device}"


class AuthenticatorApp(TOTPDevice):  # type: ignore[misc]
    """django-otp's device. After each wrong code it takes none for twice as long as before, which
    here ends at 512 seconds: who has guessed a password must not keep its owner out for days."""

    MOST_FAILURES = 10
    throttling_failure_count: int

    class Meta:
        proxy = True
        verbose_name = "authenticator app"

    def throttle_increment(self, commit: bool = True) -> None:
        super().throttle_increment(commit=False)
        self.throttling_failure_count = min(self.throttling_failure_count, self.MOST_FAILURES)
        if commit:
            self.save()


class RecoveryCode(models.Model):
    """Works once, in the place of a code from the app. Only its hash is stored. That is not made
    slow on purpose, as that of a password is: nobody can guess 120 random bits."""

    ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # 32 signs: no l, o, 0 or 1
    LETTERS, GROUP = 24, 4

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recovery_codes"
    )
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.user_id}: {'used' if self.used_at else 'not used'}"

    @classmethod
    def new(cls) -> str:
        """As it is shown: six groups of four."""
        letters = "".join(secrets.choice(cls.ALPHABET) for _ in range(cls.LETTERS))
        groups = range(0, cls.LETTERS, cls.GROUP)
        return "-".join(letters[start : start + cls.GROUP] for start in groups)

    @classmethod
    def digest_of(cls, typed: str) -> str:
        """Blanks, hyphens and capitals do not matter."""
        letters = "".join(sign for sign in typed.lower() if sign.isalnum())
        return hashlib.sha256(letters.encode()).hexdigest()
