"""All addresses of the product, collected from the views that answer them."""

from __future__ import annotations

from django.urls import URLPattern

from bookings.views import accounts, buying, demo, expert, follower, pages, webhooks

urlpatterns: list[URLPattern] = [
    *expert.urlpatterns,
    *follower.urlpatterns,
    *buying.urlpatterns,
    *webhooks.urlpatterns,
    *accounts.urlpatterns,
    *pages.urlpatterns,
    *demo.urlpatterns,
]
