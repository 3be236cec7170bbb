"""A follower's pages. They are opened from private links in e-mails, without signing in.

Opening one (GET, HEAD, a mail scanner) changes nothing, ever; only a pressed button (POST) acts.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST

from bookings import addresses, calendar, clocks, database_time, emails, formats, lifecycle, tasks
from bookings.forms.follower import ActForm, ContestForm, ReportForm
from bookings.models import Booking
from bookings.presenters import follower_pages as present
from bookings.states import State, TransitionNotAllowed, Verb
from bookings.views.private import (
    Purpose,
    Visit,
    ensure_live,
    outcome,
    page,
    private,
    read_or_404,
    redirect_to,
    wanted,
    where_it_stands,
)
from bookings.wording.case import for_follower

# --- did the call happen? -------------------------------------------------------------------------


@private(Purpose.REPORT)
def report(visit: Visit) -> HttpResponse:
    if visit.request.method == "POST":
        return _report_sent(visit)
    return _report_form(visit, ReportForm())


def _report_form(visit: Visit, form: ReportForm, *, status: int = 200) -> HttpResponse:
    """The form while it may be sent; before that from when; after that where things stand."""
    if visit.booking.has_open_report:
        return _open_case(visit)
    no = visit.refusal(Verb.REPORT_NO_SHOW)
    if no is None:
        case = visit.case()
        return page(
            visit, "report.html", status=status, case=case, form=form,
            choices=present.reasons(case, chosen=form["reason"].value() or ""),
            then=present.after_report(case),
        )  # fmt: skip
    if no.code == "too_early":
        case = visit.case()
        opens_at = clocks.report_opens_at(visit.booking)
        return page(visit, "report_early.html", case=case, opens=case.reader.moment(opens_at))
    return outcome(visit)


def _open_case(visit: Visit) -> HttpResponse:
    return page(
        visit,
        "reported.html",
        form=ActForm(),
        can_withdraw=visit.allows(Verb.WITHDRAW_REPORT),
        can_move=visit.allows(Verb.MOVE_INSTEAD),
        **where_it_stands(visit, visit.case()),
    )


def _report_sent(visit: Visit) -> HttpResponse:
    if "happened" in visit.request.POST:
        return page(visit, "happened.html")
    form = ReportForm(visit.request.POST)
    if not form.is_valid():
        return _report_form(visit, form, status=422)
    try:
        booking = lifecycle.report_no_show(
            visit.booking.pk,
            actor=form.actor,
            now=visit.now,
            reason=form.cleaned_data["reason"],
            text=form.cleaned_data["text"],
        )
    except TransitionNotAllowed:
        visit.booking.refresh_from_db()
        if visit.booking.has_open_report:
            return redirect(visit.address("report"))
        raise
    messages.success(visit.request, present.thanks(for_follower(booking, now=visit.now)))
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
    lifecycle.withdraw_report(visit.booking.pk, actor=form.actor, now=visit.now)
    messages.success(visit.request, "Your report has been withdrawn.")
    return redirect_to(visit.booking, Purpose.STATUS, now=visit.now)


@private(Purpose.REPORT, methods=("POST",))
def move_instead(visit: Visit) -> HttpResponse:
    """Only opens the calendar; the call moves when a time is confirmed there."""
    if no := visit.refusal(Verb.MOVE_INSTEAD):
        raise no
    return redirect_to(visit.booking, Purpose.PICK, now=visit.now)


# --- what the expert wrote is not right -----------------------------------------------------------


@private(Purpose.CONTEST)
def contest(visit: Visit) -> HttpResponse:
    if visit.request.method == "POST":
        return _contest_sent(visit)
    return _contest_form(visit, ContestForm()) if visit.allows(Verb.CONTEST) else outcome(visit)


def _contest_sent(visit: Visit) -> HttpResponse:
    form = ContestForm(visit.request.POST)
    if not form.is_valid():
        return (
            _contest_form(visit, form, status=422) if visit.allows(Verb.CONTEST) else outcome(visit)
        )
    booking = lifecycle.contest(
        visit.booking.pk, actor=form.actor, now=visit.now, reason=form.cleaned_data["reason"]
    )
    messages.success(visit.request, "Thank you. Our team will look into it and write to you.")
    return redirect_to(booking, Purpose.STATUS, now=visit.now)


def _contest_form(visit: Visit, form: ContestForm, *, status: int = 200) -> HttpResponse:
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


# --- where the booking and its refund stand -------------------------------------------------------

FUTURE_CALL = (State.SCHEDULED, State.RESCHEDULE_OFFERED)


@private(Purpose.STATUS, methods=("GET", "HEAD"))
def status(visit: Visit) -> HttpResponse:
    """Asked again every minute by the page itself until nothing more can change."""
    is_part = bool(getattr(visit.request, "htmx", False))
    response = page(
        visit,
        "status.html#standing" if is_part else "status.html",
        is_home=True,
        **where_it_stands(visit, visit.case()),
    )
    patch_vary_headers(response, ["HX-Request"])
    return response


@private(Purpose.STATUS, methods=("GET", "HEAD"))
def status_calendar(visit: Visit) -> HttpResponse:
    buyer = visit.booking.buyer
    return calendar_file(
        visit.booking, attendee=calendar.Party(buyer.name, buyer.email), now=visit.now
    )


def calendar_file(booking: Booking, *, attendee: calendar.Party, now: datetime) -> HttpResponse:
    """The calendar file of a call that is still to come."""
    if booking.state not in FUTURE_CALL or clocks.has_started(booking, now):
        raise Http404("no call to come")
    expert = booking.expert
    text = calendar.call_file(
        booking,
        method="REQUEST",
        summary=f"{booking.service_title} with {expert.name}",
        organizer=calendar.Party(
            expert.name, addresses.read_mailbox(settings.DEFAULT_FROM_EMAIL)[1]
        ),
        attendee=attendee,
        now=now,
    )
    return HttpResponse(
        text,
        content_type="text/calendar; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{booking.code}.ics"'},
    )


# --- a link that is over --------------------------------------------------------------------------

EVERY_SECONDS = 600
SENT = "We sent the newest link to the address you booked with. It will arrive in a minute or two."


@require_POST
def new_link(request: HttpRequest, purpose: str, token: str) -> HttpResponse:
    """Mail the newest one to the address the follower booked with. The answer is the same whether
    a mail was written or one went out minutes ago."""
    if purpose not in Purpose.values:
        raise Http404("no such purpose")
    link = read_or_404(token, purpose)
    now = database_time.now()
    to_send = wanted(link.booking, now=now)
    with transaction.atomic():
        ensure_live(link.booking, to_send, now=now)
        spell = int(now.timestamp()) // EVERY_SECONDS
        emails.queue(
            "new_link",
            booking=link.booking,
            now=now,
            dedupe=f"{link.booking.pk}:{to_send}:{spell}",
            facts={"purpose": to_send},
        )
        tasks.wake(link.booking)
    messages.success(request, SENT)
    return redirect(reverse(purpose, kwargs={"token": token}))


urlpatterns: list[URLPattern] = [
    path("report/<str:token>/", report, name="report"),
    path("report/<str:token>/withdraw/", withdraw_report, name="withdraw_report"),
    path("report/<str:token>/move/", move_instead, name="move_instead"),
    path("contest/<str:token>/", contest, name="contest"),
    path("status/<str:token>/", status, name="status"),
    path("status/<str:token>/call.ics", status_calendar, name="status_calendar"),
    path("link/<str:purpose>/<str:token>/send/", new_link, name="new_link"),
]
