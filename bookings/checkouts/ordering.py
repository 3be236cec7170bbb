"""Something to pay at the provider, and letting go of it again."""

from __future__ import annotations

import logging
from datetime import datetime

from django.conf import settings
from django.urls import reverse

from bookings import addresses
from bookings.gateways import NotTaken, Order, orders_at
from bookings.models import (
    Checkout,
    CheckoutState,
    Provider,
)
from bookings.states import TransitionNotAllowed

logger = logging.getLogger(__name__)


def open_order(checkout: Checkout, *, now: datetime) -> Checkout:
    """Have something to pay at the provider, outside of any transaction.

    TransitionNotAllowed when it refuses; any other exception means: try again, with this one.
    """
    if checkout.provider_ref or checkout.state != CheckoutState.OPEN or not checkout.provider:
        return checkout
    if checkout.provider == Provider.SANDBOX:
        return checkout
    orders = orders_at(checkout.provider)
    try:
        if orders is None:
            raise NotTaken(f"No keys for {checkout.provider}.")
        opened = orders.open(_order(checkout))
    except NotTaken as no:
        logger.warning("checkout %s is not taken: %s", checkout.pk, no)
        let_go(checkout, str(no))
        name = Provider(checkout.provider).label
        raise TransitionNotAllowed(
            "refused", f"{name} does not take this payment. Nothing was charged."
        ) from no
    # Two tabs may have opened one each: only the one that is kept can be paid.
    Checkout.objects.filter(pk=checkout.pk, provider_ref="").update(
        provider_ref=opened.provider_ref, pay_url=opened.pay_url
    )
    checkout.refresh_from_db()
    return checkout


def _order(checkout: Checkout) -> Order:
    page = settings.SITE_URL + reverse("checkout", kwargs={"key": checkout.key})
    return Order(
        key=checkout.key,
        title=f"{checkout.service.title} with {checkout.expert.name}"[:250],
        amount_minor=checkout.price_minor,
        currency=checkout.currency,
        email=addresses.for_programs(checkout.email),
        created_at=checkout.created_at,
        success_url=f"{page}?paid=1",
        cancel_url=page,
    )


def give_up(checkout: Checkout) -> None:
    """The follower would rather have another time. What is paid all the same is found.

    Outside of any transaction: the provider is told, where it can close what is to be paid.
    """
    if let_go(checkout, "given up"):
        close_order(checkout)


def let_go(checkout: Checkout, why: str) -> bool:
    changed = Checkout.objects.filter(pk=checkout.pk, state=CheckoutState.OPEN).update(
        state=CheckoutState.EXPIRED, last_error=why[:500]
    )
    return bool(changed)


def close_order(checkout: Checkout) -> None:
    """A courtesy: whoever pays all the same gets the time if it is free, or the money back."""
    orders = orders_at(checkout.provider)
    if orders is None or not checkout.provider_ref:
        return
    try:
        orders.close(checkout.provider_ref)
    except Exception as error:
        logger.info("checkout %s stays open at the provider: %s", checkout.pk, error)
