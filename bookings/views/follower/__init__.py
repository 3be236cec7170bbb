"""A follower's pages. They are opened from private links in e-mails, without signing in.

Opening one (GET, HEAD, a mail scanner) changes nothing, ever; only a pressed button (POST) acts.
"""

from __future__ import annotations

from django.urls import URLPattern, path

from bookings.views.follower.contest import contest
from bookings.views.follower.new_link import new_link
from bookings.views.follower.pick import pick, refund_instead
from bookings.views.follower.report import move_instead, report, withdraw_report
from bookings.views.follower.status import status, status_calendar
from bookings.views.follower.zones import time_zones

urlpatterns: list[URLPattern] = [
    path("pick/<str:token>/", pick, name="pick"),
    path("pick/<str:token>/refund/", refund_instead, name="refund_instead"),
    path("report/<str:token>/", report, name="report"),
    path("report/<str:token>/withdraw/", withdraw_report, name="withdraw_report"),
    path("report/<str:token>/move/", move_instead, name="move_instead"),
    path("contest/<str:token>/", contest, name="contest"),
    path("status/<str:token>/", status, name="status"),
    path("status/<str:token>/call.ics", status_calendar, name="status_calendar"),
    path("time-zones/", time_zones, name="time_zones"),
    path("link/<str:purpose>/<str:token>/send/", new_link, name="new_link"),
]
