"""All addresses of the product, collected from the views that answer them."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
for _name in ("expert", "follower", "accounts", "pages", "demo", "webhooks"):
    if find_spec(f"bookings.views.{_name}"):
        urlpatterns += getattr(import_module(f"bookings.views.{_name}"), "urlpatterns", [])
