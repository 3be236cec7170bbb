"""What an expert can do with a booking. Each address is a form; the verbs decide."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from bookings import clocks, database_time, lifecycle, slots
from bookings.access import ExpertRequest, expert_required, fills_in_again, own_booking
from bookings.forms.completion import CompletionForm
from bookings.forms.reasons import CancelForm, RefundForm, WithdrawForm
from bookings.forms.reschedule import RescheduleForm
from bookings.models import Booking
from bookings.presenters import consequences, preview, results
from bookings.presenters.reader import Reader, words
from bookings.presenters.stake import at_stake
from bookings.states import TransitionNotAllowed, Verb
from bookings.views.expert import answers
from bookings.views.expert.dialogs import Dialog, open_or_act, refused

METHODS = ["GET", "HEAD", "POST"]


def _reschedule_context(booking: Booking, reader: Reader) -> dict[str, Any]:
    horizon = booking.limits.offer_slot_horizon
    free = len(slots.free_for(booking, now=reader.now, until=clocks.after(reader.now, horizon)))
    return {
        "free": free,
        "horizon": words(horizon),
        "is_enough": free >= booking.limits.min_offer_slots,
        "least": booking.limits.min_offer_slots,
        "then": consequences.of_offer(booking, reader),
        "preview": preview.offer(booking, reader),
    }


RESCHEDULE = Dialog(
    verb=Verb.OFFER_RESCHEDULE,
    template="bookings/dialogs/reschedule.html",
    form=RescheduleForm,
    act=lifecycle.offer_reschedule,
    details=lambda data: {"mode": data["mode"], "slots": data["starts"], "note": data["note"]},
    context=_reschedule_context,
)
MARK_COMPLETED = Dialog(
    verb=Verb.MARK_COMPLETED,
    template="bookings/dialogs/mark_completed.html",
    form=CompletionForm,
    act=lifecycle.mark_completed,
    details=lambda data: {
        name: data[name] for name in ("outcome", "channel", "held_at", "minutes", "note")
    },
    context=lambda booking, reader: {
        "then": consequences.of_mark(booking),
        "is_reported": booking.has_open_report,
        "planned": reader.moment(booking.starts_at),
    },
)
REFUND_NOW = Dialog(
    verb=Verb.REFUND_NOW,
    template="bookings/dialogs/refund_now.html",
    form=RefundForm,
    act=lifecycle.refund_now,
    details=lambda data: {"reason": data["reason"]},
    context=lambda booking, reader: {
        "then": consequences.of_refund(booking),
        "money": at_stake(booking),
    },
)
CANCEL = Dialog(
    verb=Verb.CANCEL,
    template="bookings/dialogs/cancel.html",
    form=CancelForm,
    act=lifecycle.cancel,
    details=lambda data: {"reason": data["reason"]},
    context=lambda booking, reader: {
        "then": consequences.of_cancellation(booking, reader),
        "planned": reader.moment(booking.starts_at),
    },
)
WITHDRAW_OFFER = Dialog(
    verb=Verb.WITHDRAW_OFFER,
    template="bookings/dialogs/withdraw_offer.html",
    form=WithdrawForm,
    act=lifecycle.withdraw_offer,
    details=lambda data: {},
    context=lambda booking, reader: {
        "then": consequences.of_withdrawal(booking, reader),
    },
)


def shown_unless_posted(
    view: Callable[[ExpertRequest, str], HttpResponse],
) -> Callable[[ExpertRequest, str], HttpResponse]:
    """For a button without a form to open: who comes back from signing in sees the booking."""

    @require_http_methods(METHODS)
    @wraps(view)
    def wrapped(request: ExpertRequest, code: str) -> HttpResponse:
        if request.method == "POST":
            return view(request, code)
        return redirect("booking", own_booking(request.expert, code).code)

    return wrapped


@expert_required
@fills_in_again
@require_http_methods(METHODS)
def reschedule(request: ExpertRequest, code: str) -> HttpResponse:
    return open_or_act(request, code, RESCHEDULE)


@expert_required
@fills_in_again
@require_http_methods(METHODS)
def mark_completed(request: ExpertRequest, code: str) -> HttpResponse:
    return open_or_act(request, code, MARK_COMPLETED)


@expert_required
@fills_in_again
@require_http_methods(METHODS)
def refund_now(request: ExpertRequest, code: str) -> HttpResponse:
    return open_or_act(request, code, REFUND_NOW)


@expert_required
@fills_in_again
@require_http_methods(METHODS)
def cancel(request: ExpertRequest, code: str) -> HttpResponse:
    return open_or_act(request, code, CANCEL)


@expert_required
@fills_in_again
@require_http_methods(METHODS)
def withdraw_offer(request: ExpertRequest, code: str) -> HttpResponse:
    return open_or_act(request, code, WITHDRAW_OFFER)


@expert_required
@shown_unless_posted
def undo(request: ExpertRequest, code: str) -> HttpResponse:
    booking, now = own_booking(request.expert, code), database_time.now()
    try:
        booking = lifecycle.undo(booking.pk, actor=answers.actor_of(request), now=now)
    except TransitionNotAllowed as refusal:
        return refused(request, code, refusal, now=now)
    last = booking.events.latest("id")
    result = results.undone(
        str(last.data.get("verb", "")), booking, Reader.of(request.expert, now=now)
    )
    return answers.acted(request, booking, result, now=now, is_row=True)


@expert_required
@shown_unless_posted
def resend_offer(request: ExpertRequest, code: str) -> HttpResponse:
    own, now = lifecycle.Own(request.expert, code), database_time.now()
    try:
        booking = lifecycle.resend_offer(own, actor=answers.actor_of(request), now=now)
    except TransitionNotAllowed as refusal:
        return refused(request, code, refusal, now=now)
    return answers.acted(request, booking, results.resent(booking), now=now, is_row=True)
