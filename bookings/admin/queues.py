"""The queues that staff works through: contested calls to decide, support requests to answer, and
what waits for the workers: e-mails on their way and bookings that the sweep cannot go on with.

Beside them stand what readers thought of the help articles, and the heartbeat of the sweep.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from bookings import database_time, helpdesk, sweeps
from bookings.admin.acting import ActingAdmin, StaffAction, refused_as, runs
from bookings.admin.base import (
    LATEST,
    NONE,
    CodeSearch,
    Column,
    KeptAdmin,
    NameSearch,
    Narrowed,
    ReadOnlyAdmin,
    age,
    among_latest,
    chip,
    moment,
    money,
    remaining,
)
from bookings.admin.bookings import DECIDE, gone_elsewhere
from bookings.admin.rows import mark_words, report_words, story
from bookings.emails import outbox
from bookings.forms.fields import ParagraphsField
from bookings.models import (
    Contest,
    Heartbeat,
    HelpFeedback,
    OutboxEmail,
    OutboxState,
    SetAside,
    SupportRequest,
    TimelineEvent,
    User,
)
from bookings.staff_acts import verb_words
from bookings.states import Actor, ActorKind, State, Verb

# --- contested calls ------------------------------------------------------------------------------


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


# --- help: what readers thought of an article, and requests with their answers --------------------


@admin.register(HelpFeedback)
class HelpFeedbackAdmin(ReadOnlyAdmin[HelpFeedback]):
    change_list_template = "admin/bookings/feedback_change_list.html"
    list_display = ("created", "article", "verdict", "comment")
    list_filter = ("is_helpful", "article")
    search_fields = ("comment",)
    fields = ("created", "article", "verdict", "comment", "user")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"totals": self._totals(), **(extra_context or {})}
        return super().changelist_view(request, context)

    def _totals(self) -> list[Any]:
        return list(
            HelpFeedback.objects.values("article")
            .annotate(
                yes=Count("pk", filter=Q(is_helpful=True)),
                no=Count("pk", filter=Q(is_helpful=False)),
                comments=Count("pk", filter=~Q(comment="")),
            )
            .order_by("article")
        )

    created = Column(moment, "created_at")

    @admin.display(description="helpful")
    def verdict(self, row: HelpFeedback) -> SafeString:
        return chip("Yes", "ok") if row.is_helpful else chip("No", "bad")


class AnswerForm(forms.ModelForm[SupportRequest]):
    answer = ParagraphsField(
        max_length=5000,
        rows=10,
        help_text="Mailed to the expert when you save. It cannot be changed afterwards.",
        error_messages={"required": "Write an answer."},
    )

    class Meta:
        model = SupportRequest
        fields = ("answer",)


class Answered(Narrowed):
    title = "answer"
    parameter_name = "answered"
    ways = {
        "no": ("Waiting", lambda rows, now: rows.filter(answered_at__isnull=True)),
        "yes": ("Answered", lambda rows, now: rows.filter(answered_at__isnull=False)),
    }


@admin.register(SupportRequest)
class SupportRequestAdmin(CodeSearch[SupportRequest], KeptAdmin[SupportRequest]):
    form = AnswerForm
    related = ("expert__user", "booking", "answered_by")
    list_display = ("subject", "expert", "booking", "asked", "waiting", "state_now")
    list_filter = (Answered,)
    search_fields = ("subject", "expert__name")
    search_help_text = "The code of the booking, words of the subject, or the expert’s name."
    sortable_by = ()
    readonly_fields = ("expert", "email", "booking", "asked", "subject", "message", "answered_by",
                       "answered")  # fmt: skip
    fields = ("expert", "email", "booking", "asked", "subject", "message", "answer", "answered_by",
              "answered")  # fmt: skip

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: SupportRequest | None = None
    ) -> bool:
        """An answer that was mailed stays as it is."""
        is_open = obj is None or obj.answered_at is None
        return is_open and super().has_change_permission(request, obj)

    def save_model(
        self, request: HttpRequest, obj: SupportRequest, form: AnswerForm, change: bool
    ) -> None:
        assert isinstance(request.user, User)
        text, now = form.cleaned_data["answer"], database_time.now()
        if not helpdesk.answer(obj.pk, text=text, by=request.user, now=now):
            messages.error(
                request, "Somebody else has answered this in the meantime. Nothing was sent."
            )

    email = Column(str, "expert.user.email")
    asked = Column(moment, "created_at")
    answered = Column(moment, "answered_at")

    def waiting(self, row: SupportRequest) -> str:
        return NONE if row.answered_at else age(row.created_at)

    @admin.display(description="state")
    def state_now(self, row: SupportRequest) -> SafeString:
        return chip("Answered", "ok") if row.answered_at else chip("Waiting", "warn")


# --- what waits for the workers -------------------------------------------------------------------

TONES = {OutboxState.SENT: "ok", OutboxState.FAILED: "bad", OutboxState.CANCELLED: ""}


@admin.register(OutboxEmail)
class OutboxAdmin(CodeSearch[OutboxEmail], NameSearch[OutboxEmail], ActingAdmin[OutboxEmail]):
    """Without the text: it holds private links, and is made only when it is sent."""

    staff_actions = (
        StaffAction(
            "retry",
            "Try again",
            "Sends the e-mail within a minute, unless what it says is no longer true.",
            runs(outbox.retry, "The e-mail will be sent within a minute."),
            refusal=refused_as(lambda row, actor, now: outbox.refusal(row, "retry", actor)),
            has_no_history=True,
        ),
        StaffAction(
            "park",
            "Park",
            "Stops trying. It can be tried again later.",
            runs(outbox.park, "Parked."),
            refusal=refused_as(lambda row, actor, now: outbox.refusal(row, "park", actor)),
            has_no_history=True,
        ),
    )
    related = ("booking__expert",)
    list_display = ("what", "audience", "booking", "state_now", "attempts", "next_try", "created",
                    "sent", "last_error")  # fmt: skip
    list_filter = ("state", "audience")
    search_help_text = (
        f"The code of the booking, or a kind such as offer among the latest {LATEST:,} e-mails."
    )
    fields = ("what", "audience", "booking", "state_now", "attempts", "next_try", "created", "sent",
              "last_error", "message_id", "dedupe_key")  # fmt: skip

    def named(self, term: str) -> Iterable[QuerySet[OutboxEmail]]:
        yield among_latest(OutboxEmail.objects.all(), kind__iexact=term)

    @admin.display(description="e-mail")
    def what(self, row: OutboxEmail) -> str:
        return row.kind.replace("_", " ")

    @admin.display(description="state")
    def state_now(self, row: OutboxEmail) -> SafeString:
        return chip(row.get_state_display(), TONES.get(OutboxState(row.state), "info"))

    next_try = Column(moment, "next_attempt_at")
    created = Column(moment, "created_at")
    sent = Column(moment, "sent_at")

    def row_name(self, row: OutboxEmail) -> str:
        about = f" of {row.booking}" if row.booking else ""
        return f"{row.kind.replace('_', ' ').capitalize()}{about}"


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin[Heartbeat]):
    list_display = ("name", "finished", "age_now", "counts")
    fields = list_display

    finished = Column(moment, "finished_at")
    age_now = Column(age, "finished_at", description="age")


def _not_renewed(row: SetAside, actor: Actor, now: datetime) -> str:
    if not row.booking.unreadable_limits:
        return "The limits of this booking can be read."
    return ""


@admin.register(SetAside)
class SetAsideAdmin(CodeSearch[SetAside], ActingAdmin[SetAside]):
    """Why the sweep cannot go on with a booking, and what staff can do."""

    staff_actions = (
        StaffAction(
            "try_again",
            "Try again",
            "The next sweep tries it again, within a minute. It leaves this list when that works.",
            runs(sweeps.try_again, "It will be tried again within a minute."),
            has_no_history=True,
        ),
        StaffAction(
            "limits",
            "Give it today’s limits",
            "For a booking whose own limits cannot be read: those in force today take their place. "
            "A deadline that is running stays as it is.",
            runs(
                sweeps.give_limits_in_force,
                "The booking has today’s limits now and will be tried again.",
            ),
            refusal=_not_renewed,
        ),
    )
    related = ("booking__expert",)
    list_display = ("booking", "step", "set_aside_at", "attempts", "next_try", "last_error")
    list_filter = ("step",)
    search_help_text = "The code of the booking."
    fields = list_display

    set_aside_at = Column(moment, "since", description="since")
    next_try = Column(moment, "next_attempt_at")
