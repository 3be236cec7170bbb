"""The follower says that what the expert wrote is not right."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse

from bookings import clocks, formats, lifecycle
from bookings.forms.follower import ContestForm
from bookings.states import TransitionNotAllowed, Verb
from bookings.views.follower.private import (
    Purpose,
    Visit,
    outcome,
    page,
    private,
    redirect_to,
    refused,
)


@private(Purpose.CONTEST)
def contest(visit: Visit) -> HttpResponse:
    if visit.request.method == "POST":
        return _submitted(visit)
    return _form(visit, ContestForm()) if visit.allows(Verb.CONTEST) else outcome(visit)


def _submitted(visit: Visit) -> HttpResponse:
    form = ContestForm(visit.request.POST)
    if not form.is_valid():
        return _form(visit, form, status=422) if visit.allows(Verb.CONTEST) else outcome(visit)
    try:
        booking = lifecycle.contest(
            visit.booking.pk, actor=form.actor, now=visit.now, reason=form.cleaned_data["reason"]
        )
    except TransitionNotAllowed as no:
        return refused(visit, no.sentence)
    messages.success(visit.request, "Thank you. Our team looks at it and writes to you.")
    return redirect_to(booking, Purpose.STATUS, now=visit.now)


def _form(visit: Visit, form: ContestForm, *, status: int = 200) -> HttpResponse:
    case = visit.case()
    closes_at = clocks.contest_closes_at(visit.booking)
    return page(
        visit,
        "contest.html",
        status=status,
        case=case,
        form=form,
        heading=case.marked_as,
        mark=case.mark_facts,
        until=case.reader.moment(closes_at) if closes_at else "",
        decided_in=formats.duration(visit.booking.limits.decide_window),
    )
