"""The expert's pages and actions."""

from __future__ import annotations

from django.urls import URLPattern, path

from bookings.views.expert import actions, bulk, dashboards, home, page

urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("start/", home.start, name="start"),
    path("need-action/", dashboards.need_action, name="need_action"),
    path("need-action/waiting/", dashboards.waiting, name="waiting"),
    path("need-action/count/", dashboards.need_count, name="need_count"),
    path("need-action/reschedule/", bulk.bulk_reschedule, name="bulk_reschedule"),
    path("need-action/reschedule/undo/", bulk.bulk_undo, name="bulk_undo"),
    path("completed-calls/", dashboards.completed_calls, name="completed_calls"),
    path("upcoming/", dashboards.upcoming, name="upcoming"),
    path("bookings/<slug:code>/", page.booking, name="booking"),
    path("bookings/<slug:code>/row/", dashboards.row, name="booking_row"),
    path("bookings/<slug:code>/reschedule/", actions.reschedule, name="reschedule"),
    path("bookings/<slug:code>/mark-completed/", actions.mark_completed, name="mark_completed"),
    path("bookings/<slug:code>/refund/", actions.refund_now, name="refund_now"),
    path("bookings/<slug:code>/cancel/", actions.cancel, name="cancel"),
    path("bookings/<slug:code>/withdraw-offer/", actions.withdraw_offer, name="withdraw_offer"),
    path("bookings/<slug:code>/undo/", actions.undo, name="undo"),
    path("bookings/<slug:code>/resend/", actions.resend_offer, name="resend_offer"),
]
