"""All addresses of the product, collected from the views that answer them."""

from __future__ import annotations

from django.urls import URLPattern

from bookings import demo_inbox
from bookings.views import (
    accounts,
    actions,
    availability,
    buying,
    calls,
    data,
    follower,
    invitations,
    pages,
    pick,
    security,
    setup,
    shop,
    webhooks,
)

urlpatterns: list[URLPattern] = [
    *calls.urlpatterns,
    *actions.urlpatterns,
    *availability.urlpatterns,
    *shop.urlpatterns,
    *setup.urlpatterns,
    *invitations.urlpatterns,
    *accounts.urlpatterns,
    *data.urlpatterns,
    *security.urlpatterns,
    *pick.urlpatterns,
    *follower.urlpatterns,
    *buying.urlpatterns,
    *webhooks.urlpatterns,
    *pages.urlpatterns,
    *demo_inbox.urlpatterns,
]
