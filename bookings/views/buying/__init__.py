"""Buying a call: an expert's public page, choosing a time, paying, and coming back."""

from __future__ import annotations

from django.urls import URLPattern, path

from bookings.views.buying.checkout import (
    again,
    back,
    check,
    checkout,
    checkout_calendar,
    leave,
    pay,
)
from bookings.views.buying.shop import buy, shop

urlpatterns: list[URLPattern] = [
    path("with/<slug:slug>/", shop, name="shop"),
    path("with/<slug:slug>/<int:service_id>/", buy, name="buy"),
    path("checkout/<slug:key>/", checkout, name="checkout"),
    path("checkout/<slug:key>/pay/", pay, name="checkout_pay"),
    path("checkout/<slug:key>/check/", check, name="checkout_check"),
    path("checkout/<slug:key>/call.ics", checkout_calendar, name="checkout_calendar"),
    path("checkout/<slug:key>/leave/", leave, name="checkout_leave"),
    path("checkout/<slug:key>/again/", again, name="checkout_again"),
    path("checkout/<slug:key>/back/", back, name="checkout_back"),
]
