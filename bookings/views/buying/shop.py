"""What an expert sells, and the calendar to buy one of it."""

from __future__ import annotations

import logging
from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_safe

from bookings import checkouts, database_time, rate_limits, slots, tasks, zones
from bookings.checkouts import Buyer
from bookings.forms.buying import BuyForm
from bookings.forms.follower import parse_slot
from bookings.gateways import takers_of
from bookings.models import Checkout, Clock, Expert, Provider, Service
from bookings.presenters import buying
from bookings.presenters.slot_picker import Choice, picker, reach, why_not_free
from bookings.presenters.slot_table import WEEKDAYS
from bookings.states import TransitionNotAllowed
from bookings.views.follower.pick import DEVICE_COOKIE, as_date
from bookings.views.follower.zones import all_zones, clock_of
from topmate.proxies import client_network

logger = logging.getLogger(__name__)
MOST_PURCHASES, PURCHASES_OVER = 20, 3600
"""So many may begin from one network, in so many seconds."""
NOT_NOW = (
    "We cannot take bookings at the moment. Nothing was booked and nothing is to be paid. "
    "Please try again in a few minutes."
)
NOT_SOLD = "This call cannot be paid for at the moment. Nothing was booked. Try again later."


@require_safe
def shop(request: HttpRequest, slug: str) -> HttpResponse:
    expert = get_object_or_404(Expert.objects.selling(), slug=slug)
    services = list(Service.objects.for_sale().of_expert(expert))
    context = {
        "host": buying.host(expert),
        "services": [buying.offered(service) for service in services],
        "is_free": not any(service.price_minor for service in services),
    }
    return render(request, "buying/shop.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def buy(request: HttpRequest, slug: str, service_id: int) -> HttpResponse:
    """The calendar; sent, it keeps the time and leads on to paying for it."""
    service = Service.objects.for_sale().at_address(slug, service_id).first()
    if service is None:
        raise Http404
    return sell(request, service)


def sell(request: HttpRequest, service: Service, earlier: Checkout | None = None) -> HttpResponse:
    """`earlier` is a purchase its buyer came back from: what they wrote and chose stands there."""
    now = database_time.now()
    ways = takers_of(service.price_minor, service.currency) if service.price_minor else []
    is_unpayable = service.price_minor > 0 and not ways
    choice = _choice(request, service, earlier)
    if request.method == "POST" and not is_unpayable:
        return _submitted(request, service, ways, choice, now)
    form = BuyForm(ways=ways, initial=_written(earlier) if earlier else None)
    if is_unpayable:
        logger.error("service %s cannot be sold: no provider has keys, or takes it", service.pk)
        return _calendar(request, service, form, choice, now=now, status=503, problem=NOT_SOLD)
    return _calendar(request, service, form, choice, now=now, is_guess=earlier is None)


def _written(earlier: Checkout) -> dict[str, str]:
    return {"name": earlier.name, "email": earlier.email, "way": earlier.provider}


def _choice(request: HttpRequest, service: Service, earlier: Checkout | None) -> Choice:
    """What was asked for, where it makes sense; else what was chosen before, else the device's
    zone and the clock of its language, else the expert's zone."""
    asked = request.POST if request.method == "POST" else request.GET
    device = request.COOKIES.get(DEVICE_COOKIE, "")
    before = earlier.time_zone if earlier else ""
    known = (asked.get("tz", ""), before, device, service.expert.time_zone)
    clock = asked.get("clock", "")
    if clock not in Clock.values:
        clock = earlier.clock if earlier else clock_of(request)
    return Choice(
        zone=zones.first_known(known, otherwise="UTC"),
        clock=clock,
        day=as_date(asked.get("day", "")),
        slot=parse_slot(asked.get("slot", "")),
    )


def _calendar(
    request: HttpRequest,
    service: Service,
    form: BuyForm,
    choice: Choice,
    *,
    now: datetime,
    status: int = 200,
    problem: str = "",
    slot_problem: str = "",
    is_guess: bool = False,
) -> HttpResponse:
    starts = slots.free_of(service, now=now)
    device = request.COOKIES.get(DEVICE_COOKIE, "")
    near = (device, service.expert.time_zone)
    context = {
        "here": request.path,
        "host": buying.host(service.expert),
        "service": buying.offered(service),
        "form": form,
        "problem": problem or slot_problem,
        "slot_problem": slot_problem or next(iter(form.errors.get("slot", [])), ""),
        "picker": picker(service, starts, choice, now=now, near=near) if starts else None,
        "is_guess": is_guess and not device and "tz" not in request.GET,
        "other_zones": all_zones(request, now=now),
        "weekdays": WEEKDAYS,
        "clocks": Clock.values,
        "reach": reach(service, is_listed=False),
        "is_free": service.price_minor == 0,
    }
    template = _template(request) if starts else "buying/none.html"
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request", "HX-Target", "Accept-Language"])
    return response


def _template(request: HttpRequest) -> str:
    htmx = getattr(request, "htmx", None)
    if not htmx or request.method == "POST":
        return "buying/service.html"
    return f"buying/service.html#{'summary' if htmx.target == 'summary' else 'days'}"


def _submitted(
    request: HttpRequest, service: Service, ways: list[Provider], choice: Choice, now: datetime
) -> HttpResponse:
    form = BuyForm(request.POST, ways=ways)
    if not form.is_valid():
        return _calendar(request, service, form, choice, now=now, status=422)
    try:
        _check_pace(request)
        checkout = _started(form, service, choice, now=now)
    except rate_limits.CannotCount:
        return _calendar(request, service, form, choice, now=now, status=503, problem=NOT_NOW)
    except TransitionNotAllowed as no:
        form.renew_key()
        problem, slot_problem = no.sentence, ""
        if no.code == "taken":
            slot = form.cleaned_data["slot"]
            problem, slot_problem = "", why_not_free(service, slot, choice, now=now) or no.sentence
        return _calendar(
            request, service, form, choice, now=now, status=409, problem=problem,
            slot_problem=slot_problem,
        )  # fmt: skip
    return redirect("checkout", key=checkout.key)


def _check_pace(request: HttpRequest) -> None:
    """A kept time costs its buyer nothing and an e-mail address is quickly invented: without this
    one machine could keep all of an expert's times, or have us write to strangers."""
    name = f"purchases:{client_network(request)}"
    try:
        rate_limits.count(name, at_most=MOST_PURCHASES, seconds=PURCHASES_OVER)
    except rate_limits.TooOften as too_often:
        raise TransitionNotAllowed(
            "too_often", "Many calls were bought from your network just now. Try again in an hour."
        ) from too_often


def _started(form: BuyForm, service: Service, choice: Choice, *, now: datetime) -> Checkout:
    data = form.cleaned_data
    checkout = checkouts.start(
        service,
        starts_at=data["slot"],
        buyer=Buyer(data["name"], data["email"], choice.zone, choice.clock),
        provider=form.provider,
        request_key=form.actor.request_key,
        now=now,
    )
    if checkout.booking is not None:
        tasks.wake(checkout.booking)
        return checkout
    try:
        return checkouts.open_order(checkout, now=now)
    except TransitionNotAllowed:
        raise
    except Exception as error:  # the provider is away; the time is kept, its page tries again
        logger.warning("checkout %s: no order (%s)", checkout.pk, error)
        return checkout
