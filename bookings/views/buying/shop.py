"""What an expert sells, and the calendar to buy one of it."""

from __future__ import annotations

import logging
from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_safe

from bookings import checkouts, rate_limits, slots, tasks, zones
from bookings.checkouts import Buyer
from bookings.forms.buying import BuyForm
from bookings.forms.follower import parse_slot
from bookings.gateways import takers_of
from bookings.models import Checkout, Clock, Expert, Provider, Service
from bookings.presenters import buying
from bookings.presenters.slot_picker import Choice, picker, reach
from bookings.presenters.slot_table import WEEKDAYS
from bookings.states import TransitionNotAllowed
from bookings.views.follower.pick import DEVICE_COOKIE, as_date
from bookings.views.follower.zones import all_zones
from topmate.proxies import client_network

logger = logging.getLogger(__name__)
MOST_PURCHASES, PURCHASES_OVER = 20, 3600
"""begun from one network, in so many seconds"""
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
    now = timezone.now()
    ways = takers_of(service.price_minor, service.currency) if service.price_minor else []
    is_unpayable = service.price_minor > 0 and not ways
    if request.method == "POST" and not is_unpayable:
        return _submitted(request, service, ways, now)
    form, choice = BuyForm(ways=ways), _choice(request, request.GET, service)
    if is_unpayable:
        logger.error("service %s cannot be sold: no provider has keys, or takes it", service.pk)
        return _calendar(request, service, form, choice, now=now, status=503, problem=NOT_SOLD)
    return _calendar(request, service, form, choice, now=now)


def _choice(request: HttpRequest, asked: QueryDict, service: Service) -> Choice:
    """What was asked for, where it makes sense; else the device's zone, else the expert's."""
    device = request.COOKIES.get(DEVICE_COOKIE, "")
    known = (asked.get("tz", ""), device, service.expert.time_zone)
    clock = asked.get("clock", "")
    return Choice(
        zone=zones.first_known(known, otherwise="UTC"),
        clock=clock if clock in Clock.values else Clock.TWENTY_FOUR.value,
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
) -> HttpResponse:
    starts = slots.free_of(service, now=now)
    device = request.COOKIES.get(DEVICE_COOKIE, "")
    near = (device, service.expert.time_zone)
    context = {
        "here": request.path,
        "host": buying.host(service.expert),
        "service": buying.offered(service),
        "place": service.place,
        "form": form,
        "problem": problem,
        "picker": picker(service, starts, choice, now=now, near=near) if starts else None,
        "is_guess": not device and "tz" not in request.GET and request.method != "POST",
        "other_zones": all_zones(request, now=now),
        "weekdays": WEEKDAYS,
        "clocks": Clock.values,
        "reach": reach(service, is_listed=False),
        "is_free": service.price_minor == 0,
    }
    template = _template(request) if starts else "buying/none.html"
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def _template(request: HttpRequest) -> str:
    htmx = getattr(request, "htmx", None)
    if not htmx or request.method == "POST":
        return "buying/service.html"
    return f"buying/service.html#{'summary' if htmx.target == 'summary' else 'days'}"


def _submitted(
    request: HttpRequest, service: Service, ways: list[Provider], now: datetime
) -> HttpResponse:
    form = BuyForm(request.POST, ways=ways)
    choice = _choice(request, request.POST, service)
    if not form.is_valid():
        return _calendar(request, service, form, choice, now=now, status=422)
    try:
        _check_pace(request)
        checkout = _started(form, service, choice, now=now)
    except rate_limits.CannotCount:
        return _calendar(request, service, form, choice, now=now, status=503, problem=NOT_NOW)
    except TransitionNotAllowed as no:
        form.renew_key()
        return _calendar(request, service, form, choice, now=now, status=409, problem=no.sentence)
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
