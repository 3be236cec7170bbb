"""Where the booking stands, and where the refund stands."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.http import Http404, HttpResponse
from django.utils.cache import patch_vary_headers

from bookings import addresses, calendar, clocks
from bookings.models import Booking
from bookings.presenters import follower as present
from bookings.states import State
from bookings.views.follower.private import Purpose, Visit, page, private, wanted

FUTURE_CALL = (State.SCHEDULED, State.RESCHEDULE_OFFERED)


@private(Purpose.STATUS, methods=("GET", "HEAD"))
def status(visit: Visit) -> HttpResponse:
    """Asked again every minute by the page itself until nothing more can change."""
    is_part = bool(getattr(visit.request, "htmx", False))
    case = visit.case()
    response = page(
        visit,
        "status.html#standing" if is_part else "status.html",
        case=case,
        standing=present.standing(case),
        wanted=wanted(visit.booking, now=visit.now),
        purpose=Purpose.STATUS.value,
        is_home=True,
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
