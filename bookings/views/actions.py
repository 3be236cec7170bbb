"""What an expert can do with a booking. The verbs decide.

Each form has an address, and is a dialog with scripts and a page of its own without them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Protocol

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import reswap, retarget

from bookings import clocks, database_time, formats, lifecycle, lists, rules, slots, unsent
from bookings.access import ExpertRequest, expert_required, fills_in_again, own_booking
from bookings.forms.actions import (
    BookingForm,
    BulkRescheduleForm,
    CancelForm,
    CompletionForm,
    RefundForm,
    RescheduleForm,
    WithdrawForm,
)
from bookings.lifecycle.engine import Ask
from bookings.models import Booking
from bookings.presenters import dialogs
from bookings.presenters.row import address, as_expert
from bookings.states import Actor, State, TransitionNotAllowed, Verb, changed_meanwhile
from bookings.unsent import Unsent
from bookings.views import calls
from bookings.wording.next_step import at_stake
from bookings.wording.reader import Reader

METHODS = ["GET", "HEAD", "POST"]
CORRECTABLE = {"too_few_slots", "too_many_slots", "details_missing", "reason_missing"}
"""Refusals the person can mend in the form; any other means that the booking has moved on."""


@expert_required
@require_safe
def booking(request: ExpertRequest, code: str) -> HttpResponse:
    return calls.booking_page(request, code, now=database_time.now())


# --- dialogs --------------------------------------------------------------------------------------


class Act(Protocol):
    def __call__(
        self, booking_ref: lifecycle.Own, *, actor: Actor, now: datetime, ask: Ask
    ) -> Booking: ...


@dataclass(frozen=True, slots=True)
class Dialog:
    name: str
    """Of its address and its template."""
    verb: Verb
    form: type[BookingForm]
    act: Act
    details: tuple[str, ...]
    """What the verb takes of the cleaned form."""
    context: Callable[[Booking, Reader], dict[str, Any]]


def _of_offer(booking: Booking, reader: Reader) -> dict[str, Any]:
    horizon = booking.limits.offer_slot_horizon
    free = len(slots.free_for(booking, now=reader.now, until=clocks.after(reader.now, horizon)))
    return {
        "free": free,
        "horizon": formats.duration(horizon),
        "is_enough": free >= booking.limits.min_offer_slots,
        "least": booking.limits.min_offer_slots,
        "then": dialogs.of_offer(booking, reader),
        "preview": dialogs.preview(booking, reader),
    }


DIALOGS = {
    "reschedule": Dialog(
        name="reschedule",
        verb=Verb.OFFER_RESCHEDULE,
        form=RescheduleForm,
        act=lifecycle.offer_reschedule,
        details=("mode", "slots", "note"),
        context=_of_offer,
    ),
    "mark-completed": Dialog(
        name="mark_completed",
        verb=Verb.MARK_COMPLETED,
        form=CompletionForm,
        act=lifecycle.mark_completed,
        details=("outcome", "channel", "held_at", "minutes", "note"),
        context=lambda booking, reader: {
            "then": dialogs.of_mark(booking),
            "is_reported": booking.has_open_report,
            "planned": reader.moment(booking.starts_at),
        },
    ),
    "refund": Dialog(
        name="refund_now",
        verb=Verb.REFUND_NOW,
        form=RefundForm,
        act=lifecycle.refund_now,
        details=("reason",),
        context=lambda booking, reader: {
            "then": dialogs.of_refund(booking),
            "money": at_stake(booking),
        },
    ),
    "cancel": Dialog(
        name="cancel",
        verb=Verb.CANCEL,
        form=CancelForm,
        act=lifecycle.cancel,
        details=("reason",),
        context=lambda booking, reader: {
            "then": dialogs.of_cancellation(booking, reader),
            "planned": reader.moment(booking.starts_at),
        },
    ),
    "withdraw-offer": Dialog(
        name="withdraw_offer",
        verb=Verb.WITHDRAW_OFFER,
        form=WithdrawForm,
        act=lifecycle.withdraw_offer,
        details=(),
        context=lambda booking, reader: {"then": dialogs.of_withdrawal(booking, reader)},
    ),
}
"""By the last part of their address."""


def page_of(dialog: Dialog) -> Callable[..., HttpResponse]:
    """GET shows the form; POST does what its button says."""

    @expert_required
    @fills_in_again
    @require_http_methods(METHODS)
    def view(request: ExpertRequest, code: str) -> HttpResponse:
        now = database_time.now()
        if request.method == "POST":
            return _act(request, code, dialog, now=now)
        booking = own_booking(request.expert, code)
        refusal = rules.not_shown(booking, dialog.verb, as_expert(booking), now=now)
        if refusal is not None:
            return refused(request, code, refusal, now=now)
        form = dialog.form(booking=booking, now=now, initial=unsent.show(request))
        return _show(request, dialog, form)

    return view


class _Mistaken(Exception):
    """The form does not hold; nothing was done."""


def _act(request: ExpertRequest, code: str, dialog: Dialog, *, now: datetime) -> HttpResponse:
    form: BookingForm
    money = ""

    def details(booking: Booking) -> Mapping[str, Any]:
        """The form that was sent, read when its booking is locked."""
        nonlocal form, money
        money = at_stake(booking)  # what the follower could get back before the action
        form = dialog.form(request.POST, booking=booking, now=now)
        if not form.is_valid():
            raise _Mistaken
        return {name: form.cleaned_data[name] for name in dialog.details}

    own = lifecycle.Own(request.expert, code)
    try:
        booking = dialog.act(own, actor=calls.actor_of(request), now=now, ask=details)
    except _Mistaken:
        return _show(request, dialog, form, status=422)
    except TransitionNotAllowed as refusal:
        if refusal.code not in CORRECTABLE:
            return refused(request, code, refusal, now=now)
        form.add_error(None, refusal.sentence)
        return _show(request, dialog, form, status=422)
    reader, source = Reader.of(request.expert, now=now), calls.source_of(request)
    result = dialogs.done(dialog.verb, booking, reader, money=money, source=source)
    return calls.acted(request, booking, result, now=now)


def refused(
    request: ExpertRequest, code: str, refusal: TransitionNotAllowed, *, now: datetime
) -> HttpResponse:
    """The booking as it is now, and one sentence why nothing was done."""
    fresh = own_booking(request.expert, code)
    result = dialogs.refused(refusal, fresh, Reader.of(request.expert, now=now))
    return calls.acted(request, fresh, result, now=now, status=409)


def _show(
    request: ExpertRequest, dialog: Dialog, form: BookingForm, *, status: int = 200
) -> HttpResponse:
    """In a page of its own, as a dialog, or only the form again where the dialog is open."""
    booking, source = form.booking, calls.source_of(request)
    shape = "page"
    if calls.is_fragment(request):
        shape = "form" if status == 422 else "modal"
    context = {
        "booking": booking,
        "first_name": booking.buyer.first_name,
        "zone_place": formats.zone_place(request.expert.time_zone),
        "form": form,
        "problems": form.problems() if form.is_bound else [],
        "request_key": _request_key(request),
        "source": source,
        "action": address(dialog.name, booking.code),
        "target": "#booking" if source == "booking" else f"#call-{booking.code}",
        "back_url": address("booking", booking.code),
        "undo_for": formats.duration(booking.limits.undo_window),
        "shape": shape,
        **dialog.context(booking, Reader.of(request.expert, now=form.now)),
    }
    template = f"bookings/dialogs/{dialog.name}.html"
    if shape == "page":
        context["dialog"] = render_to_string(template, context, request)
        template = "bookings/dialog_page.html"
    response = calls.shown(request, template, context, status=status)
    if shape == "form":
        return reswap(retarget(response, "#dialog-slot form"), "outerHTML")
    return response


def _request_key(request: ExpertRequest) -> str:
    return request.POST.get("request_key") or secrets.token_urlsafe(24)


# --- buttons that act at once ---------------------------------------------------------------------


def shown_unless_posted(
    view: Callable[[ExpertRequest, str, datetime], HttpResponse],
) -> Callable[[ExpertRequest, str], HttpResponse]:
    """For a button without a form to open: who comes back from signing in sees the booking."""

    @require_http_methods(METHODS)
    @wraps(view)
    def wrapped(request: ExpertRequest, code: str) -> HttpResponse:
        if request.method != "POST":
            return redirect("booking", own_booking(request.expert, code).code)
        now = database_time.now()
        try:
            return view(request, code, now)
        except TransitionNotAllowed as refusal:
            return refused(request, code, refusal, now=now)

    return wrapped


@expert_required
@shown_unless_posted
def undo(request: ExpertRequest, code: str, now: datetime) -> HttpResponse:
    found = own_booking(request.expert, code)
    booking = lifecycle.undo(found.pk, actor=calls.actor_of(request), now=now)
    verb = str(booking.events.latest("id").data.get("verb", ""))
    result = dialogs.undone(verb, booking, Reader.of(request.expert, now=now))
    return calls.acted(request, booking, result, now=now, is_row=True)


@expert_required
@shown_unless_posted
def resend_offer(request: ExpertRequest, code: str, now: datetime) -> HttpResponse:
    own = lifecycle.Own(request.expert, code)
    booking = lifecycle.resend_offer(own, actor=calls.actor_of(request), now=now)
    result = dialogs.Result(f"{booking.buyer.name} gets the link again", code=booking.code)
    return calls.acted(request, booking, result, now=now, is_row=True)


# --- several followers at once --------------------------------------------------------------------

AT_ONCE = 25


@expert_required
@fills_in_again
@require_http_methods(METHODS)
def bulk_reschedule(request: ExpertRequest) -> HttpResponse:
    """A page that names everybody, and then a link to each."""
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
    refusals = {
        booking.code: rules.not_shown(booking, Verb.OFFER_RESCHEDULE, as_expert(booking), now=now)
        for booking in chosen
    }
    context = {
        "page": dialogs.confirmation(chosen, refusals, Reader.of(request.expert, now=now)),
        "form": form,
        "problems": form.problems() if form.is_bound else [],
        "request_key": _request_key(request),
        "section": "need_action",
    }
    status = 422 if form.is_bound else 200
    return render(request, "bookings/bulk_reschedule.html", context, status=status)


def _send(
    request: ExpertRequest, chosen: list[Booking], note: str, *, now: datetime
) -> HttpResponse:
    """One call after the other; one that is refused stops none of the others."""
    actor = calls.actor_of(request)
    offered = _each(
        request,
        chosen,
        lambda booking: lifecycle.offer_reschedule(booking.pk, actor=actor, now=now, note=note),
    )
    if offered:
        undo = str(dialogs.way_back(offered))
        messages.success(request, dialogs.offered_to(offered), extra_tags=undo)
    return redirect("waiting" if offered else "need_action")


@expert_required
@require_http_methods(METHODS)
def bulk_undo(request: ExpertRequest) -> HttpResponse:
    """Takes back what was offered to several at once, as far as it is still there."""
    if request.method != "POST":  # who comes back from signing in
        return redirect("waiting")
    now, actor = database_time.now(), calls.actor_of(request)
    codes = [code for code in request.GET.getlist("call") if code.isprintable()][:AT_ONCE]
    found = [lifecycle.Own(request.expert, code).find() for code in codes]
    chosen = [booking for booking in found if booking is not None]

    def take_back(booking: Booking) -> Booking:
        """Only the offer: what was done since is no part of what is taken back here."""
        if booking.state != State.RESCHEDULE_OFFERED:
            raise changed_meanwhile()
        return lifecycle.undo(booking.pk, actor=actor, now=now)

    taken_back = _each(request, chosen, take_back)
    if taken_back:
        messages.success(request, dialogs.taken_back(taken_back))
    return redirect("need_action" if taken_back else "waiting")


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


urlpatterns: list[URLPattern] = [
    path("need-action/reschedule/", bulk_reschedule, name="bulk_reschedule"),
    path("need-action/reschedule/undo/", bulk_undo, name="bulk_undo"),
    path("bookings/<slug:code>/", booking, name="booking"),
    *(
        path(f"bookings/<slug:code>/{slug}/", page_of(dialog), name=dialog.name)
        for slug, dialog in DIALOGS.items()
    ),
    path("bookings/<slug:code>/undo/", undo, name="undo"),
    path("bookings/<slug:code>/resend/", resend_offer, name="resend_offer"),
]
