"""Did the call happen? Report that it did not, take that back, or ask for a new time instead."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from bookings import clocks, lifecycle
from bookings.forms.follower import ActForm, ReportForm
from bookings.presenters import follower as present
from bookings.presenters import follower_pages as wording
from bookings.states import TransitionNotAllowed, Verb
from bookings.views.follower.private import (
    Purpose,
    Visit,
    outcome,
    page,
    private,
    redirect_to,
    refused,
    wanted,
)
from bookings.wording.case import for_follower


@private(Purpose.REPORT)
def report(visit: Visit) -> HttpResponse:
    if visit.request.method == "POST":
        return _submitted(visit)
    return _shown(visit, ReportForm())


def _shown(visit: Visit, form: ReportForm, *, status: int = 200) -> HttpResponse:
    """The form while it may be sent; before that from when; after that where things stand."""
    if visit.booking.has_open_report:
        return _open_case(visit)
    no = visit.refusal(Verb.REPORT_NO_SHOW)
    if no is None:
        case = visit.case()
        return page(
            visit, "report.html", status=status, case=case, form=form,
            choices=wording.reasons(case, chosen=form["reason"].value() or ""),
            then=wording.after_report(case),
        )  # fmt: skip
    if no.code == "too_early":
        case = visit.case()
        opens_at = clocks.report_opens_at(visit.booking)
        return page(visit, "report_early.html", case=case, opens=case.reader.moment(opens_at))
    return outcome(visit)


def _open_case(visit: Visit) -> HttpResponse:
    case = visit.case()
    return page(
        visit,
        "reported.html",
        case=case,
        standing=present.standing(case),
        form=ActForm(),
        wanted=wanted(visit.booking, now=visit.now),
        can_withdraw=visit.allows(Verb.WITHDRAW_REPORT),
        can_move=visit.allows(Verb.MOVE_INSTEAD),
    )


def _submitted(visit: Visit) -> HttpResponse:
    if "happened" in visit.request.POST:
        return page(visit, "happened.html")
    form = ReportForm(visit.request.POST)
    if not form.is_valid():
        return _shown(visit, form, status=422)
    try:
        booking = lifecycle.report_no_show(
            visit.booking.pk,
            actor=form.actor,
            now=visit.now,
            reason=form.cleaned_data["reason"],
            text=form.cleaned_data["text"],
        )
    except TransitionNotAllowed as no:
        visit.booking.refresh_from_db()
        if visit.booking.has_open_report:
            return redirect(visit.address("report"))
        return refused(visit, no.sentence)
    messages.success(visit.request, wording.thanks(for_follower(booking, now=visit.now)))
    return redirect(visit.address("report"))


@private(Purpose.REPORT)
def withdraw_report(visit: Visit) -> HttpResponse:
    """Asked for once more before it counts: the money would not come back by itself then."""
    if visit.request.method != "POST":
        if not visit.allows(Verb.WITHDRAW_REPORT):
            return outcome(visit)
        return page(visit, "withdraw.html", form=ActForm())
    form = ActForm(visit.request.POST)
    form.is_valid()
    try:
        lifecycle.withdraw_report(visit.booking.pk, actor=form.actor, now=visit.now)
    except TransitionNotAllowed as no:
        return refused(visit, no.sentence)
    messages.success(visit.request, "Your report is withdrawn.")
    return redirect_to(visit.booking, Purpose.STATUS, now=visit.now)


@private(Purpose.REPORT, methods=("POST",))
def move_instead(visit: Visit) -> HttpResponse:
    """Only opens the calendar; the call moves when a time is confirmed there."""
    no = visit.refusal(Verb.MOVE_INSTEAD)
    if no is not None:
        return refused(visit, no.sentence)
    return redirect_to(visit.booking, Purpose.PICK, now=visit.now)
