"""Offering a new time to several followers at once, after a page that names them all."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from bookings import database_time, lifecycle, lists, rules, unsent
from bookings.access import ExpertRequest, expert_required, fills_in_again
from bookings.forms.reschedule import BulkRescheduleForm
from bookings.models import Booking
from bookings.presenters import bulk as present
from bookings.presenters.buttons import as_expert
from bookings.presenters.reader import Reader
from bookings.states import Actor, State, TransitionNotAllowed, Verb, changed_meanwhile
from bookings.unsent import Unsent
from bookings.views.expert import answers

AT_ONCE = 25


@expert_required
@fills_in_again
@require_http_methods(["GET", "HEAD", "POST"])
def bulk_reschedule(request: ExpertRequest) -> HttpResponse:
    now = database_time.now()
    kept: Unsent | None = getattr(request, "unsent", None)
    sent = kept.fields if kept else request.POST if request.method == "POST" else request.GET
    codes = [code for code in sent.getlist("call") if code.isprintable()]
    chosen = lists.several(request.expert, codes[:AT_ONCE])
    if not chosen:
        messages.error(request, "Select at least one call that needs action.")
        return redirect("need_action")
    form = BulkRescheduleForm(
        request.POST if request.method == "POST" else None, initial=unsent.show(request)
    )
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
        booking.code: rules.not_shown(booking, Verb.OFFER_RESCHEDULE, as_expert(booking), now=now)
        for booking in chosen
    }
    return {code: refusal.sentence for code, refusal in answers_by_code.items() if refusal}


def _send(
    request: ExpertRequest, chosen: list[Booking], note: str, *, now: datetime
) -> HttpResponse:
    """One call after the other; one that is refused stops none of the others."""
    actor = answers.actor_of(request)
    offered = _each(
        request,
        chosen,
        lambda booking: lifecycle.offer_reschedule(booking.pk, actor=actor, now=now, note=note),
    )
    if offered:
        undo = str(present.way_back(offered))
        messages.success(request, present.offered_to(offered), extra_tags=undo)
    return redirect("waiting" if offered else "need_action")


@expert_required
@require_http_methods(["GET", "HEAD", "POST"])
def bulk_undo(request: ExpertRequest) -> HttpResponse:
    """Takes back what was offered to several at once, as far as it is still there."""
    if request.method != "POST":  # who comes back from signing in
        return redirect("waiting")
    now, actor = database_time.now(), answers.actor_of(request)
    codes = [code for code in request.GET.getlist("call") if code.isprintable()][:AT_ONCE]
    found = [lifecycle.Own(request.expert, code).find() for code in codes]
    chosen = [booking for booking in found if booking is not None]
    taken_back = _each(request, chosen, lambda booking: _undo_offer(booking, actor=actor, now=now))
    if taken_back:
        messages.success(request, present.taken_back(taken_back))
    return redirect("need_action" if taken_back else "waiting")


def _undo_offer(booking: Booking, *, actor: Actor, now: datetime) -> Booking:
    """Only the offer: what was done since is no part of what is taken back here."""
    if booking.state != State.RESCHEDULE_OFFERED:
        raise changed_meanwhile()
    return lifecycle.undo(booking.pk, actor=actor, now=now)


def _each(
    request: ExpertRequest, chosen: list[Booking], act: Callable[[Booking], Booking]
) -> list[Booking]:
    """Those that were acted on; of each that was refused a message says why."""
    done = []
    for booking in chosen:
        try:
            done.append(act(booking))
        except TransitionNotAllowed as refusal:
            messages.error(request, f"{booking.buyer.name}: {refusal.sentence}")
    return done
