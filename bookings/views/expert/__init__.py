"""The expert's pages and actions."""

from __future__ import annotations

from django.urls import URLPattern, path

from bookings.views.expert import home

urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
]
