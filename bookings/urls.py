"""All addresses of the product, collected from the views that answer them."""

from __future__ import annotations

from django.urls import URLPattern

from bookings.views import accounts, demo, expert, follower, pages

urlpatterns: list[URLPattern] = [
    *expert.urlpatterns,
    *follower.urlpatterns,
    *accounts.urlpatterns,
    *pages.urlpatterns,
    *demo.urlpatterns,
]
