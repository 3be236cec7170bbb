"""Pick a new time from the expert's free ones, or take the money back instead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.cache import patch_vary_headers
from django.utils.safestring import SafeString
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from bookings import database_time, formats, lifecycle, slots, zones
from bookings.forms.follower import ActForm, PickForm, parse_slot
from bookings.forms.zones import as_options, zone_choices
from bookings.models import Booking, Clock, Offer
from bookings.presenters import follower_pages as present
from bookings.presenters.picker import Call, Choice, picker, reach, usual_clock, why_not_free
from bookings.states import State, TransitionNotAllowed, Verb
from bookings.views.private import Purpose, Visit, outcome, page, private, redirect_to
from bookings.wording.limits import BANK_TAKES

UNKNOWN_ZONE = "UTC"


@private(Purpose.PICK)
def pick(visit: Visit) -> HttpResponse:
    if visit.request.method == "POST":
        return _submitted(visit)
    if not visit.may_pick():
        return outcome(visit)
    return _calendar(visit, _asked_for(visit))


def _asked_for(visit: Visit) -> Choice:
    """What was asked for, where it makes sense; else what we know of the follower."""
    follower = visit.booking.buyer
    if follower.time_zone == UNKNOWN_ZONE:  # nor did they ever choose a clock
        return choice_of(visit.request, (device_of(visit.request),), clock="")
    known = (follower.time_zone, device_of(visit.request))
    return choice_of(visit.request, known, clock=follower.clock)


def _calendar(
    visit: Visit,
    choice: Choice,
    *,
    status: int = 200,
    problem: str = "",
    refused: datetime | None = None,
) -> HttpResponse:
    case, booking = visit.case(), visit.booking
    offer = case.offer if visit.allows(Verb.PICK_TIME) else None
    is_listed = offer is not None and offer.mode == Offer.Mode.LISTED
    starts = slots.free_for(booking, now=visit.now, offer=offer)
    if refused is not None:
        no = why_not_free(booking, refused, choice, now=visit.now, is_listed=is_listed)
        problem = no or present.taken(refused, choice.zone, choice.clock)
    near = (booking.buyer.time_zone, booking.expert.time_zone)
    response = page(
        visit,
        part_of(visit.request, "pick.html") if starts else "pick_none.html",
        status=status,
        case=case,
        form=PickForm(),
        about=present.about_pick(case, choice.zone, choice.clock),
        problem=problem,
        slot_problem=problem,
        is_guess=choice.zone == UNKNOWN_ZONE and "tz" not in visit.request.GET,
        **calendar_of(
            visit.request, booking, starts, choice, near=near, now=visit.now, is_listed=is_listed
        ),
    )
    patch_vary_headers(response, VARIES)
    return response


def _submitted(visit: Visit) -> HttpResponse:
    form = PickForm(visit.request.POST)
    choice = _asked_for(visit)
    if not form.is_valid():
        if not visit.may_pick():
            return outcome(visit)
        return _calendar(visit, choice, status=422, problem=str(form.errors["slot"][0]))
    starts_at = form.cleaned_data["slot"]
    is_reported = visit.booking.state == State.NO_SHOW_REPORTED
    move = lifecycle.move_instead if is_reported else lifecycle.pick_time
    try:
        booking = move(visit.booking.pk, actor=form.actor, now=visit.now, starts_at=starts_at)
    except TransitionNotAllowed as no:
        if no.code != "taken" or not visit.may_pick():
            raise
        return _calendar(visit, choice, status=409, refused=starts_at)
    if booking.starts_at != starts_at:
        messages.error(visit.request, present.picked_before(booking, choice.zone, choice.clock))
        return redirect_to(booking, Purpose.STATUS, now=visit.now)
    _remember(booking, choice)
    messages.success(visit.request, present.new_time(booking, choice.zone, choice.clock))
    return redirect_to(booking, Purpose.STATUS, now=visit.now)


def _remember(booking: Booking, choice: Choice) -> None:
    """From now on pages and e-mails show times the way this one was picked."""
    follower = booking.follower
    follower.time_zone, follower.clock = choice.zone, choice.clock
    follower.save(update_fields=["time_zone", "clock"])
    booking.buyer_zone = booking.buyer_clock = ""
    booking.save(update_fields=["buyer_zone", "buyer_clock"])


@private(Purpose.PICK)
def refund_instead(visit: Visit) -> HttpResponse:
    """Asked for once more before it counts."""
    if visit.request.method != "POST":
        if not visit.allows(Verb.REFUND_INSTEAD):
            return outcome(visit)
        return page(visit, "refund_instead.html", form=ActForm(), bank_takes=BANK_TAKES)
    form = ActForm(visit.request.POST)
    form.is_valid()
    booking = lifecycle.refund_instead(visit.booking.pk, actor=form.actor, now=visit.now)
    return redirect_to(booking, Purpose.STATUS, now=visit.now)


# --- a calendar to pick from, also for whoever buys a call ----------------------------------------

VARIES = ["HX-Request", "HX-Target", "Accept-Language"]


def device_of(request: HttpRequest) -> str:
    """The zone the reader's device is in, as `app.js` has written it down."""
    return request.COOKIES.get("tz", "")


def choice_of(request: HttpRequest, known: Sequence[str], *, clock: str) -> Choice:
    """What was asked for, where it makes sense; else the first of the `known` zones and this
    clock, or the clock of the reader's language where it is empty."""
    asked = request.POST if request.method == "POST" else request.GET
    wanted = asked.get("clock", "")
    if wanted not in Clock.values:
        wanted = clock or usual_clock(request.headers.get("Accept-Language", ""))
    try:
        day = date.fromisoformat(asked.get("day", ""))
    except ValueError:
        day = None
    return Choice(
        zone=zones.first_known([asked.get("tz", ""), *known], otherwise=UNKNOWN_ZONE),
        clock=wanted,
        day=day,
        slot=parse_slot(asked.get("slot", "")),
    )


def calendar_of(
    request: HttpRequest,
    call: Call,
    starts: Sequence[datetime],
    choice: Choice,
    *,
    near: Sequence[str],
    now: datetime,
    is_listed: bool = False,
) -> dict[str, Any]:
    """What the template of a calendar needs. `near` are zones that are probably the reader's."""
    near = (device_of(request), *near)
    shown = None
    if starts:
        shown = picker(call, starts, choice, now=now, near=near, is_listed=is_listed)
    return {
        "picker": shown,
        "other_zones": _all_zones(now) if request.GET.get("zones") == "all" else "",
        "weekdays": formats.WEEKDAYS,
        "clocks": Clock.values,
        "reach": reach(call, is_listed=is_listed),
    }


def part_of(request: HttpRequest, template: str) -> str:
    """The whole page, or the region that a change of day, zone, clock or time renders again."""
    htmx = getattr(request, "htmx", None)
    if not htmx or request.method == "POST":
        return template
    return f"{template}#{'summary' if htmx.target == 'summary' else 'days'}"


KEPT_FOR = 3600


@require_safe
@gzip_page  # it holds no secret, and 26 kB are more than the rest of the page
def time_zones(request: HttpRequest) -> HttpResponse:
    """Options for a select that has only the likely ones so far. The many zones that are probably
    not the reader's are asked for apart, and kept by browsers; a reader without scripts asks for
    them within the page."""
    answer = HttpResponse(_all_zones(database_time.now()))
    answer.headers["Cache-Control"] = f"public, max-age={KEPT_FOR}"
    return answer


def _all_zones(now: datetime) -> SafeString:
    return _options(now.replace(minute=0, second=0, microsecond=0))


@lru_cache(maxsize=2)
def _options(hour: datetime) -> SafeString:
    """Once an hour: there are five hundred, each a file to read."""
    return as_options(zone_choices(current="UTC", now=hour)[1:])


urlpatterns: list[URLPattern] = [
    path("pick/<str:token>/", pick, name="pick"),
    path("pick/<str:token>/refund/", refund_instead, name="refund_instead"),
    path("time-zones/", time_zones, name="time_zones"),
]
