"""Where providers tell us that something happened: verified, kept, answered; worked on later."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from bookings import database_time, provider_events, tasks
from bookings.gateways import webhooks
from bookings.models import Provider

logger = logging.getLogger(__name__)


class _TooLarge(Exception):
    pass


@csrf_exempt
@require_POST
def stripe(request: HttpRequest) -> HttpResponse:
    return _webhook(request, Provider.STRIPE)


@csrf_exempt
@require_POST
def razorpay(request: HttpRequest) -> HttpResponse:
    return _webhook(request, Provider.RAZORPAY)


def _webhook(request: HttpRequest, provider: Provider) -> HttpResponse:
    """400 for whatever is not signed by the provider, 503 while the database is away: the provider
    tries again. Nothing is asked over the network here: it waits, and a slow answer counts as
    none."""
    try:
        body = _body(request)
        event = _verified(request, provider, body)
    except _TooLarge:
        return HttpResponse(status=413)
    except DatabaseError:
        raise
    except Exception as error:  # fails closed, whatever it is
        logger.warning("a webhook for %s was refused: %s", provider, str(error)[:200])
        return HttpResponse(status=400)
    if why := provider_events.reason_to_ignore(provider, event):
        logger.warning("a webhook of %s is ignored: %s", provider, why)
        return HttpResponse()
    row = provider_events.receive(
        provider,
        event,
        body,
        event_id=_event_id(request, provider, event),
        now=database_time.now(),
    )
    if row is not None:
        tasks.wake_for_event(row)
    return HttpResponse()


def _body(request: HttpRequest) -> bytes:
    """The raw bytes, of which no more are read than may be there."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > webhooks.MOST_BYTES:
        raise _TooLarge
    body = bytes(request.read(webhooks.MOST_BYTES + 1))
    if len(body) > webhooks.MOST_BYTES:
        raise _TooLarge
    return body


def _verified(request: HttpRequest, provider: Provider, body: bytes) -> dict[str, Any]:
    if provider == Provider.STRIPE:
        secrets = settings.STRIPE_WEBHOOK_SECRET
        return webhooks.verify_stripe(request.headers, body, secrets, now=database_time.now)
    return webhooks.verify_razorpay(request.headers, body, settings.RAZORPAY_WEBHOOK_SECRET)


def _event_id(request: HttpRequest, provider: Provider, event: dict[str, Any]) -> Any:
    """Stripe's is in what is signed; Razorpay's is not, which is why bodies are compared too."""
    if provider == Provider.STRIPE:
        return event.get("id")
    return request.headers.get("X-Razorpay-Event-Id")


urlpatterns: list[URLPattern] = [
    path("webhooks/stripe/", stripe, name="stripe_webhook"),
    path(
        "webhooks/stripe", stripe, name="stripe_webhook_plain"
    ),  # as people type it into the provider's dashboard
    path("webhooks/razorpay/", razorpay, name="razorpay_webhook"),
    path("webhooks/razorpay", razorpay, name="razorpay_webhook_plain"),
]
