"""What must be true of the data at any moment, as queries that find no row.

`manage.py verify` asks all of them. Each compares within one statement, which sees one moment, so a
busy site can be asked too: nobody is named because a row was written meanwhile. The statements
come one after the other, also where an invariant has several (one for each value of a limit, one
for each kind of e-mail); what is written between two of them may be looked at only the next time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import (
    BigIntegerField,
    CharField,
    Count,
    Exists,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    RowRange,
    Subquery,
    Sum,
    TextField,
    Value,
    Window,
)
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Lag, Replace

from bookings import emails, zones
from bookings.models import (
    Booking,
    CompletionMark,
    Contest,
    Heartbeat,
    NoShowReport,
    Offer,
    OutboxEmail,
    OutboxState,
    Payment,
    PrivateLink,
    Refund,
    RefundState,
    SandboxRefund,
    TimelineEvent,
    guards,
    history_chain,
)
from bookings.models.money import FAILED, IN_HAND, NOT_LIVE
from bookings.models.people import ERASED_NAME
from bookings.policy import Policy, seconds, unreadable
from bookings.states import HOLDS_A_SLOT, WAITING, State, Verb

DONE_WITHIN = timedelta(minutes=10)
"""So late may a deadline or an e-mail be before somebody should look."""
DRIVEN_WITHIN = timedelta(minutes=15)
"""The same for the next step of a refund."""

Search = Callable[[datetime], Iterable[str]]
"""Finds codes of bookings."""


@dataclass(frozen=True, slots=True)
class Invariant:
    name: str
    sentence: str
    """What is true of every row."""
    offenders: Search
    """Finds the codes of the bookings of which it is not true at a moment."""


ALL: dict[str, Invariant] = {}


def invariant(sentence: str) -> Callable[[Search], Search]:
    """Registers a search for offenders under its own name."""

    def register(search: Search) -> Search:
        name = search.__name__
        ALL[name] = Invariant(name, sentence, search)
        return search

    return register


def codes(rows: QuerySet[Any], path: str = "booking__code") -> Iterator[str]:
    """Streamed: a broken table may name many."""
    return rows.values_list(path, flat=True).distinct().iterator()


def each_limit(
    rows: QuerySet[Any], name: str, path: str = "policy"
) -> Iterator[tuple[Any, timedelta]]:
    """The rows by the value of a limit, of which there are only a few in any database. In place
    of one that is missing or cannot be read stands the one in force, as everywhere."""
    key, in_force = f"{path}__{name}", getattr(Policy.in_force(), name)
    for value in rows.order_by().values_list(key, flat=True).distinct():
        if value is None:
            yield rows.filter(Q(**{f"{key}__isnull": True}) | Q(**{key: None})), in_force
        else:
            read = seconds(value)
            yield rows.filter(**{key: value}), in_force if read is None else read


def every_booking() -> QuerySet[Booking]:
    return Booking.objects.order_by()


# --- state, clock, report, offer, mark and contest of a booking tell the same story ---------------

_own = {"booking": OuterRef("pk")}


@invariant("A booking has a deadline exactly while somebody waits for somebody.")
def waiting_has_a_clock(now: datetime) -> Iterator[str]:
    wrong = Q(state__in=list(WAITING), deadline_at__isnull=True) | (
        ~Q(state__in=list(WAITING)) & Q(deadline_at__isnull=False)
    )
    return codes(every_booking().filter(wrong), "code")


@invariant("What a passed deadline asks for has been done ten minutes later.")
def no_deadline_is_missed(now: datetime) -> Iterator[str]:
    running = every_booking().filter(deadline_at__lt=now - DONE_WITHIN)
    for bookings, grace in each_limit(running, "grace"):
        yield from codes(bookings.filter(deadline_at__lt=now - DONE_WITHIN - grace), "code")


@invariant("A report's clock is the full time to answer that its booking promises.")
def report_clock_is_full(now: datetime) -> Iterator[str]:
    reports = NoShowReport.objects.order_by()
    for of_one_limit, window in each_limit(reports, "no_show_window", "booking__policy"):
        yield from codes(of_one_limit.exclude(due_at=F("reported_at") + window))


@invariant("A reported booking has one open report, and its deadline is that report's.")
def reported_has_its_report(now: datetime) -> Iterator[str]:
    report = NoShowReport.objects.filter(**_own, outcome="open", due_at=OuterRef("deadline_at"))
    reported = every_booking().filter(state=State.NO_SHOW_REPORTED)
    return codes(reported.filter(~Exists(report)), "code")


@invariant("A booking says that it has an open report exactly when it has one.")
def open_report_is_known(now: datetime) -> Iterator[str]:
    report = Exists(NoShowReport.objects.filter(**_own, outcome="open"))
    may_have_one = (State.NO_SHOW_REPORTED, State.RESCHEDULE_OFFERED)
    wrong = (
        Q(~report, has_open_report=True)
        | Q(report, has_open_report=False)
        | Q(report) & ~Q(state__in=may_have_one)
    )
    return codes(every_booking().filter(wrong), "code")


@invariant("A booking is offered exactly when it has an open offer, with the offer's deadline.")
def offered_has_its_offer(now: datetime) -> Iterator[str]:
    open_offer = Offer.objects.filter(**_own, outcome="open")
    is_offered = Q(state=State.RESCHEDULE_OFFERED)
    wrong = Q(~Exists(open_offer.filter(expires_at=OuterRef("deadline_at")))) & is_offered
    return codes(every_booking().filter(wrong | (Q(Exists(open_offer)) & ~is_offered)), "code")


@invariant("An offer can be taken back: the state before, and a report's original deadline.")
def offer_keeps_the_way_back(now: datetime) -> Iterator[str]:
    back = {State.SCHEDULED, State.COMPLETED, State.NO_SHOW_REPORTED}
    due = NoShowReport.objects.filter(**_own, outcome="open", due_at=OuterRef("resume_deadline_at"))
    is_offered = Q(state=State.RESCHEDULE_OFFERED)
    wrong = (
        is_offered & ~Q(resume_state__in=back)
        | is_offered & Q(~Exists(due), has_open_report=True)
        | ~is_offered & (~Q(resume_state="") | Q(resume_deadline_at__isnull=False))
    )
    return codes(every_booking().filter(wrong), "code")


@invariant("An open offer has a link that the follower can use.")
def open_offer_has_a_link(now: datetime) -> Iterator[str]:
    link = PrivateLink.objects.filter(
        **_own, purpose=PrivateLink.Purpose.PICK, superseded_at__isnull=True
    )
    offered = every_booking().filter(state=State.RESCHEDULE_OFFERED)
    return codes(offered.filter(~Exists(link)), "code")


@invariant("There is one current link for each purpose of a booking.")
def one_current_link(now: datetime) -> Iterator[str]:
    current = PrivateLink.objects.filter(superseded_at__isnull=True).values("booking", "purpose")
    many = current.annotate(links=Count("pk")).filter(links__gt=1)
    return codes(every_booking().filter(pk__in=many.values("booking")), "code")


@invariant("A contested booking has a contest that nobody has decided.")
def contested_has_its_contest(now: datetime) -> Iterator[str]:
    open_contest = Contest.objects.filter(**_own, attempt=OuterRef("attempt"), decision="")
    contested = every_booking().filter(state=State.CONTESTED)
    return codes(contested.filter(~Exists(open_contest)), "code")


@invariant("A marked call has a mark that was not undone.")
def marked_has_its_mark(now: datetime) -> Iterator[str]:
    mark = CompletionMark.objects.filter(
        **_own, marked_at=OuterRef("marked_at"), undone_at__isnull=True
    )
    return codes(every_booking().filter(~Exists(mark), marked_at__isnull=False), "code")


@invariant("The time zones of both sides of a booking are known on this machine.")
def zones_are_known(now: datetime) -> Iterator[str]:
    for side in ("expert", "follower"):
        people = every_booking().values_list(f"{side}__time_zone", flat=True)
        unknown = [zone for zone in people.distinct() if not zones.is_known(zone)]
        yield from codes(every_booking().filter(**{f"{side}__time_zone__in": unknown}), "code")


@invariant("The limits of a booking can be read.")
def limits_can_be_read(now: datetime) -> Iterator[str]:
    """Of all limits there are only a few sets in any database."""
    bookings = every_booking().annotate(text=Cast("policy", TextField()))
    for text in bookings.values_list("text", flat=True).distinct():
        if unreadable(json.loads(text)):
            yield from codes(bookings.filter(text=text), "code")


@invariant("Two calls of one expert never overlap while they hold a time, buffer included.")
def no_overlap(now: datetime) -> Iterator[str]:
    earlier = Window(
        Max("busy_until"),
        partition_by="expert",
        order_by=("starts_at", "id"),
        frame=RowRange(None, -1),
    )
    holding = Booking.objects.filter(state__in=HOLDS_A_SLOT).order_by()
    return codes(holding.annotate(earlier=earlier).filter(earlier__gt=F("starts_at")), "code")


# --- the timeline has no gap, and every outcome is the work of one event of it --------------------

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


@invariant("Every event of a history is as it was written, at its place, and none is missing.")
def history_is_as_written(now: datetime) -> Iterator[str]:
    began = Heartbeat.objects.filter(name=history_chain.BEGAN).first()
    return history_chain.broken(connection, began.counts["after_event"] if began else 0)


@invariant("Of a follower who was erased no booking keeps a name, and all of it ends within a day.")
def erased_is_gone(now: datetime) -> Iterator[str]:
    is_known = Q(follower__erased_at__isnull=False) & Q(erased_at__isnull=True)
    is_named = Q(erased_at__isnull=False) & (
        Q(follower__erased_at__isnull=True) | ~Q(follower__name=ERASED_NAME) | ~Q(buyer_name="")
    )
    unfinished = Q(
        follower__erasure__finished_at__isnull=True,
        follower__erasure__began_at__lt=now - timedelta(days=1),
    )
    return codes(every_booking().filter(is_known | is_named | unfinished), "code")


# --- nobody gets more back than was paid, nothing is sent early, no refund is forgotten -----------

_LIVE = Coalesce(
    Sum("refunds__amount_minor", filter=~Q(refunds__state__in=NOT_LIVE)),
    0,
    output_field=BigIntegerField(),
)


@invariant("We never send back more than was captured.")
def refunds_within_capture(now: datetime) -> Iterator[str]:
    return codes(Payment.objects.alias(live=_LIVE).filter(live__gt=F("captured_minor")))


@invariant("The reserved amount of a payment is the sum of its live refunds.")
def reserved_is_the_sum(now: datetime) -> Iterator[str]:
    return codes(Payment.objects.alias(live=_LIVE).exclude(live=F("reserved_minor")))


@invariant("What went back with us and without us is at most what was captured, or staff knows.")
def all_returns_within_capture(now: datetime) -> Iterator[str]:
    too_much = Q(captured_minor__lt=F("reserved_minor") + F("returned_external_minor"))
    return codes(Payment.objects.filter(too_much, alerted_at__isnull=True))


@invariant("A refund, its payment, its cause and its booking belong together, in one currency.")
def refund_belongs_to_its_booking(now: datetime) -> Iterator[str]:
    is_apart = (
        ~Q(payment__booking=F("booking"))
        | ~Q(event__booking=F("booking"))
        | ~Q(currency=F("payment__currency"))
        | ~Q(currency=F("booking__currency"))
    )
    return codes(Refund.objects.filter(is_apart))


@invariant("A refund is as large as the event that caused it said.")
def refund_is_as_decided(now: datetime) -> Iterator[str]:
    said = Cast(KeyTextTransform("refund_minor", "event__data"), BigIntegerField())
    return codes(Refund.objects.alias(said=said).exclude(said=F("amount_minor")))


@invariant("Money that an event sends back has its refund.")
def decided_refund_exists(now: datetime) -> Iterator[str]:
    said = Cast(KeyTextTransform("refund_minor", "data"), BigIntegerField())
    return codes(TimelineEvent.objects.alias(said=said).filter(said__gt=0, refund__isnull=True))


@invariant("Nothing sleeps: a refund in hand has a next step soon, a hold or an alert.")
def no_refund_sleeps(now: datetime) -> Iterator[str]:
    asleep = Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lt=now - DRIVEN_WITHIN)
    in_hand = Refund.objects.filter(asleep, state__in=IN_HAND, hold_reason="")
    return codes(in_hand.filter(alerted_at__isnull=True))


@invariant("Staff has been told of every refund that was declined or came back.")
def failed_refund_is_told(now: datetime) -> Iterator[str]:
    return codes(Refund.objects.filter(state__in=FAILED, alerted_at__isnull=True))


@invariant("No automatic refund happens before the full time to answer is over.")
def no_refund_early(now: datetime) -> Iterator[str]:
    closed_in_time = NoShowReport.objects.filter(
        closed_by=OuterRef("pk"), due_at__lte=OuterRef("at")
    )
    events = TimelineEvent.objects.filter(verb="no_answer")
    return codes(events.filter(~Exists(closed_in_time)))


@invariant("No offer lapses before its end.")
def no_offer_lapses_early(now: datetime) -> Iterator[str]:
    closed_in_time = Offer.objects.filter(closed_by=OuterRef("pk"), expires_at__lte=OuterRef("at"))
    events = TimelineEvent.objects.filter(verb="offer_lapsed")
    return codes(events.filter(~Exists(closed_in_time)))


@invariant("The sandbox paid every refund that succeeded with it, once, and no other.")
def sandbox_books_agree(now: datetime) -> Iterator[str]:
    uuid = Replace(Cast(F("uuid"), CharField()), Value("-"), Value(""))
    refunds = Refund.objects.filter(payment__provider="sandbox").alias(hex=uuid)
    paid = SandboxRefund.objects.alias(hex=Replace(F("refund_uuid"), Value("-"), Value(""))).filter(
        hex=OuterRef("hex")
    )
    as_asked = paid.filter(amount_minor=OuterRef("amount_minor"), currency=OuterRef("currency"))
    unpaid = Q(state=RefundState.SUCCEEDED, provider_refund_id__startswith="sbx_") & ~Exists(
        as_asked
    )
    paid_though_not_asked = Q(state__in=[RefundState.VOID, RefundState.DUE], first_sent_at=None)
    return codes(refunds.filter(unpaid | (paid_though_not_asked & Exists(paid))))


# --- every e-mail that was promised has been written down, and none is stuck ----------------------


@invariant("Every e-mail that an event promises is in the outbox.")
def promised_mail_is_written(now: datetime) -> Iterator[str]:
    """The database finds who may lack one; whether the event causes it, the register knows."""
    for verb, kinds in emails.KINDS_AFTER.items():
        for kind in kinds:
            written = OutboxEmail.objects.filter(event=OuterRef("pk"), kind=kind)
            since = now - settings.KEEP_MAILS  # older ones may be forgotten
            without = TimelineEvent.objects.filter(~Exists(written), verb=verb, at__gte=since)
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
    stuck = waiting.filter(
        Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lt=now - DONE_WITHIN)
    )
    for kind, code in stuck.values_list("kind", "booking__code").iterator():
        yield f"{code or 'no booking'} ({kind})"


# --- the database still keeps its own promises ----------------------------------------------------


@invariant("Every guard of the database is in place; a rebuilt table may have lost its triggers.")
def guards_are_in_place(now: datetime) -> Iterator[str]:
    yield from guards.missing(connection)
