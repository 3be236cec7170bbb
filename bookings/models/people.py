"""Experts, what they sell and when they can be booked; followers; the user who signs in; and
invitations to become an expert."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self, TypeVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Lower

from bookings import addresses, zones
from bookings.plain_text import one_line

M = TypeVar("M", bound=models.Model, covariant=True)
NOTHING = Value([], models.JSONField())
"""An empty list, as a default that the database fills in itself."""


ERASED_NAME = "Erased follower"
"""How somebody is called whose data was erased."""


def first_word(name: str) -> str:
    """How somebody of that name is addressed."""
    if name == ERASED_NAME:
        return name
    return name.split()[0] if name.strip() else name


def longest(model: type[models.Model], name: str) -> int:
    """How many characters the column `name` can hold: forms and previews ask for it here."""
    most: int = getattr(model._meta.get_field(name), "max_length")  # noqa: B009
    return most


def validate_time_zone(name: str) -> None:
    if not zones.is_known(name):
        raise ValidationError("Choose a time zone from the list, such as Europe/Berlin.")


class AddressedQuerySet(models.QuerySet[M]):
    """People with an e-mail address, which has an index of its lower-case form."""

    address = "email"

    def with_address(self, *wanted: str) -> Self:
        """In any spelling. The database lowers both, as for the index; `iexact` uses none."""
        spellings = {spelling for one in wanted for spelling in addresses.spellings(one)}
        lowered = [Lower(Value(spelling)) for spelling in sorted(spellings)]
        found: Self = self.alias(lowered=Lower(self.address)).filter(lowered__in=lowered)
        return found


class UserManager(BaseUserManager["User"]):
    def get_queryset(self) -> models.QuerySet[User]:
        """With the expert: every page of a signed-in expert needs both, in one query."""
        return super().get_queryset().select_related("expert")

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=addresses.identity(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=addresses.identity(username or ""))


class User(AbstractUser):
    """Signs in by e-mail: an expert, staff, or both."""

    username = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", unique=True)
    session_version = models.PositiveIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="counts up when all sessions end: when the second factor changes, and by staff",
    )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        constraints = (models.UniqueConstraint(Lower("email"), name="user_email_any_case"),)

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        """One spelling, by which they sign in."""
        super().clean()
        self.email = addresses.identity(self.email)

    @property
    def name(self) -> str:
        """As others know them; empty where nobody has said."""
        expert = getattr(self, "expert", None)
        return expert.name if expert else self.get_full_name()

    def get_session_auth_hash(self) -> str:
        """A session ends when this changes."""
        return f"{super().get_session_auth_hash()}{self._version}"

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        for of_password in super().get_session_auth_fallback_hash():
            yield f"{of_password}{self._version}"

    @property
    def _version(self) -> str:
        """Empty at first, so that sessions of the release before go on."""
        return f":{self.session_version}" if self.session_version else ""


class Clock(models.TextChoices):
    TWELVE = "12", "12-hour clock"
    TWENTY_FOUR = "24", "24-hour clock"


class ExpertQuerySet(AddressedQuerySet["Expert"]):
    address = "user__email"

    def selling(self) -> ExpertQuerySet:
        """Those whose public page is open: they can sign in and look after a booking."""
        return self.filter(user__is_active=True)

    def to_book(self) -> ExpertQuerySet:
        """Experts who can be booked now: they sell at least one call and have not paused."""
        on_sale = Service.objects.for_sale().filter(expert=models.OuterRef("pk"))
        found = self.selling().filter(models.Exists(on_sale.order_by()), is_paused=False)
        return found.order_by("pk")


class Expert(models.Model):
    """Sells paid 1:1 calls."""

    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="expert")
    name = models.CharField(max_length=80)
    slug = models.SlugField(unique=True)
    headline = models.CharField(max_length=120, blank=True, default="", db_default="")
    about = models.TextField(max_length=2000, blank=True, default="", db_default="")
    photo = models.CharField(
        max_length=100,
        blank=True,
        default="",
        db_default="",
        help_text="name of the photo in the site's storage, without its size and ending",
    )
    is_paused = models.BooleanField("takes no new bookings", default=False, db_default=False)
    is_new = models.BooleanField(
        "is shown the first steps", default=False, db_default=False, editable=False
    )
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])
    clock = models.CharField(max_length=2, choices=Clock, default=Clock.TWELVE)
    has_shortcuts = models.BooleanField("single-key shortcuts", default=True)

    step_minutes = models.PositiveSmallIntegerField("minutes between possible starts", default=30)
    buffer_minutes = models.PositiveSmallIntegerField("minutes kept free after a call", default=0)
    min_notice_minutes = models.PositiveIntegerField("minimum notice in minutes", default=240)
    window_days = models.PositiveSmallIntegerField("days ahead that can be booked", default=21)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ExpertQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    @property
    def first_name(self) -> str:
        return first_word(self.name)


class FormerAddress(models.Model):
    """A public address that an expert had before. It keeps leading to them."""

    slug = models.SlugField(unique=True)
    expert = models.ForeignKey(Expert, on_delete=models.CASCADE, related_name="former_addresses")

    def __str__(self) -> str:
        return self.slug


class Follower(models.Model):
    """Buys a call. Has no account; acts from private links in e-mails."""

    name = models.CharField(max_length=80)
    email = models.EmailField("e-mail address")
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])
    clock = models.CharField(max_length=2, choices=Clock, default=Clock.TWENTY_FOUR)
    created_at = models.DateTimeField(auto_now_add=True)
    erased_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="since when nothing is known of them"
    )

    objects = AddressedQuerySet["Follower"].as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(Lower("email"), name="follower_email_any_case"),)

    def __str__(self) -> str:
        return self.name

    @property
    def first_name(self) -> str:
        return first_word(self.name)


# --- what an expert sells, and when: local wall times plus the expert's zone ----------------------


class PlaceKind(models.TextChoices):
    """Where a call takes place, as a service says it."""

    ADDRESS = "address", "At a meeting link or address of mine"
    ROOM = "room", "In a video room that is made for each call"
    CALL_BUYER = "call_buyer", "By phone: I call the buyer"
    CALL_EXPERT = "call_expert", "By phone: the buyer calls me"
    WRITE = "write", "I write to the buyer"

    @classmethod
    def needs_text(cls) -> tuple[PlaceKind, ...]:
        return (cls.ADDRESS, cls.CALL_EXPERT)


@dataclass(frozen=True, slots=True)
class Question:
    """What a buyer is asked."""

    text: str
    is_required: bool


def questions_in(kept: object) -> tuple[Question, ...]:
    """What can be read of a column that another release or a person may have written."""
    rows = kept if isinstance(kept, list) else []
    found = {
        row["text"]: Question(row["text"], row.get("is_required") is True)
        for row in rows
        if isinstance(row, dict) and isinstance(row.get("text"), str) and row["text"].strip()
    }
    return tuple(found.values())


def answers_in(kept: object) -> list[tuple[str, str]]:
    """Each question with its answer, where both can be read."""
    rows = kept if isinstance(kept, list) else []
    return [
        (row[0], row[1])
        for row in rows
        if isinstance(row, list) and len(row) == 2 and all(isinstance(part, str) for part in row)
    ]


class ServiceQuerySet(models.QuerySet["Service"]):
    def for_sale(self) -> ServiceQuerySet:
        """Services that can be bought, in the expert's own order. One that does not say where
        the call takes place cannot be."""
        has_place = ~Q(place_kind__in=PlaceKind.needs_text(), place="")
        on_sale = self.filter(has_place, is_active=True, expert__user__is_active=True)
        return on_sale.select_related("expert").in_order()

    def in_order(self) -> ServiceQuerySet:
        return self.order_by("position", "duration_minutes", "price_minor", "pk")

    def of_expert(self, expert: Expert) -> ServiceQuerySet:
        return self.filter(expert=expert)

    def at_address(self, slug: str, service_id: int) -> ServiceQuerySet:
        return self.filter(expert__slug=slug, pk=service_id)


class Service(models.Model):
    """A kind of call: its title, length and price, and where it takes place.

    `questions` are what a buyer is asked: `{"text": …, "is_required": …}` each.
    """

    LEAST_MINUTES, MOST_MINUTES = 5, 480

    expert = models.ForeignKey(Expert, on_delete=models.PROTECT, related_name="services")
    title = models.CharField(max_length=120)
    description = models.TextField(max_length=600, blank=True, default="", db_default="")
    position = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    duration_minutes = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(LEAST_MINUTES), MaxValueValidator(MOST_MINUTES)]
    )
    price_minor = models.PositiveBigIntegerField(
        "price in minor units", help_text="Cents, paise or whole yen; 0 for a free call."
    )
    currency = models.CharField(
        max_length=3, validators=[RegexValidator("^[A-Z]{3}$", "Three capital letters, as in EUR.")]
    )
    place_kind = models.CharField(
        "where the call takes place",
        max_length=12,
        choices=PlaceKind,
        default=PlaceKind.WRITE,
        db_default=PlaceKind.WRITE,
    )
    place = models.CharField(
        "link, address or telephone number", max_length=300, blank=True, default=""
    )
    questions = models.JSONField(default=list, blank=True, db_default=NOTHING)
    is_active = models.BooleanField(default=True)

    objects = ServiceQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint("expert", "title", name="service_title_once_per_expert"),
        )

    def __str__(self) -> str:
        return f"{self.title}, {self.duration_minutes} min"

    @property
    def asked(self) -> tuple[Question, ...]:
        return questions_in(self.questions)

    @property
    def says_where(self) -> bool:
        """Nobody buys a call without knowing where it takes place."""
        return bool(self.place) or self.place_kind not in PlaceKind.needs_text()


class WeeklyHours(models.Model):
    """One spell of a weekday, in the expert's local time. An end of 00:00 is midnight."""

    expert = models.ForeignKey(Expert, on_delete=models.CASCADE, related_name="weekly_hours")
    weekday = models.PositiveSmallIntegerField(
        choices=[(0, "Monday"), (1, "Tuesday"), (2, "Wednesday"), (3, "Thursday"), (4, "Friday"),
                 (5, "Saturday"), (6, "Sunday")]
    )  # fmt: skip
    starts_local = models.TimeField()
    ends_local = models.TimeField()

    class Meta:
        ordering = ("weekday", "starts_local")
        verbose_name_plural = "weekly hours"

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.starts_local:%H:%M}-{self.ends_local:%H:%M}"


class DateOverride(models.Model):
    """Replaces the weekly hours of one date; without times the day is off."""

    expert = models.ForeignKey(Expert, on_delete=models.CASCADE, related_name="date_overrides")
    date = models.DateField()
    starts_local = models.TimeField(null=True, blank=True)
    ends_local = models.TimeField(null=True, blank=True)

    class Meta:
        ordering = ("date", "starts_local")
        constraints = (
            models.CheckConstraint(
                condition=Q(starts_local__isnull=True, ends_local__isnull=True)
                | Q(starts_local__isnull=False, ends_local__isnull=False),
                name="override_both_times_or_none",
            ),
        )

    def __str__(self) -> str:
        if self.starts_local is None or self.ends_local is None:
            return f"{self.date}: off"
        return f"{self.date} {self.starts_local:%H:%M}-{self.ends_local:%H:%M}"


# --- invitations to become an expert, by e-mail ---------------------------------------------------


def _signer() -> Signer:
    return Signer(sep=".", salt="bookings.invitation")


def new_invitation_key() -> str:
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
    key = models.CharField(max_length=40, unique=True, editable=False, default=new_invitation_key)
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
