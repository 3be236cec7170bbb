"""Contested calls: the queue in which staff decides."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString

from bookings.admin.acting import ActingAdmin, StaffAction
from bookings.admin.base import (
    NONE,
    CodeSearch,
    Column,
    NameSearch,
    Narrowed,
    age,
    chip,
    moment,
    money,
    remaining,
)
from bookings.admin.bookings import DECIDE, gone_elsewhere
from bookings.admin.rows import mark_words, report_words, story, verb_words
from bookings.models import Contest, TimelineEvent
from bookings.states import Actor, ActorKind, State, Verb


def _run(row: Contest, *, actor: Actor, now: datetime, details: dict[str, Any]) -> str:
    return DECIDE.run(row.booking, actor=actor, now=now, details=details)


def _refusal(row: Contest, actor: Actor, now: datetime) -> str:
    return DECIDE.refusal(row.booking, actor, now)


class Decided(Narrowed):
    title = "decision"
    parameter_name = "decision"
    ways = {
        "open": (
            "Open",
            lambda rows, now: rows.filter(decision="", booking__state=State.CONTESTED),
        ),
        "completed": (
            "The call took place",
            lambda rows, now: rows.filter(decision=Contest.Decision.COMPLETED),
        ),
        "refunded": ("Refunded", lambda rows, now: rows.filter(decision=Contest.Decision.REFUNDED)),
    }


def _ended_without_us(row: Contest) -> str:
    """What ended a case in which staff did not decide."""
    verb = getattr(row, "ended_with", None) or ""
    if verb != Verb.REFUND_NOW:
        return verb_words(verb)
    is_of_expert = getattr(row, "ended_by", "") == ActorKind.EXPERT
    return f"Refunded by {'the expert' if is_of_expert else 'staff'}, not decided"


@admin.register(Contest)
class ContestAdmin(CodeSearch[Contest], NameSearch[Contest], ActingAdmin[Contest]):
    staff_actions = (
        StaffAction(DECIDE.name, DECIDE.label, DECIDE.effect, _run, DECIDE.form, _refusal),
    )
    related = ("booking__expert", "booking__follower", "decided_by")
    list_display = ("booking", "expert", "follower", "paid", "age_now", "deadline", "decided",
                    "reason")  # fmt: skip
    list_filter = (Decided,)
    search_help_text = "The code of the booking."
    fields = ("booking", "expert", "follower", "paid", "contested", "reported", "marked",
              "objected", "deadline", "decided", "decision_reason", "decided_by",
              "decided_at")  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Contest]:
        ends = TimelineEvent.objects.filter(
            booking=OuterRef("booking"), from_state=State.CONTESTED
        ).order_by("-id")  # of two, the first was undone
        rows = super().get_queryset(request)
        return rows.annotate(
            ended_with=Subquery(ends.values("verb")[:1]),
            ended_by=Subquery(ends.values("actor_kind")[:1]),
        )

    def form_facts(self, row: Contest) -> dict[str, Any]:
        return {**super().form_facts(row), "elsewhere_minor": gone_elsewhere(row.booking)}

    expert = Column(str, "booking.expert.name")
    follower = Column(str, "booking.buyer.name")
    paid = Column(money, "booking.price_minor", "booking.currency")
    contested = Column(moment, "contested_at")

    @admin.display(description="the follower reported")
    def reported(self, row: Contest) -> str:
        report = row.booking.reports.filter(attempt=row.attempt).order_by("-id").first()
        return report_words(report) if report else NONE

    @admin.display(description="the expert wrote")
    def marked(self, row: Contest) -> str:
        """The mark this contest is about."""
        marks = row.booking.marks.filter(undone_at=None, marked_at__lte=row.contested_at)
        mark = marks.order_by("-id").first()
        return mark_words(mark) if mark else NONE

    objected = Column(str, "reason", description="the follower answered")

    def _is_open(self, row: Contest) -> bool:
        return not row.decision and row.booking.state == State.CONTESTED

    @admin.display(description="age")
    def age_now(self, row: Contest) -> str:
        return age(row.contested_at) if self._is_open(row) else NONE

    @admin.display(description="decide by (UTC)")
    def deadline(self, row: Contest) -> str:
        return remaining(row.booking.deadline_at) if self._is_open(row) else NONE

    @admin.display(description="decision")
    def decided(self, row: Contest) -> SafeString:
        if self._is_open(row):
            return chip("Open", "warn")
        if not row.decision:
            return chip(_ended_without_us(row), "money")
        return chip(row.get_decision_display(), "ok" if row.decision == "completed" else "money")

    def row_name(self, row: Contest) -> str:
        return row.booking.code

    def row_detail(self, row: Contest) -> str:
        return story(row.booking)

    def row_currency(self, row: Contest) -> str:
        return row.booking.currency
