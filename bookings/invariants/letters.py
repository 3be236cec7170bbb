"""Every e-mail that was promised has been written down, and none is stuck."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q

from bookings import emails
from bookings.invariants.register import codes, invariant
from bookings.models import CompletionMark, Offer, OutboxEmail, OutboxState, TimelineEvent
from bookings.states import State

PATIENCE = timedelta(minutes=10)


@invariant("Every e-mail that an event promises is in the outbox.")
def promised_mail_is_written(now: datetime) -> Iterator[str]:
    """The database finds who may lack one; whether the event causes it, the register knows."""
    for verb, kinds in emails.KINDS_AFTER.items():
        for kind in kinds:
            written = OutboxEmail.objects.filter(event=OuterRef("pk"), kind=kind)
            without = TimelineEvent.objects.filter(~Exists(written), verb=verb)
            # Millions were imported and promise nothing, so only what decides about that is read.
            for event in without.only("verb", "to_state", "actor_kind", "data").iterator():
                if kind in emails.kinds_after(event):
                    yield f"{event.booking.code} ({kind})"


@invariant("The follower of a call that stands as completed was told of the mark, or will be.")
def standing_mark_is_told(now: datetime) -> Iterator[str]:
    dropped = OutboxEmail.objects.filter(kind="marked_completed", state=OutboxState.CANCELLED)
    marks = CompletionMark.objects.filter(
        Exists(dropped.filter(event=OuterRef("made_by"))),
        undone_at__isnull=True,
        marked_at=F("booking__marked_at"),
        booking__state=State.COMPLETED,
        booking__contested_at__isnull=True,
    )
    return codes(marks)


@invariant("The link of an open offer was mailed, or will be.")
def open_offer_is_mailed(now: datetime) -> Iterator[str]:
    link = OutboxEmail.objects.filter(
        kind="offer", booking=OuterRef("booking"), created_at__gte=OuterRef("offered_at")
    ).exclude(state=OutboxState.CANCELLED)
    opened = Offer.objects.filter(outcome=Offer.Outcome.OPEN)
    return codes(opened.filter(~Exists(link)))


@invariant("An e-mail that waits is sent within ten minutes of its time.")
def no_mail_is_stuck(now: datetime) -> Iterator[str]:
    waiting = OutboxEmail.objects.filter(state__in=[OutboxState.QUEUED, OutboxState.SENDING])
    stuck = waiting.filter(Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lt=now - PATIENCE))
    for kind, code in stuck.values_list("kind", "booking__code").iterator():
        yield f"{code or 'no booking'} ({kind})"
