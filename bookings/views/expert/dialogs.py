"""A dialog that is also a page: the same form at the same address, with and without scripts."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from django_htmx.http import reswap, retarget

from bookings import database_time, formats, lifecycle, rules, unsent
from bookings.access import ExpertRequest, own_booking
from bookings.forms.fields import ActionForm
from bookings.lifecycle.engine import Ask
from bookings.models import Booking
from bookings.presenters import addresses, results
from bookings.presenters.buttons import as_expert
from bookings.states import Actor, TransitionNotAllowed, Verb
from bookings.views.expert import answers, page
from bookings.wording.next_step import at_stake
from bookings.wording.reader import Reader

CORRECTABLE = {"too_few_slots", "too_many_slots", "details_missing", "reason_missing"}
"""Refusals the person can mend in the form; any other means that the booking has moved on."""


class Act(Protocol):
    def __call__(
        self, booking_ref: lifecycle.Own, *, actor: Actor, now: datetime, ask: Ask
    ) -> Booking: ...


@dataclass(frozen=True, slots=True)
class Dialog:
    verb: Verb
    template: str
    form: Callable[..., ActionForm]
    act: Act
    details: Callable[[dict[str, Any]], dict[str, Any]]
    """Makes the verb's arguments of the cleaned form."""
    context: Callable[[Booking, Reader], dict[str, Any]]


def open_or_act(request: ExpertRequest, code: str, dialog: Dialog) -> HttpResponse:
    """GET shows the form; POST does what its button says."""
    now = database_time.now()
    if request.method == "POST":
        return _act(request, code, dialog, now=now)
    booking = own_booking(request.expert, code)
    refusal = rules.not_shown(booking, dialog.verb, as_expert(booking), now=now)
    if refusal is not None:
        return refused(request, code, refusal, now=now)
    form = dialog.form(booking=booking, now=now, initial=unsent.show(request))
    return _show(request, booking, dialog, form, now=now)


class _Mistaken(Exception):
    """The form does not hold; nothing was done."""


class _Sent:
    """A form that was sent, read when its booking is locked."""

    booking: Booking
    form: ActionForm
    money: str
    """What the follower could get back before the action."""

    def __init__(self, request: ExpertRequest, dialog: Dialog, now: datetime) -> None:
        self.request, self.dialog, self.now = request, dialog, now

    def __call__(self, booking: Booking) -> dict[str, Any]:
        self.booking, self.money = booking, at_stake(booking)
        self.form = self.dialog.form(self.request.POST, booking=booking, now=self.now)
        if not self.form.is_valid():
            raise _Mistaken
        return self.dialog.details(self.form.cleaned_data)


def _act(request: ExpertRequest, code: str, dialog: Dialog, *, now: datetime) -> HttpResponse:
    sent = _Sent(request, dialog, now)
    own = lifecycle.Own(request.expert, code)
    try:
        booking = dialog.act(own, actor=answers.actor_of(request), now=now, ask=sent)
    except _Mistaken:
        return _show(request, sent.booking, dialog, sent.form, now=now, status=422)
    except TransitionNotAllowed as refusal:
        if refusal.code in CORRECTABLE:
            sent.form.add_error(None, refusal.sentence)
            return _show(request, sent.booking, dialog, sent.form, now=now, status=422)
        return refused(request, code, refusal, now=now)
    reader = Reader.of(request.expert, now=now)
    source = answers.source_of(request)
    result = results.done(dialog.verb, booking, reader, money=sent.money, source=source)
    return answers.acted(request, booking, result, now=now)


def refused(
    request: ExpertRequest, code: str, refusal: TransitionNotAllowed, *, now: datetime
) -> HttpResponse:
    """The booking as it is now, and one sentence why nothing was done."""
    fresh = own_booking(request.expert, code)
    result = results.refused(refusal, fresh, Reader.of(request.expert, now=now))
    return answers.acted(request, fresh, result, now=now, status=409)


def _show(
    request: ExpertRequest,
    booking: Booking,
    dialog: Dialog,
    form: ActionForm,
    *,
    now: datetime,
    status: int = 200,
) -> HttpResponse:
    reader = Reader.of(request.expert, now=now)
    source = answers.source_of(request)
    context = {
        "booking": booking,
        "first_name": booking.buyer.first_name,
        "zone_place": formats.zone_place(request.expert.time_zone),
        "form": form,
        "problems": form.problems() if form.is_bound else [],
        "request_key": request.POST.get("request_key") or secrets.token_urlsafe(24),
        "source": source,
        "action": addresses.of(_name(request), booking.code),
        "target": "#booking" if source == "booking" else f"#call-{booking.code}",
        "back_url": addresses.of("booking", booking.code),
        "undo_for": formats.duration(booking.limits.undo_window),
        **dialog.context(booking, reader),
    }
    return _rendered(request, dialog.template, context, status)


def _name(request: ExpertRequest) -> str:
    match = request.resolver_match
    return match.url_name or "" if match else ""


def _rendered(
    request: ExpertRequest, template: str, context: dict[str, Any], status: int
) -> HttpResponse:
    """In a page of its own, as a dialog, or only the form again where the dialog is open."""
    is_fragment = page.is_fragment(request)
    shape = ("form" if status == 422 else "modal") if is_fragment else "page"
    context = {**context, "shape": shape}
    if not is_fragment:
        context["dialog"] = render_to_string(template, context, request)
        template = "bookings/dialog_page.html"
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    if shape == "form":
        return reswap(retarget(response, "#dialog-slot form"), "outerHTML")
    return response
