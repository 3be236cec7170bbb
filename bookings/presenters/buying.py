"""What the pages of somebody who buys a call show."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.urls import reverse

from bookings import addresses, formats, links, places, shop, slots
from bookings.formats import hue, initials, typed_money
from bookings.gateways.razorpay import HOSTED_CHECKOUT
from bookings.models import Checkout, CheckoutState, Expert, Provider, Service
from bookings.states import State
from bookings.wording.reader import Reader


def host(expert: Expert) -> dict[str, Any]:
    """The expert, as a buyer sees them. The photos are paths, empty for an expert without one."""
    return {
        "name": expert.name,
        "headline": expert.headline,
        "about": expert.about,
        "photo": _photo(expert, "small"),
        "large_photo": _photo(expert, "large"),
        "url": reverse("shop", kwargs={"slug": expert.slug}),
        "first_name": expert.first_name,
        "initials": initials(expert.name),
        "hue": hue(expert.pk),
    }


def _photo(expert: Expert, size: str) -> str:
    return reverse("photo", kwargs={"name": expert.photo, "size": size}) if expert.photo else ""


def offered(service: Service, next_free: str = "") -> dict[str, Any]:
    """A service. `next_free` is the first time at which it can be booked, ready to be shown."""
    return {
        "title": service.title,
        "description": service.description,
        "where": places.said_before(service),
        "next_free": next_free,
        "length": formats.left(timedelta(minutes=service.duration_minutes)),
        "price": formats.price(service.price_minor, service.currency),
        "url": _buy_path(service),
    }


def _buy_path(service: Service) -> str:
    return reverse("buy", kwargs={"slug": service.expert.slug, "service_id": service.pk})


def for_search_engines(expert: Expert, services: Iterable[Service]) -> dict[str, Any]:
    """A public page as schema.org describes it."""
    page = shop.public_url(expert)
    person: dict[str, Any] = {"@type": "Person", "name": expert.name, "url": page}
    if expert.headline:
        person["jobTitle"] = expert.headline
    if expert.photo:
        person["image"] = settings.SITE_URL + _photo(expert, "large")
    offers = [
        {
            "@type": "Offer",
            "name": service.title,
            "description": service.description or f"A call of {service.duration_minutes} minutes",
            "price": typed_money(service.price_minor, service.currency),
            "priceCurrency": service.currency,
            "url": settings.SITE_URL + _buy_path(service),
        }
        for service in services
    ]
    return {
        "@context": "https://schema.org",
        "@type": "ProfilePage",
        "mainEntity": {**person, "makesOffer": offers},
    }


WAITED_FOR = timedelta(hours=1)
"""For so long the page tells somebody who came back from paying that we are asking the provider.
After that they hear from us by e-mail."""


def purchase(checkout: Checkout, *, has_come_back: bool, now: datetime) -> dict[str, Any]:
    """One checkout, as its page shows it. `stage` is pay, wait, booked, changed, over or back."""
    reader = Reader(checkout.time_zone, checkout.clock, now)
    is_hosted = checkout.provider == Provider.RAZORPAY
    stage = _stage(checkout, has_come_back=has_come_back, now=now)
    booking = checkout.booking
    if stage == "booked" and booking is not None:
        place = booking.place
    else:
        place = places.said_before(checkout.service) if stage == "pay" else ""
    return {
        "stage": stage,
        "buyer": checkout.name,
        "email": checkout.email,
        "title": checkout.service.title,
        "when": reader.span(checkout.starts_at, checkout.ends_at),
        "place": formats.zone_place(checkout.time_zone),
        "price": formats.price(checkout.price_minor, checkout.currency),
        "provider": Provider(checkout.provider).label if checkout.provider else "",
        "held_until": reader.time(checkout.expires_at),
        # The address of the provider's page.
        "link": checkout.pay_url,
        "form_action": hosted_checkout() if is_hosted else "",
        # The fields of a form, for a provider that is reached by one.
        "form_fields": _razorpay_fields(checkout) if is_hosted else (),
        "is_sandbox": checkout.provider == Provider.SANDBOX,
        # Whether there is something to pay at the provider.
        "is_opened": bool(checkout.provider_ref),
        "bought_on": reader.day(checkout.created_at),
        # The code of the booking, where there is one.
        "code": booking.code if booking else "",
        # Before the payment without links and numbers.
        "where": places.without_scheme(place),
        # Empty unless the place is a link.
        "room_url": places.link(place),
        "status_url": _status_url(checkout),
    }


def is_as_bought(checkout: Checkout, *, now: datetime) -> bool:
    """Whether the call is still to come, as it was bought."""
    booking = checkout.booking
    is_unchanged = booking is not None and booking.state == State.SCHEDULED and booking.attempt == 1
    return is_unchanged and now < checkout.starts_at


def _status_url(checkout: Checkout) -> str:
    """The private page of the booking. Like everything about a booking, it shows the name and the
    zone that were written into the form, whoever is known by the address already.
    """
    booking = checkout.booking
    if booking is None:
        return ""
    if addresses.identity(booking.follower.email) != addresses.identity(checkout.email):
        return ""  # staff has changed it since: the page is for whoever has it now
    link = links.current(booking, links.Purpose.STATUS)
    return reverse("status", kwargs={"token": links.token(link)}) if link else ""


def _stage(checkout: Checkout, *, has_come_back: bool, now: datetime) -> str:
    match CheckoutState(checkout.state):
        case CheckoutState.PAID:
            return "booked" if is_as_bought(checkout, now=now) else "changed"
        case CheckoutState.REFUNDED:
            return "back"
    if has_come_back and now < checkout.expires_at + WAITED_FOR:
        return "wait"
    is_kept = checkout.state == CheckoutState.OPEN and now < checkout.expires_at
    return "pay" if is_kept and not slots.is_taken(checkout) else "over"


def hosted_checkout() -> str:
    """Where Razorpay takes the form that opens its page."""
    return f"{settings.RAZORPAY_API_BASE}{HOSTED_CHECKOUT}"


def _razorpay_fields(checkout: Checkout) -> tuple[tuple[str, str], ...]:
    key = {"key": checkout.key}
    return (
        ("key_id", settings.RAZORPAY_KEY_ID),
        ("order_id", checkout.provider_ref),
        ("amount", str(checkout.price_minor)),
        ("currency", checkout.currency),
        ("name", settings.SITE_NAME),
        ("description", f"{checkout.service.title} with {checkout.expert.name}"[:250]),
        ("prefill[name]", checkout.name),
        ("prefill[email]", addresses.for_programs(checkout.email)),
        ("callback_url", settings.SITE_URL + reverse("checkout_back", kwargs=key)),
        ("cancel_url", settings.SITE_URL + reverse("checkout", kwargs=key)),
    )
