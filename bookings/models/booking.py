"""The booking: one order with one payment, for life. One row, one public code."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Self, TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.functional import cached_property

from bookings.models.people import NOTHING, Expert, Follower, Service, answers_in, first_word
from bookings.policy import Policy, unreadable
from bookings.states import State

M = TypeVar("M", bound=models.Model, covariant=True)


class DueQuerySet(models.QuerySet[M]):
    """Rows that fall due: a column says when, and is empty when there is nothing more to do."""

    def ids(self, at_most: int | None = None) -> list[int]:
        return list(self.values_list("pk", flat=True)[:at_most])

    def due(self, now: datetime) -> Self:
        return self.due_by("next_attempt_at", now)

    def due_by(self, column: str, now: datetime) -> Self:
        """The longest due first. Each such column has an index of the rows where it is not empty,
        which is used because that is said here."""
        due = self.filter(**{f"{column}__isnull": False, f"{column}__lte": now})
        return due.order_by(column, "id")


CODE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without 0 O 1 I: a code is read out on the phone."""


def new_code() -> str:
    """A public code such as TM-7KQ4X9M; a name, never a secret."""
    return "TM-" + "".join(secrets.choice(CODE_ALPHABET) for _ in range(7))


def site_host() -> str:
    """The host of SITE_URL."""
    return urlsplit(settings.SITE_URL).hostname or "localhost"


_CODE = re.compile(r"TM-[0-9A-Z]{7}", re.IGNORECASE)


def as_code(text: str) -> str:
    """The code that somebody typed, in capitals; empty where it is none."""
    return text.upper() if _CODE.fullmatch(text) else ""


Place = tuple[datetime, int]
"""Instant and id of the last row of a batch: the next batch starts behind it."""


class BookingQuerySet(DueQuerySet["Booking"]):
    def of_expert(self, expert: Expert) -> BookingQuerySet:
        return self.filter(expert=expert)

    def with_people(self) -> BookingQuerySet:
        return self.select_related("expert", "follower")

    def locked_for_us(self) -> BookingQuerySet:
        """Those that nobody else holds, locked; SQLite has one writer anyway."""
        return self.select_for_update(of=("self",), no_key=True, skip_locked=True).with_people()

    def needing_action(self) -> BookingQuerySet:
        """Your turn: a no-show is reported, the next deadline first."""
        return self.filter(state="no_show_reported").order_by("deadline_at", "id")

    def past(self, now: datetime) -> BookingQuerySet:
        """Every call whose scheduled end has passed, newest first."""
        return self.filter(ends_at__lte=now).order_by("-ends_at", "-id")

    def overdue(self, now: datetime, *, after: Place | None = None) -> BookingQuerySet:
        """Deadline passed, the grace not counted."""
        return self.due_by("deadline_at", now).behind("deadline_at", after)

    def reminder_due(self, now: datetime, *, after: Place | None = None) -> BookingQuerySet:
        return self.due_by("next_reminder_at", now).behind("next_reminder_at", after)

    def behind(self, column: str, place: Place | None) -> BookingQuerySet:
        if place is None:
            return self
        further = self.filter(**{f"{column}__gte": place[0]})
        return further.exclude(**{column: place[0], "id__lte": place[1]})


@dataclass(frozen=True, slots=True)
class BookedFollower:
    """The follower as this booking names them. Each is looked up when it is read: a list reads
    the name only."""

    booking: Booking

    @property
    def name(self) -> str:
        return self.booking.buyer_name or self.booking.follower.name

    @property
    def first_name(self) -> str:
        return first_word(self.name)

    @property
    def email(self) -> str:
        return self.booking.follower.email

    @property
    def time_zone(self) -> str:
        return self.booking.buyer_zone or self.booking.follower.time_zone

    @property
    def clock(self) -> str:
        return self.booking.buyer_clock or self.booking.follower.clock


class Booking(models.Model):
    """A reschedule moves this row (`attempt` + 1); it never makes a second one.

    Only `lifecycle` writes `state` and the clocks. All instants are UTC.
    """

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    expert = models.ForeignKey(Expert, on_delete=models.PROTECT, related_name="bookings")
    follower = models.ForeignKey(Follower, on_delete=models.PROTECT, related_name="bookings")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="bookings")
    # As given with this booking, where they differ from what is kept of the follower: anybody can
    # write an address into a form, and is shown nothing that belongs to it.
    buyer_name = models.CharField(max_length=80, blank=True, default="", db_default="")
    buyer_zone = models.CharField(max_length=64, blank=True, default="", db_default="")
    buyer_clock = models.CharField(max_length=2, blank=True, default="", db_default="")
    service_title = models.CharField(max_length=120)
    place = models.CharField(max_length=300, blank=True)
    answers = models.JSONField(
        default=list,
        blank=True,
        db_default=NOTHING,
        help_text="what the buyer was asked and wrote: [question, answer] each",
    )
    price_minor = models.PositiveBigIntegerField(help_text="minor units of the currency")
    currency = models.CharField(max_length=3)
    external_ref = models.CharField(max_length=100, blank=True, help_text="id in another system")

    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    busy_until = models.DateTimeField(help_text="end of the call plus the expert's buffer")
    attempt = models.PositiveSmallIntegerField(default=1)
    calendar_host = models.CharField(
        max_length=255,
        default=site_host,
        editable=False,
        help_text="the site's host when the booking was made; calendars know the call by it",
    )
    calendar_sequence = models.PositiveIntegerField(default=0)

    state = models.CharField(max_length=20, choices=State, default=State.SCHEDULED)
    deadline_at = models.DateTimeField(null=True, blank=True)
    next_reminder_at = models.DateTimeField(null=True, blank=True)
    resume_state = models.CharField(
        max_length=20, blank=True, help_text="where an offer that is withdrawn or lapses goes back"
    )
    resume_deadline_at = models.DateTimeField(null=True, blank=True)
    undo_until = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1, help_text="rises with every change of state")

    has_open_report = models.BooleanField(default=False)
    reports_this_attempt = models.PositiveSmallIntegerField(default=0)
    offers_after_report = models.PositiveSmallIntegerField(default=0)
    marked_at = models.DateTimeField(null=True, blank=True)
    contested_at = models.DateTimeField(null=True, blank=True)

    policy = models.JSONField(default=dict, help_text="the limits this booking was made under")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    erased_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="since when nothing is known of the follower",
    )

    objects = BookingQuerySet.as_manager()

    class Meta:
        indexes = (
            models.Index(fields=["expert", "-ends_at", "-id"], name="booking_by_time"),
            models.Index(fields=["starts_at"], name="booking_by_start"),
            models.Index(
                fields=["expert", "deadline_at", "id"],
                condition=Q(state="no_show_reported"),
                name="booking_need_action",
            ),
            models.Index(
                fields=["expert", "deadline_at", "id"],
                condition=Q(state="reschedule_offered"),
                name="booking_waiting",
            ),
            models.Index(
                fields=["expert", "state", "-ends_at", "-id"],
                condition=~Q(state="scheduled"),
                name="booking_by_outcome",
            ),
            models.Index(
                fields=["deadline_at", "id"],
                condition=Q(deadline_at__isnull=False),
                name="booking_deadline",
            ),
            models.Index(fields=["id"], condition=~Q(buyer_name=""), name="booking_with_a_name"),
            models.Index(
                fields=["next_reminder_at", "id"],
                condition=Q(next_reminder_at__isnull=False),
                name="booking_reminder",
            ),
        )
        constraints = (
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="booking_ends"),
            models.CheckConstraint(
                condition=Q(busy_until__gte=F("ends_at")), name="booking_busy_to_the_end"
            ),
            models.CheckConstraint(
                condition=Q(state__in=State.values), name="booking_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=["no_show_reported", "reschedule_offered", "contested"],
                    deadline_at__isnull=False,
                )
                | Q(
                    state__in=["scheduled", "completed", "refunded", "cancelled"],
                    deadline_at__isnull=True,
                ),
                name="booking_waiting_has_a_clock",
            ),
            models.UniqueConstraint(
                fields=["expert", "external_ref"],
                condition=~Q(external_ref=""),
                name="booking_external_ref_once",
            ),
        )

    def __str__(self) -> str:
        return self.code

    @property
    def buyer(self) -> BookedFollower:
        return BookedFollower(self)

    @cached_property
    def limits(self) -> Policy:
        """The limits in force for this booking."""
        return Policy.from_json(self.policy)

    @cached_property
    def unreadable_limits(self) -> tuple[str, ...]:
        """Names of limits in whose place those of today are in force."""
        return unreadable(self.policy)

    @property
    def answered(self) -> list[tuple[str, str]]:
        return answers_in(self.answers)

    @property
    def is_free(self) -> bool:
        """Nothing was paid for it, so nothing can go back."""
        return self.price_minor == 0

    @property
    def duration_minutes(self) -> int:
        return int((self.ends_at - self.starts_at).total_seconds() // 60)
