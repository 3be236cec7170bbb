"""Buying a call: an expert's public page, choosing a time, paying, and coming back."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bookings import checkouts, database_time, formats, photos, rate_limits, slots, tasks
from bookings.calendar import Party
from bookings.checkouts import Buyer
from bookings.forms.follower import BuyForm
from bookings.gateways import takers_of
from bookings.models import Checkout, Expert, Provider, Service
from bookings.presenters import buying
from bookings.presenters.picker import Choice, slot_value, why_not_free
from bookings.shop import moved_to
from bookings.states import TransitionNotAllowed
from bookings.views.follower import calendar_file
from bookings.views.pick import VARIES, calendar_of, choice_of, device_of, part_of
from bookings.wording import limits
from bookings.wording.reader import Reader
from topmate.middleware import Policy, with_policy
from topmate.proxies import client_network

logger = logging.getLogger(__name__)
MOST_PURCHASES, PURCHASES_OVER = 20, 3600
"""How many purchases may begin from one network, and in how many seconds."""
NOT_NOW = (
    "We cannot take bookings at the moment. Nothing was booked and nothing was charged. "
    "Please try again in a few minutes."
)
NOT_SOLD = "This call cannot be paid for at the moment. Nothing was booked. Try again later."


@require_safe
def shop(request: HttpRequest, slug: str) -> HttpResponse:
    expert = Expert.objects.selling().filter(slug=slug).first()
    if expert is None:
        return _moved(slug, "shop")
    return render(request, "buying/shop.html", _shop(request, expert))


def _shop(request: HttpRequest, expert: Expert) -> dict[str, Any]:
    now = database_time.now()
    services = list(Service.objects.for_sale().of_expert(expert))
    device = device_of(request)
    choice = choice_of(request, (device, expert.time_zone), clock="")
    lengths = set() if expert.is_paused else {service.duration_minutes for service in services}
    reader = Reader(choice.zone, choice.clock, now)
    free = {
        length: reader.moment(start)
        for length, start in slots.next_free(expert, lengths, now=now).items()
    }
    is_free = not any(service.price_minor for service in services)
    offered = [buying.offered(one, free.get(one.duration_minutes, "")) for one in services]
    return {
        "host": buying.host(expert),
        "photo_side": photos.SIZES["large"],
        "services": offered,
        "is_paused": expert.is_paused,
        "zone_note": _zone_note(expert, choice.zone, is_of_device=choice.zone == device),
        "is_free": is_free,
        "data": buying.for_search_engines(expert, services),
    }


def _zone_note(expert: Expert, zone: str, *, is_of_device: bool) -> str:
    place = formats.zone_place(zone)
    if is_of_device:
        return f"Times are in your time zone, {place}."
    return f"Times are in the time zone of {expert.first_name}, {place}."


def _moved(slug: str, page: str, **rest: Any) -> HttpResponse:
    """Redirect to the address that the expert has now. Raises Http404 when nobody had this one."""
    if new := moved_to(slug):
        return redirect(reverse(page, kwargs={"slug": new, **rest}))
    raise Http404("Nobody has this address.")


@require_safe
def embed(request: HttpRequest, slug: str) -> HttpResponse:
    """The list of services, for a frame on a site that EMBED_FROM names. Its links open a new tab,
    because nobody should pay in a frame, where the address of the page cannot be seen."""
    expert = Expert.objects.selling().filter(slug=slug).first()
    if not settings.EMBED_FROM:
        raise Http404("This site has no frames.")
    if expert is None:
        return _moved(slug, "embed")
    response = render(request, "buying/embed.html", _shop(request, expert))
    response.xframe_options_exempt = True
    policy = {**settings.SECURE_CSP, "frame-ancestors": ["'self'", *settings.EMBED_FROM]}
    return with_policy(response, policy)


@require_safe
def photo(request: HttpRequest, name: str, size: str) -> HttpResponse:
    """A photo of an expert. A new photo has a new name, so browsers may keep this one for good."""
    data = photos.read(name, size)
    if data is None:
        raise Http404("There is no such photo.")
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Disposition": "inline",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    return HttpResponse(data, content_type="image/jpeg", headers=headers)


@require_http_methods(["GET", "HEAD", "POST"])
def buy(request: HttpRequest, slug: str, service_id: int) -> HttpResponse:
    """The calendar of a service. A POST keeps the chosen time and leads on to the payment."""
    service = Service.objects.for_sale().at_address(slug, service_id).first()
    if service is None:
        return _moved(slug, "buy", service_id=service_id)
    if service.expert.is_paused:
        return redirect("shop", slug=slug)
    return sell(request, service)


def sell(request: HttpRequest, service: Service, earlier: Checkout | None = None) -> HttpResponse:
    """`earlier` is a purchase that the buyer came back from: what they entered is filled in."""
    now = database_time.now()
    ways = takers_of(service.price_minor, service.currency) if service.price_minor else []
    is_unpayable = service.price_minor > 0 and not ways
    choice = _choice(request, service, earlier)
    if request.method == "POST" and not is_unpayable:
        return _submitted(request, service, ways, choice, now)
    form = BuyForm(service=service, ways=ways)
    if earlier:
        form.initial.update(name=earlier.name, email=earlier.email, way=earlier.provider)
        form.fill_in(earlier.answered)
    if is_unpayable:
        logger.error("service %s cannot be sold: no provider has keys, or takes it", service.pk)
        return _calendar(request, service, form, choice, now=now, status=503, problem=NOT_SOLD)
    return _calendar(request, service, form, choice, now=now, is_guess=earlier is None)


def _choice(request: HttpRequest, service: Service, earlier: Checkout | None) -> Choice:
    """The zone and the clock to show times in: those asked for if they are valid, or else those
    chosen before, the device's zone and the clock of its language, or the expert's zone."""
    before, clock = (earlier.time_zone, earlier.clock) if earlier else ("", "")
    known = (before, device_of(request), service.expert.time_zone)
    return choice_of(request, known, clock=clock)


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
    context = {
        "here": request.path,
        "host": buying.host(service.expert),
        "service": buying.offered(service),
        "form": form,
        "problem": problem or slot_problem,
        "slot_problem": slot_problem or next(iter(form.errors.get("slot", [])), ""),
        "is_guess": is_guess and not device_of(request) and "tz" not in request.GET,
        "is_free": service.price_minor == 0,
        "rules": limits.before_buying(service.expert, is_free=service.price_minor == 0),
        **calendar_of(request, service, starts, choice, near=(service.expert.time_zone,), now=now),
    }
    template = part_of(request, "buying/service.html") if starts else "buying/none.html"
    response = render(request, template, context, status=status)
    patch_vary_headers(response, VARIES)
    return response


def _submitted(
    request: HttpRequest, service: Service, ways: list[Provider], choice: Choice, now: datetime
) -> HttpResponse:
    form = BuyForm(request.POST, service=service, ways=ways)
    if not form.is_valid():
        return _calendar(request, service, form, choice, now=now, status=422)
    try:
        _check_network(request)
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


def _check_network(request: HttpRequest) -> None:
    """Raises TransitionNotAllowed when too many purchases began from one network. Keeping a time
    costs nothing and any e-mail address will do, so without a limit one machine could keep all of
    an expert's times, or have us write to strangers."""
    name = f"purchases:{client_network(request)}"
    try:
        rate_limits.count(name, at_most=MOST_PURCHASES, seconds=PURCHASES_OVER)
    except rate_limits.TooOften as too_often:
        raise TransitionNotAllowed(
            "too_often", "Too many purchases were started from your network. Try again in an hour."
        ) from too_often


def _started(form: BuyForm, service: Service, choice: Choice, *, now: datetime) -> Checkout:
    data = form.cleaned_data
    checkout = checkouts.start(
        service,
        starts_at=data["slot"],
        buyer=Buyer(
            data["name"],
            data["email"],
            choice.zone,
            choice.clock,
            answers=form.answers,
            number=data.get("number", ""),
        ),
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
    except Exception as error:  # the provider is down; the time is kept, and the page can try again
        logger.warning("checkout %s: no order (%s)", checkout.pk, error)
        return checkout


# --- a purchase under way: pay, come back, see that it is booked ----------------------------------
# Coming back does not prove that somebody has paid, so a POST asks the provider, and so do webhooks
# and the sweep. The key in the address is the buyer's; nobody can guess it.


def _of_key(view: Callable[[HttpRequest, Checkout], HttpResponse]) -> Callable[..., HttpResponse]:
    @wraps(view)
    def wrapped(request: HttpRequest, key: str) -> HttpResponse:
        found = Checkout.objects.with_expert().of_key(key).first()
        if found is None:
            raise Http404
        return view(request, found)

    return wrapped


@require_safe
@_of_key
def checkout(request: HttpRequest, found: Checkout) -> HttpResponse:
    return _page(request, found, has_come_back="paid" in request.GET)


def _page(request: HttpRequest, found: Checkout, *, has_come_back: bool) -> HttpResponse:
    shown = buying.purchase(found, has_come_back=has_come_back, now=database_time.now())
    context = {"key": found.key, "host": buying.host(found.expert), "purchase": shown}
    is_part = bool(getattr(request, "htmx", None))
    template = "buying/checkout.html#purchase" if is_part else "buying/checkout.html"
    response = render(request, template, context)
    if shown["stage"] == "pay" and shown["form_action"]:
        # This is the only form that is sent to another site, the payment provider's.
        return with_policy(response, _also_to(shown["form_action"]))
    return response


def _also_to(url: str) -> Policy:
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    return {**settings.SECURE_CSP, "form-action": [*settings.SECURE_CSP["form-action"], origin]}


@require_POST
@_of_key
def pay(request: HttpRequest, found: Checkout) -> HttpResponse:
    """Pay in the sandbox. For other providers, try again to get a page to pay on."""
    now = database_time.now()
    try:
        checkouts.open_order(found, now=now)
    except TransitionNotAllowed as no:
        messages.error(request, no.sentence)
    except Exception as error:
        logger.warning("checkout %s: no order (%s)", found.pk, error)
    _wake(checkouts.pay_in_sandbox(found, now=now))
    return redirect("checkout", key=found.key)


@require_POST
@_of_key
def check(request: HttpRequest, found: Checkout) -> HttpResponse:
    """Ask the provider now whether the call is paid. A page that waits does so by itself."""
    try:
        found = checkouts.ask(found, now=database_time.now())
        _wake(found)
    except Exception as error:  # nobody knows yet: the page keeps asking
        logger.warning("checkout %s: no answer (%s)", found.pk, error)
    if getattr(request, "htmx", None):
        answer = _page(request, found, has_come_back=True)
        return answer if found.booking else HttpResponse(status=204)  # nothing new to show
    return redirect(f"{reverse('checkout', kwargs={'key': found.key})}?paid=1")


@require_POST
@_of_key
def leave(request: HttpRequest, found: Checkout) -> HttpResponse:
    """Give the time up, to choose another one or (`same`) to correct the name and the address."""
    checkouts.give_up(found)
    found.refresh_from_db()
    if found.booking is not None:  # paid in another tab: there is nothing to go back to
        return redirect("checkout", key=found.key)
    address = reverse("checkout_again", kwargs={"key": found.key})
    if "same" not in request.POST:
        return redirect(address)
    return redirect(f"{address}?slot={slot_value(found.starts_at)}#s-you")


@require_http_methods(["GET", "HEAD", "POST"])
@_of_key
def again(request: HttpRequest, found: Checkout) -> HttpResponse:
    """The calendar with what the buyer entered before. Its address has the key of the earlier
    purchase, so that it works without scripts and shows the name to nobody else."""
    service = Service.objects.for_sale().filter(pk=found.service_id).first()
    if service is None or found.expert.is_paused:
        return redirect("shop", slug=found.expert.slug)
    return sell(request, service, found)


@require_safe
@_of_key
def checkout_calendar(request: HttpRequest, found: Checkout) -> HttpResponse:
    now = database_time.now()
    if found.booking is None or not buying.is_as_bought(found, now=now):
        raise Http404
    attendee = Party(found.name, found.email)  # whoever looks is shown what they typed
    return calendar_file(found.booking, attendee=attendee, now=now)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@_of_key
def back(request: HttpRequest, found: Checkout) -> HttpResponse:
    """Razorpay's page posts here when it is done. We read nothing of what it sends."""
    return redirect(f"{reverse('checkout', kwargs={'key': found.key})}?paid=1")


def _wake(found: Checkout) -> None:
    if found.booking is not None:
        tasks.wake(found.booking)


urlpatterns: list[URLPattern] = [
    path("with/<slug:slug>/", shop, name="shop"),
    path("with/<slug:slug>/embed/", embed, name="embed"),
    path("photos/<slug:name>-<slug:size>.jpg", photo, name="photo"),
    path("with/<slug:slug>/<int:service_id>/", buy, name="buy"),
    path("checkout/<slug:key>/", checkout, name="checkout"),
    path("checkout/<slug:key>/pay/", pay, name="checkout_pay"),
    path("checkout/<slug:key>/check/", check, name="checkout_check"),
    path("checkout/<slug:key>/call.ics", checkout_calendar, name="checkout_calendar"),
    path("checkout/<slug:key>/leave/", leave, name="checkout_leave"),
    path("checkout/<slug:key>/again/", again, name="checkout_again"),
    path("checkout/<slug:key>/back/", back, name="checkout_back"),
]
