"""The timeline has no gap, and every outcome is the work of one event of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Exists, F, OuterRef, Q, Subquery, Value, Window
from django.db.models.functions import Coalesce, Lag

from bookings.invariants.register import codes, every_booking, invariant
from bookings.models import NoShowReport, Offer, TimelineEvent
from bookings.states import State, Verb

REPORT_ENDS: dict[str, set[str]] = {
    "withdrawn": {Verb.WITHDRAW_REPORT},
    "rescheduled": {Verb.PICK_TIME, Verb.MOVE_INSTEAD},
    "completed": {Verb.MARK_COMPLETED},
    "refunded": {Verb.NO_ANSWER, Verb.REFUND_NOW, Verb.REFUND_INSTEAD, Verb.OFFER_LAPSED},
}
OFFER_ENDS: dict[str, set[str]] = {
    "picked": {Verb.PICK_TIME},
    "withdrawn": {Verb.WITHDRAW_OFFER},
    "undone": {Verb.UNDO},
    "lapsed": {Verb.OFFER_LAPSED},
    "closed": {Verb.REPORT_NO_SHOW, Verb.MARK_COMPLETED, Verb.REFUND_NOW, Verb.REFUND_INSTEAD},
}
_changes = TimelineEvent.objects.exclude(from_state="").order_by()


@invariant("Every change of state starts where the one before it ended.")
def history_has_no_gap(now: datetime) -> Iterator[str]:
    before = Window(Lag("to_state"), partition_by="booking", order_by="id")
    events = _changes.annotate(before=Coalesce(before, Value(State.SCHEDULED.value)))
    return codes(events.exclude(before=F("from_state")))


@invariant("A booking is in the state in which its history ends.")
def state_is_where_history_ends(now: datetime) -> Iterator[str]:
    last = _changes.filter(booking=OuterRef("pk")).order_by("-id").values("to_state")[:1]
    ended = Coalesce(Subquery(last), Value(State.SCHEDULED.value))
    return codes(every_booking().alias(ended=ended).exclude(ended=F("state")), "code")


@invariant("A history begins with the booking itself.")
def history_begins_with_booking(now: datetime) -> Iterator[str]:
    booked = TimelineEvent.objects.filter(booking=OuterRef("pk"), verb="booked")
    return codes(every_booking().filter(~Exists(booked)), "code")


@invariant("A call was moved as often as its history says.")
def every_move_is_counted(now: datetime) -> Iterator[str]:
    moves = Count("events", filter=Q(events__verb__in=[Verb.PICK_TIME, Verb.MOVE_INSTEAD]))
    return codes(every_booking().alias(moves=moves).exclude(attempt=F("moves") + 1), "code")


@invariant("A form acts once.")
def a_form_acts_once(now: datetime) -> Iterator[str]:
    forms = TimelineEvent.objects.exclude(request_key="").order_by()
    twice = forms.values("booking", "request_key").annotate(times=Count("pk")).filter(times__gt=1)
    return codes(every_booking().filter(pk__in=twice.values("booking")), "code")


@invariant("A report is open, or it was ended once, by the event that its outcome names.")
def report_ended_as_history_says(now: datetime) -> Iterator[str]:
    return codes(NoShowReport.objects.filter(_is_ended_wrongly(REPORT_ENDS)))


@invariant("An offer is open, or it was ended once, by the event that its outcome names.")
def offer_ended_as_history_says(now: datetime) -> Iterator[str]:
    return codes(Offer.objects.filter(_is_ended_wrongly(OFFER_ENDS)))


def _is_ended_wrongly(ends: dict[str, set[str]]) -> Q:
    right = Q(outcome="open", closed_by__isnull=True, closed_at__isnull=True)
    for outcome, verbs in ends.items():
        right |= Q(
            outcome=outcome,
            closed_by__verb__in=verbs,
            closed_by__booking=F("booking"),
            closed_at__isnull=False,
        )
    return ~right
