"""State, clock, report, offer, mark and contest of a booking tell the same story."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Exists, F, Max, OuterRef, Q, RowRange, Window

from bookings import set_aside
from bookings.invariants.register import codes, each_limit, every_booking, invariant
from bookings.models import Booking, CompletionMark, Contest, NoShowReport, Offer, PrivateLink
from bookings.states import HOLDS_A_SLOT, State

PATIENCE = timedelta(minutes=10)
WAITING = (State.NO_SHOW_REPORTED, State.RESCHEDULE_OFFERED, State.CONTESTED)
_own = {"booking": OuterRef("pk")}


@invariant("A booking has a deadline exactly while somebody waits for somebody.")
def waiting_has_a_clock(now: datetime) -> Iterator[str]:
    wrong = Q(state__in=WAITING, deadline_at__isnull=True) | (
        ~Q(state__in=WAITING) & Q(deadline_at__isnull=False)
    )
    return codes(every_booking().filter(wrong), "code")


@invariant("What a passed deadline asks for has been done ten minutes later.")
def no_deadline_is_missed(now: datetime) -> Iterator[str]:
    running = every_booking().filter(deadline_at__lt=now - PATIENCE)
    for bookings, grace in each_limit(running, "grace"):
        yield from codes(bookings.filter(deadline_at__lt=now - PATIENCE - grace), "code")


@invariant("The limits of every booking with a clock can be read.")
def limits_can_be_read(now: datetime) -> Iterator[str]:
    with_a_clock = every_booking().filter(
        Q(deadline_at__isnull=False) | Q(next_reminder_at__isnull=False)
    )
    if all(map(set_aside.is_readable, with_a_clock.values_list("policy", flat=True).distinct())):
        return  # there are only a few different ones in any database
    for code, policy in with_a_clock.values_list("code", "policy").iterator():
        if not set_aside.is_readable(policy):
            yield code


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
