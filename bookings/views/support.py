"""An expert asks staff for help and reads the answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods

from bookings import database_time, helpdesk, unsent
from bookings.access import (
    ExpertRequest,
    expert_required,
    fills_in_again,
)
from bookings.formats import moment
from bookings.forms.fields import LineField, ParagraphsField, Styled
from bookings.models import Booking, Expert


class SupportForm(Styled, forms.Form):
    subject = LineField(
        max_length=120,
        label="What is it about?",
        error_messages={"required": "Say in a few words what it is about."},
    )
    code = LineField(
        label="Booking",
        required=False,
        max_length=20,
        help_text="Its code, as in TM-7KQ4X9M, if it is about one call.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )
    message = ParagraphsField(
        max_length=5000,
        rows=7,
        label="What happened?",
        error_messages={"required": "Say what happened."},
    )

    def __init__(self, *args: Any, expert: Expert, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.expert = expert
        self.booking: Booking | None = None

    def clean_code(self) -> str:
        code = str(self.cleaned_data["code"]).upper()
        if code:
            self.booking = self.own_booking(code)
            if self.booking is None:
                raise forms.ValidationError("You have no booking with this code.")
        return code

    def own_booking(self, code: str) -> Booking | None:
        return Booking.objects.of_expert(self.expert).filter(code=code).first()


@require_http_methods(["GET", "HEAD", "POST"])
@expert_required
@fills_in_again
def support(request: ExpertRequest) -> HttpResponse:
    if request.method == "POST":
        return _ask(request)
    # A code that is not the expert's own is not repeated, as if it did not exist.
    asked = {"code": request.GET.get("booking", ""), **unsent.show(request)}
    form = SupportForm(expert=request.expert, initial=asked)
    if form.own_booking(form.initial["code"]) is None:
        form.initial["code"] = ""
    return _page(request, form)


def _ask(request: ExpertRequest) -> HttpResponse:
    form = SupportForm(request.POST, expert=request.expert)
    if not form.is_valid():
        return _page(request, form)
    data = form.cleaned_data
    try:
        helpdesk.ask(
            request.expert,
            subject=data["subject"],
            message=data["message"],
            booking=form.booking,
            now=database_time.now(),
        )
    except helpdesk.TooManyRequests:
        form.add_error(None, "You have sent many requests today. Answer to one of our e-mails.")
        return _page(request, form)
    messages.success(request, f"We have your request. We answer to {request.expert.user.email}.")
    return redirect("support")


def _page(request: ExpertRequest, form: SupportForm) -> HttpResponse:
    context = {
        "form": form,
        "requests": request_rows(request.expert, now=database_time.now()),
        "section": "account",
    }
    return render(request, "pages/support.html", context, status=422 if form.errors else 200)


SHOWN = 50


def request_rows(expert: Expert, *, now: datetime) -> list[dict[str, Any]]:
    def at(instant: datetime | None) -> str:
        return moment(instant, expert.time_zone, expert.clock, now) if instant else ""

    newest = expert.support_requests.select_related("booking").order_by("-id")[:SHOWN]
    return [
        {
            "subject": asked.subject,
            "message": asked.message,
            "asked": at(asked.created_at),
            "booking_code": asked.booking.code if asked.booking else "",
            "answer": asked.answer,
            # Empty while nobody has answered.
            "answered": at(asked.answered_at),
        }
        for asked in newest
    ]


urlpatterns: list[URLPattern] = [path("support/", support, name="support")]
