"""Offering a new time to several followers at once, after a page that names them all."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from bookings import database_time, lifecycle, lists, rules
from bookings.access import ExpertRequest, expert_required
from bookings.forms.reschedule import BulkRescheduleForm
from bookings.models import Booking
from bookings.presenters import bulk as present
from bookings.presenters.buttons import as_expert
from bookings.presenters.reader import Reader
from bookings.states import TransitionNotAllowed, Verb
from bookings.views.expert import answers

AT_ONCE = 25


@expert_required
@require_http_methods(["GET", "HEAD", "POST"])
def bulk_reschedule(request: ExpertRequest) -> HttpResponse:
    now = database_time.now()
    sent = request.POST if request.method == "POST" else request.GET
    codes = [code for code in sent.getlist("call") if code.isprintable()]
    chosen = lists.several(request.expert, codes[:AT_ONCE])
    if not chosen:
        messages.error(request, "Select at least one call that needs action.")
        return redirect("need_action")
    form = BulkRescheduleForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        return _send(request, chosen, form.cleaned_data["note"], now=now)
    context = {
        "page": present.confirmation(chosen, _refused(chosen, now), _reader(request, now)),
        "form": form,
        "problems": form.problems() if form.is_bound else [],
        "request_key": request.POST.get("request_key") or secrets.token_urlsafe(24),
        "section": "need_action",
    }
    status = 422 if form.is_bound else 200
    return render(request, "bookings/bulk_reschedule.html", context, status=status)


def _reader(request: ExpertRequest, now: datetime) -> Reader:
    return Reader.of(request.expert, now=now)


def _refused(chosen: list[Booking], now: datetime) -> dict[str, str]:
    """Why some of them cannot be offered a new time: code to sentence."""
    answers_by_code = {
        booking.code: rules.refusal(booking, Verb.OFFER_RESCHEDULE, as_expert(booking), now=now)
        for booking in chosen
    }
    return {code: refusal.sentence for code, refusal in answers_by_code.items() if refusal}


def _send(
    request: ExpertRequest, chosen: list[Booking], note: str, *, now: datetime
) -> HttpResponse:
    """One call after the other; one that is refused stops none of the others."""
    sent: list[str] = []
    for booking in chosen:
        name = booking.follower.name
        try:
            lifecycle.offer_reschedule(
                booking.pk, actor=answers.actor_of(request), now=now, note=note
            )
        except TransitionNotAllowed as refusal:
            messages.error(request, f"{name}: {refusal.sentence}")
        else:
            sent.append(name)
    if sent:
        messages.success(request, present.sent_to(sent))
    return redirect("waiting" if sent else "need_action")
