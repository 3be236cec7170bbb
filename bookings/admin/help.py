"""What readers thought of the article, and support requests with their answers."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from bookings import database_time, helpdesk
from bookings.admin.base import (
    NONE,
    CodeSearch,
    Column,
    KeptAdmin,
    Narrowed,
    ReadOnlyAdmin,
    age,
    chip,
    moment,
)
from bookings.forms.fields import ParagraphsField
from bookings.models import HelpFeedback, SupportRequest, User


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
            messages.error(request, "Somebody has answered this meanwhile. Nothing was sent.")

    email = Column(str, "expert.user.email")
    asked = Column(moment, "created_at")
    answered = Column(moment, "answered_at")

    def waiting(self, row: SupportRequest) -> str:
        return NONE if row.answered_at else age(row.created_at)

    @admin.display(description="state")
    def state_now(self, row: SupportRequest) -> SafeString:
        return chip("Answered", "ok") if row.answered_at else chip("Waiting", "warn")
