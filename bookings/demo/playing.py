"""Plays one booking from the day it was booked until now, as it would have been lived through.

Between what people do, time passes: reminders are sent, deadlines run out and refunds are driven
by the same code that the sweep calls, each at its own moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F

from bookings import emails, free_times, intake, lifecycle, refunds, reminders, slots
from bookings.models import (
    Booking,
    Expert,
    Follower,
    OutboxEmail,
    OutboxState,
    Provider,
    Refund,
    StoredMessage,
)
from bookings.policy import Policy
from bookings.states import Actor, ActorKind

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MOST_STEPS = 300
FOLLOWER = Actor(ActorKind.FOLLOWER)
CARDS = ("Visa ending 4242", "Mastercard ending 4444", "UPI", "Visa ending 1881")

USUAL = Policy(
    no_show_window=timedelta(hours=72),
    report_opens_after=timedelta(minutes=15),
    report_window=timedelta(hours=72),
    offer_window=timedelta(days=14),
    offer_after_call=timedelta(days=30),
    contest_window=timedelta(hours=72),
    decide_window=timedelta(days=7),
    undo_window=timedelta(seconds=30),
    grace=timedelta(seconds=60),
    min_offer_slots=2,
    offer_slot_horizon=timedelta(days=14),
    expert_reminders=tuple(timedelta(hours=hours) for hours in (48, 24, 6)),
    link_reminder=timedelta(days=2),
    staff_reminder=timedelta(days=2),
)
"""Cases have a past, and it was lived under these limits, whatever the settings say now."""

Action = Callable[[Booking, datetime], object]
"""What somebody does with a booking at a moment."""


@dataclass(frozen=True)
class Act:
    at: datetime
    action: Action


@dataclass(frozen=True)
class Story:
    """One booking. `ref` makes it the same story when the demo is seeded again."""

    ref: str
    expert: Expert
    follower: Follower
    title: str
    starts_at: datetime
    acts: tuple[Act, ...] = ()
    is_mailed: bool = False
    """Whether its e-mails are in the demo inbox. Those of others are only marked as sent."""
    refund_word: str = "pays"
    """What the sandbox does with a refund: pays, declines, returns or silent."""
    provider: str = Provider.SANDBOX
    limits: Policy | None = None

    @property
    def external_ref(self) -> str:
        return f"demo-{self.ref}"


def is_played(story: Story) -> bool:
    return Booking.objects.filter(expert=story.expert, external_ref=story.external_ref).exists()


def free_starts(story: Story, earliest: datetime, latest: datetime) -> list[datetime]:
    """When the expert works and had no other call, whatever became of that one."""
    busy = Booking.objects.filter(
        expert=story.expert, busy_until__gt=earliest, starts_at__lt=latest + DAY
    )
    service = story.expert.services.get(title=story.title)
    return free_times.free_starts(
        slots.availability_of(story.expert),
        busy=busy.values_list("starts_at", "busy_until"),
        duration=timedelta(minutes=service.duration_minutes),
        buffer=timedelta(minutes=story.expert.buffer_minutes),
        earliest=earliest,
        latest=latest,
    )


def play(story: Story, *, now: datetime) -> int:
    """1, or 0 when it was played before. All of the story or nothing of it."""
    if is_played(story):
        return 0
    with transaction.atomic():
        booking = live(story, now=now)
        if not (story.is_mailed and settings.DEMO_INBOX):
            mark_sent(booking)
    return 1


def live(story: Story, *, now: datetime) -> Booking:
    booking = _book(story, now=now)
    for act in story.acts:
        _live_until(booking, act.at, is_mailed=story.is_mailed)
        booking.refresh_from_db()
        act.action(booking, act.at)
    _live_until(booking, now, is_mailed=story.is_mailed)
    return booking


def _book(story: Story, *, now: datetime) -> Booking:
    service = story.expert.services.get(title=story.title)
    number = sum(map(ord, story.ref))
    booked_at = min(story.starts_at, now) - (3 + number % 5) * DAY - (number % 600) * MINUTE
    return intake.create(
        intake.draft(
            expert=story.expert,
            follower=story.follower,
            service=service,
            starts_at=story.starts_at,
            ends_at=story.starts_at + timedelta(minutes=service.duration_minutes),
            now=booked_at,
            price_minor=service.price_minor,
            currency=service.currency,
            payment=intake.PaymentFacts(
                provider=story.provider,
                provider_ref=f"demo_{story.refund_word}_{story.expert.slug}_{story.ref}",
                paid_at=booked_at,
                method=CARDS[number % len(CARDS)],
            ),
            external_ref=story.external_ref,
            limits=story.limits or (USUAL if story.acts else None),
        )
    )


@dataclass(frozen=True)
class _Step:
    at: datetime
    take: Callable[[datetime], object]


def _live_until(booking: Booking, until: datetime, *, is_mailed: bool) -> None:
    """Take every step that falls due before `until`, in its order."""
    for _ in range(MOST_STEPS):
        step = min(_steps(booking.pk, is_mailed=is_mailed), default=None, key=lambda s: s.at)
        if step is None or step.at >= until:
            return
        step.take(step.at)
    raise RuntimeError(f"{booking.external_ref} does not come to rest.")


def _steps(booking_id: int, *, is_mailed: bool) -> Iterator[_Step]:
    booking = Booking.objects.get(pk=booking_id)
    if booking.next_reminder_at:
        yield _Step(booking.next_reminder_at, lambda at: reminders.send_one(booking_id, now=at))
    if booking.deadline_at:
        state = booking.state
        yield _Step(
            booking.deadline_at + booking.limits.grace,
            lambda at: lifecycle.run_deadline(booking_id, state=state, now=at),
        )
    for refund in Refund.objects.filter(booking=booking_id):
        if refund.next_attempt_at:
            yield _Step(refund.next_attempt_at, _driving(refund.pk))
    if is_mailed:
        yield from (_Step(at, take) for at, take in steps(booking))


def _driving(refund_id: int) -> Callable[[datetime], object]:
    return lambda at: refunds.drive([refund_id], now=at)


def expert_of(booking: Booking) -> Actor:
    return Actor(ActorKind.EXPERT, booking.expert.user_id)


# --- the e-mails of the past ----------------------------------------------------------------------
# In the demo inbox at their own moment, or known as sent. Nothing is ever mailed to invented
# people: without a demo inbox all of it counts as sent.


def steps(booking: Booking) -> Iterator[tuple[datetime, Callable[[datetime], object]]]:
    """The e-mails of a booking that wait to be sent, each with its moment."""
    if not settings.DEMO_INBOX:
        return
    for email in booking.emails.filter(next_attempt_at__isnull=False):
        if email.next_attempt_at is not None:
            yield email.next_attempt_at, _delivering(email.pk)


def _delivering(email_id: int) -> Callable[[datetime], object]:
    def deliver(at: datetime) -> None:
        newest = StoredMessage.objects.order_by("-id").values_list("id", flat=True).first() or 0
        emails.deliver_all([email_id], now=at)
        StoredMessage.objects.filter(id__gt=newest).update(created_at=at)

    return deliver


def mark_sent(booking: Booking) -> None:
    """They were sent long ago, to an inbox that nobody kept."""
    OutboxEmail.objects.filter(booking=booking, next_attempt_at__isnull=False).update(
        state=OutboxState.SENT, sent_at=F("created_at"), attempts=1, next_attempt_at=None
    )


@contextmanager
def in_order() -> Iterator[None]:
    """Bookings are played one after the other; afterwards the inbox is put in order of time."""
    newest = StoredMessage.objects.order_by("-id").values_list("id", flat=True).first() or 0
    yield
    messages = list(StoredMessage.objects.filter(id__gt=newest).order_by("created_at", "id"))
    StoredMessage.objects.filter(id__gt=newest).delete()
    for message in messages:
        at = message.created_at
        message.pk = None
        message._state.adding = True
        message.save(force_insert=True)
        StoredMessage.objects.filter(pk=message.pk).update(created_at=at)
