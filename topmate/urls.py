"""All addresses: the admin, the probes, and the product at the root."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from topmate import health

urlpatterns = [
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("healthz/deep", health.deep, name="healthz_deep"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics_page, name="metrics"),
    path("", include("bookings.urls")),
]
handler400 = "bookings.views.errors.bad_request"
handler403 = "bookings.views.errors.permission_denied"
handler404 = "bookings.views.errors.not_found"
handler500 = "bookings.views.errors.server_error"
