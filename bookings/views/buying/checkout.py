"""A purchase on its way: pay, come back, see that it is booked.

Coming back proves nothing, so nothing is believed: a POST asks the provider, and so do webhooks
and the sweep. The key in the address is the buyer's; nobody can guess it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bookings import checkouts, database_time, tasks
from bookings.calendar import Party
from bookings.models import Checkout, Service
from bookings.presenters import buying
from bookings.presenters.slot_picker import slot_value
from bookings.states import TransitionNotAllowed
from bookings.views.buying.shop import sell
from bookings.views.follower.status import calendar_file
from topmate.middleware import Policy, with_policy

logger = logging.getLogger(__name__)


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
    if shown.stage == "pay" and shown.form_action:
        # The one form of this site that is sent elsewhere: to the provider it is for.
        return with_policy(response, _also_to(shown.form_action))
    return response


def _also_to(url: str) -> Policy:
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    return {**settings.SECURE_CSP, "form-action": [*settings.SECURE_CSP["form-action"], origin]}


@require_POST
@_of_key
def pay(request: HttpRequest, found: Checkout) -> HttpResponse:
    """The button of the sandbox; elsewhere another try to get a page to pay on."""
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
    """Ask the provider now. The page does it by itself while it waits."""
    try:
        found = checkouts.ask(found, now=database_time.now())
        _wake(found)
    except Exception as error:  # not known yet: the page goes on waiting, and so do the polls
        logger.warning("checkout %s: no answer (%s)", found.pk, error)
    if getattr(request, "htmx", None):
        answer = _page(request, found, has_come_back=True)
        return answer if found.booking else HttpResponse(status=204)  # nothing new to show
    return redirect(f"{reverse('checkout', kwargs={'key': found.key})}?paid=1")


@require_POST
@_of_key
def leave(request: HttpRequest, found: Checkout) -> HttpResponse:
    """Let the time go and choose another one, or correct what was written and keep the choice."""
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
    """The calendar with what was written and chosen before. It has the address of the purchase it
    goes on from, so that this stays without scripts and shows nobody else's name."""
    service = Service.objects.for_sale().filter(pk=found.service_id).first()
    if service is None:
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
    """Razorpay's page posts here from another site. Nothing of it is read."""
    return redirect(f"{reverse('checkout', kwargs={'key': found.key})}?paid=1")


def _wake(found: Checkout) -> None:
    if found.booking is not None:
        tasks.wake(found.booking)
