"""What somebody reads who buys a call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse

from bookings import addresses, formats, links, slots
from bookings.gateways.razorpay import HOSTED_CHECKOUT
from bookings.models import Checkout, CheckoutState, Expert, Provider, Service
from bookings.presenters.follower import room_url
from bookings.presenters.people import hue, initials
from bookings.states import State
from bookings.wording.reader import Reader


@dataclass(frozen=True, slots=True)
class Offered:
    title: str
    length: str
    price: str
    url: str


@dataclass(frozen=True, slots=True)
class Host:
    name: str
    first_name: str
    initials: str
    hue: str


def host(expert: Expert) -> Host:
    return Host(expert.name, expert.first_name, initials(expert.name), hue(expert.pk))


def offered(service: Service) -> Offered:
    address = {"slug": service.expert.slug, "service_id": service.pk}
    return Offered(
        title=service.title,
        length=formats.left(timedelta(minutes=service.duration_minutes)),
        price=price(service.price_minor, service.currency),
        url=reverse("buy", kwargs=address),
    )


def price(minor: int, currency: str) -> str:
    return formats.money(minor, currency) if minor else "Free"


WAITED_FOR = timedelta(hours=1)
"""Somebody who came back from paying is shown that we ask; afterwards an e-mail must do."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """One checkout, as its page shows it. `stage` is pay, wait, booked, changed, over or back."""

    stage: str
    buyer: str
    email: str
    title: str
    when: str
    place: str
    price: str
    provider: str
    held_until: str
    link: str
    """The address of the provider's page."""
    form_action: str
    form_fields: tuple[tuple[str, str], ...]
    """The fields of a form, for a provider that is reached by one."""
    is_sandbox: bool
    is_opened: bool
    """Whether there is something to pay at the provider."""
    bought_on: str
    code: str
    """The code of the booking, where there is one. So it is with the next three."""
    where: str
    room_url: str
    """Given where the place is a link that one may follow."""
    status_url: str


def purchase(checkout: Checkout, *, has_come_back: bool, now: datetime) -> Purchase:
    reader = Reader(checkout.time_zone, checkout.clock, now)
    is_hosted = checkout.provider == Provider.RAZORPAY
    stage = _stage(checkout, has_come_back=has_come_back, now=now)
    booking = checkout.booking
    place = booking.place if booking and stage == "booked" else ""
    return Purchase(
        stage=stage,
        buyer=checkout.name,
        email=checkout.email,
        title=checkout.service.title,
        when=reader.span(checkout.starts_at, checkout.ends_at),
        place=formats.zone_place(checkout.time_zone),
        price=price(checkout.price_minor, checkout.currency),
        provider=Provider(checkout.provider).label if checkout.provider else "",
        held_until=reader.time(checkout.expires_at),
        link=checkout.pay_url,
        form_action=hosted_checkout() if is_hosted else "",
        form_fields=_razorpay_fields(checkout) if is_hosted else (),
        is_sandbox=checkout.provider == Provider.SANDBOX,
        is_opened=bool(checkout.provider_ref),
        bought_on=reader.day(checkout.created_at),
        code=booking.code if booking else "",
        where=place.removeprefix("https://").removeprefix("http://"),
        room_url=room_url(place),
        status_url=_status_url(checkout),
    )


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
    page = settings.SITE_URL + reverse("checkout", kwargs={"key": checkout.key})
    return (
        ("key_id", settings.RAZORPAY_KEY_ID),
        ("order_id", checkout.provider_ref),
        ("amount", str(checkout.price_minor)),
        ("currency", checkout.currency),
        ("name", settings.SITE_NAME),
        ("description", f"{checkout.service.title} with {checkout.expert.name}"[:250]),
        ("prefill[name]", checkout.name),
        ("prefill[email]", addresses.for_programs(checkout.email)),
        ("callback_url", f"{page}back/"),
        ("cancel_url", page),
    )
