"""Pick a new time from the expert's free ones, or take the money back instead."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
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
from bookings.presenters.picker import Choice, picker, reach, usual_clock, why_not_free
from bookings.states import State, TransitionNotAllowed, Verb
from bookings.views.private import Purpose, Visit, outcome, page, private, redirect_to, refused
from bookings.wording.limits import BANK_TAKES

DEVICE_COOKIE = "tz"
"""The zone the reader's device is in, written by `app.js`."""
UNKNOWN_ZONE = "UTC"


@private(Purpose.PICK)
def pick(visit: Visit) -> HttpResponse:
    if visit.request.method == "POST":
        return _submitted(visit)
    if not visit.may_pick():
        return outcome(visit)
    return _calendar(visit, _asked_for(visit, visit.request.GET))


def _asked_for(visit: Visit, asked: QueryDict) -> Choice:
    """What was asked for, where it makes sense; else what we know of the follower."""
    follower = visit.booking.buyer
    device = visit.request.COOKIES.get(DEVICE_COOKIE, "")
    known, usual_clock = [follower.time_zone, device], follower.clock
    if follower.time_zone == UNKNOWN_ZONE:  # nor did they ever choose a clock
        known, usual_clock = [device], clock_of(visit.request)
    clock = asked.get("clock", "")
    return Choice(
        zone=zones.first_known([asked.get("tz", ""), *known], otherwise=UNKNOWN_ZONE),
        clock=clock if clock in Clock.values else usual_clock,
        day=as_date(asked.get("day", "")),
        slot=parse_slot(asked.get("slot", "")),
    )


def as_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


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
    shown = picker(
        booking,
        starts,
        choice,
        now=visit.now,
        near=(visit.request.COOKIES.get(DEVICE_COOKIE, ""), booking.buyer.time_zone,
              booking.expert.time_zone),
        is_listed=is_listed,
    ) if starts else None  # fmt: skip
    response = page(
        visit,
        _template(visit) if shown else "pick_none.html",
        status=status,
        case=case,
        form=PickForm(),
        picker=shown,
        about=present.about_pick(case, choice.zone, choice.clock),
        problem=problem,
        slot_problem=problem,
        is_guess=choice.zone == UNKNOWN_ZONE and "tz" not in visit.request.GET,
        other_zones=all_zones(visit.request, now=visit.now),
        weekdays=formats.WEEKDAYS,
        clocks=Clock.values,
        reach=reach(booking, is_listed=is_listed),
    )
    patch_vary_headers(response, ["HX-Request", "HX-Target", "Accept-Language"])
    return response


def _template(visit: Visit) -> str:
    """The whole page, or the region that a change of day, zone, clock or time renders again."""
    htmx = getattr(visit.request, "htmx", None)
    if not htmx or visit.request.method == "POST":
        return "pick.html"
    return "pick.html#summary" if htmx.target == "summary" else "pick.html#days"


def _submitted(visit: Visit) -> HttpResponse:
    form = PickForm(visit.request.POST)
    choice = _asked_for(visit, visit.request.POST)
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
            return refused(visit, no.sentence)
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
    try:
        booking = lifecycle.refund_instead(visit.booking.pk, actor=form.actor, now=visit.now)
    except TransitionNotAllowed as no:
        return refused(visit, no.sentence)
    return redirect_to(booking, Purpose.STATUS, now=visit.now)


# --- the zone and the clock of a reader we know nothing of ----------------------------------------
# The many zones that are probably not theirs are asked for apart, and kept by browsers.

KEPT_FOR = 3600


@require_safe
@gzip_page  # it holds no secret, and 26 kB are more than the rest of the page
def time_zones(request: HttpRequest) -> HttpResponse:
    """Options for a select that has only the likely ones so far."""
    answer = HttpResponse(_options(_hour(database_time.now())))
    answer.headers["Cache-Control"] = f"public, max-age={KEPT_FOR}"
    return answer


def all_zones(request: HttpRequest, *, now: datetime) -> SafeString:
    """The same within the page, where a reader without scripts asks for it; else nothing."""
    return _options(_hour(now)) if request.GET.get("zones") == "all" else SafeString()


def clock_of(request: HttpRequest) -> str:
    """How somebody of whom we know nothing reads the time."""
    return usual_clock(request.headers.get("Accept-Language", ""))


def _hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0)


@lru_cache(maxsize=2)
def _options(hour: datetime) -> SafeString:
    """Once an hour: there are five hundred, each a file to read."""
    return as_options(zone_choices(current="UTC", now=hour)[1:])


urlpatterns: list[URLPattern] = [
    path("pick/<str:token>/", pick, name="pick"),
    path("pick/<str:token>/refund/", refund_instead, name="refund_instead"),
    path("time-zones/", time_zones, name="time_zones"),
]
